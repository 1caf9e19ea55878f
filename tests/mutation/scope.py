"""Which modules are mutated, and which tests must notice: pure and fast ones, run again for each mutant."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "src" / "pytest_paygate"

# Module below src/pytest_paygate → files below tests. It grows until it is all of core.
SCOPE: dict[str, tuple[str, ...]] = {
    "core/verdict.py": (
        "unit/core/test_verdict.py",
        "unit/core/test_waivers.py",
        "unit/core/test_proof.py",
        "properties/test_verdict_properties.py",
    ),
    "core/exposure.py": ("unit/core/test_exposure.py", "unit/core/test_exposure_rules.py"),
    "core/interlock.py": ("unit/core/test_interlock.py", "unit/core/test_interlock_words.py"),
    "core/redaction.py": ("unit/core/test_facts_and_redaction.py",),
    "core/money.py": ("unit/core/test_money.py",),
    "core/approval.py": ("unit/core/test_approval.py",),
}
# Two searches of thousands of examples: each mutant has to be noticed without them, in a fraction of their time.
SLOW = ("-k", "not never_pass_wrongly")


def chosen(names: list[str]) -> list[str]:
    """The modules of these names (`verdict`, `core/verdict.py`), all of them when none is named.

    Raises:
        ValueError: for a name that is not in the scope.
    """
    short = {Path(module).stem: module for module in SCOPE}
    for name in names:
        if name not in SCOPE and name not in short:
            raise ValueError(f"{name} is not mutated; choose from {', '.join(short)}")
    return [short.get(name, name) for name in names] or list(SCOPE)


def dotted(module: str) -> str:
    """The import name of a module of the scope."""
    return "pytest_paygate." + module.removesuffix(".py").replace("/", ".")

"""What stands below the options of each command's `--help`: examples that can be typed, and what its exit codes mean.

Kept here and not with the commands, so that all of it can be read and compared in one place. What a command does
its own docstring says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_paygate.core.verdict import EXIT_CODES, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    import click

_REFUSED = "refused, or a wrong command line; the text says why"
_ESCALATED = EXIT_CODES[Verdict.ESCALATED]
_PENDING = EXIT_CODES[Verdict.PENDING]


@dataclass(frozen=True, slots=True)
class HelpText:
    """Examples and exit codes of one command. Code 2 is everybody's and is added where it is not named."""

    examples: tuple[str, ...]
    codes: Mapping[int, str]

    def epilog(self) -> str:
        """The text below the options; the marks keep its lines as they are."""
        codes = {2: _REFUSED, **self.codes}
        lines = ["\b", "Examples:", *(f"  {example}" for example in self.examples)]
        lines += ["", "\b", "Exit codes:", *(f"  {code:<4} {codes[code]}" for code in sorted(codes))]
        return "\n".join(lines)


HELP: Mapping[str, HelpText] = {
    "": HelpText(
        ("paygate init", "paygate doctor", "pytest suites/e2e", "paygate COMMAND --help"),
        {0: "done; a command that decides something has more, see its own --help"},
    ),
    "approve": HelpText(
        ("paygate approve approvals/…/plan.json --by bob@example.test --key ~/.ssh/id_ed25519",), {0: "approved"}
    ),
    "archive": HelpText(
        ("paygate archive 20261121T091500123Z-1a2b3c4d",), {0: "archived; nothing was removed where it was"}
    ),
    "capacity": HelpText(("paygate capacity --env prod", "paygate capacity --all"), {0: "shown"}),
    "capacity grant": HelpText(
        ('paygate capacity grant --env prod --by Ann --reason "a new month"',), {0: "granted, once it was typed"}
    ),
    "capacity override": HelpText(
        ('paygate capacity override --by Ann --reason "the launch" --until 2026-11-21T12:00:00Z',),
        {0: "the next charge may pass the pause, once"},
    ),
    "completion": HelpText(
        (
            "paygate completion bash > ~/.local/share/bash-completion/completions/paygate",
            "paygate completion zsh > ~/.zfunc/_paygate",
            "paygate completion fish > ~/.config/fish/completions/paygate.fish",
        ),
        {0: "printed"},
    ),
    "config": HelpText(("paygate config --explain", "paygate config --explain --env staging"), {0: "shown"}),
    "countersign": HelpText(
        ("paygate countersign 20261121T091500123Z-1a2b3c4d --by bob@example.test --key ~/.ssh/id_ed25519",),
        {0: "signed"},
    ),
    "doctor": HelpText(
        ("paygate doctor", "paygate doctor --env production", "paygate doctor --env staging --json"),
        {0: "no line failed; there may be warnings", 1: "a line failed"},
    ),
    "explain": HelpText(("paygate explain 20261121T091500123Z-1a2b3c4d 6",), {0: "explained"}),
    "gate": HelpText(
        ("paygate gate e2e --require live --max-age 7d --commit $(git rev-parse HEAD) --policy policy.toml",),
        {
            0: "GO, verified",
            1: "NO-GO",
            2: "refused, or a run that is not believed",
            3: "cannot decide; never to be taken for 0",
            _PENDING: "PENDING: something is missing that only a person can give, or there is no run yet",
        },
    ),
    "history": HelpText(("paygate history", "paygate history e2e --env prod --format csv"), {0: "shown"}),
    "init": HelpText(
        ("paygate init", "paygate init --defaults --ci github", "paygate init --gate microcharge --dry-run"),
        {0: "written, or there already", 130: "ended by the person; nothing was written"},
    ),
    "orphans": HelpText(
        ("paygate orphans --env prod", "paygate orphans --env prod --since 7d --refund"),
        {0: "nothing of ours is outstanding", _ESCALATED: "money is outstanding"},
    ),
    "plan": HelpText(("paygate plan", "paygate plan --env prod --gate suites/e2e --by ann@example.test"), {0: "made"}),
    "recover": HelpText(
        ("paygate recover --env prod", "paygate recover 20261121T091500123Z-1a2b3c4d"),
        {0: "nothing is open any more", _ESCALATED: "money is outstanding"},
    ),
    "report": HelpText(
        ("paygate report 20261121T091500123Z-1a2b3c4d --format html --out report.html", "paygate report --diff A B"),
        {0: "rendered"},
    ),
    "sandbox": HelpText(
        (
            "paygate sandbox --environment staging",
            "paygate sandbox --environment live",
            "paygate sandbox --port-base 0 --json",
            "paygate sandbox --list-faults",
        ),
        {0: "ended by a signal", 1: "it could not be started"},
    ),
    "sign-off": HelpText(("paygate sign-off e2e/funds_seen --by Ann --evidence statement.pdf",), {0: "signed"}),
    "verify": HelpText(
        ("paygate verify reports/e2e/20261121T091500123Z-1a2b3c4d --policy policy.toml",),
        {
            0: "valid, and PASS",
            1: "valid, and the verdict is another one",
            2: "invalid, or refused",
            3: "cannot decide; never to be taken for 0",
        },
    ),
    "watch": HelpText(
        ("paygate watch --env prod --for 24h", "paygate watch --endpoint api=https://shop.example/health --once"),
        {0: "ended, and nothing was lost", 1: "samples were lost, or --once or --for saw another answer than 200"},
    ),
}


def described(command: click.Command, name: str) -> click.Command:
    """Give a command and its subcommands their text; a text of its own stays.

    Args:
        command: as its module made it.
        name: as it is typed, without `paygate`.
    """
    known = HELP.get(name)
    if known is not None and not command.epilog:
        command.epilog = known.epilog()
    for below, one in getattr(command, "commands", {}).items():
        described(one, f"{name} {below}".strip())
    return command

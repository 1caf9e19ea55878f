"""Reading `golive.toml`, which stands beside the reports folder: what a team adds to the launch checklist."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

from pytest_paygate.core.errors import configuration
from pytest_paygate.core.launch import GoLive
from pytest_paygate.core.model import parse

if TYPE_CHECKING:
    from pathlib import Path

NAME = "golive.toml"
_FIX = f"Correct {NAME}; its keys are listed in docs/reference/go-live.md."


def read_go_live(reports: Path) -> GoLive:
    """What the team has added; nothing when there is no such file.

    Args:
        reports: the reports folder.

    Raises:
        ConfigurationError: naming file, key and value of what is wrong in it.
    """
    path = reports.absolute().parent / NAME
    if not path.exists():
        return GoLive()
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise configuration(
            NAME, "is not readable TOML", expected="a UTF-8 TOML document", observed=str(error), next_step=_FIX
        ) from None
    go_live = parse(GoLive, document, file=NAME, next_step=_FIX)
    ids = [item.id for item in go_live.items]
    twice = sorted({one for one in ids if ids.count(one) > 1})
    if twice:
        raise configuration(
            f"{NAME}: item {twice[0]}",
            "is there more than once",
            expected="each item id once",
            observed=f"{ids.count(twice[0])} times",
            next_step=_FIX,
        )
    for item in go_live.items:
        for gate in item.gates:
            if go_live.gates and gate not in go_live.gates:
                raise configuration(
                    f"{NAME}: item {item.id}.gates",
                    "names a gate that the launch does not need",
                    expected=f"one of gates = {list(go_live.gates)}",
                    observed=repr(gate),
                    next_step=_FIX,
                )
    return go_live

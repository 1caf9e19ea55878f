"""How a command ends that was refused: the five sentences on standard error, and exit code 2."""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import click

from pytest_paygate.core.errors import PaygateError

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")
REFUSED = 2


def told(command: Callable[P, T]) -> Callable[P, T]:
    """Print a refusal instead of a traceback."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return command(*args, **kwargs)
        except PaygateError as error:
            click.echo(error.refusal.text(), err=True)
            sys.exit(REFUSED)

    return wrapped

"""Every way this project says no, and the five things each refusal tells.

A refusal says what was refused, what was expected, what was observed, what it means for the money, and what to do next.
Wrong call order inside the project is a `RuntimeError` (our bug), never one of these.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

NOTHING_MOVED = "No money moved."


@dataclass(frozen=True, slots=True)
class Refusal:
    """The five sentences of a refusal. Each is complete without the others."""

    refused: str
    expected: str
    observed: str
    money: str
    next_step: str

    def text(self) -> str:
        """The refusal as the operator reads it, one labelled line each."""
        return (
            f"{self.refused}\n"
            f"  expected  {self.expected}\n"
            f"  observed  {self.observed}\n"
            f"  money     {self.money}\n"
            f"  next      {self.next_step}"
        )


class PaygateError(Exception):
    """Root of the tree: always carries a `Refusal`, and prints it."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.refused)
        self.refusal = refusal

    def __str__(self) -> str:
        return self.refusal.text()


class ConfigurationError(PaygateError):
    """A file, option, marker or key of the project's own set-up is wrong. Nothing has been sent."""


class JournalError(PaygateError):
    """The journal cannot be written, or what it holds cannot be trusted."""


class MissingFactError(PaygateError):
    """A row needs a fact that no earlier row recorded; the row is BLOCKED, and the fact is named."""

    def __init__(self, name: str, refusal: Refusal) -> None:
        super().__init__(refusal)
        self.name = name


class RowFailedError(PaygateError):
    """A row saw something other than what was expected; the row is FAIL."""


class GuardBreachError(RowFailedError):
    """A guard is breached, or cannot be read: the run is stopped, and nothing after it runs."""


class RowPendingError(PaygateError):
    """A row waits for something only a person can give and nobody gave it; the row is PENDING."""


class TargetError(PaygateError):
    """The target could not be reached or did not answer as agreed. It never means `not charged`.

    `failure` is the journal's word for what happened; `unsent` is True only when no connection ever came about.
    """

    def __init__(self, refusal: Refusal, *, failure: str = "", unsent: bool = False) -> None:
        super().__init__(refusal)
        self.failure = failure
        self.unsent = unsent


class ProviderError(PaygateError):
    """A provider refused a call or could not be read.

    `status` is the HTTP status (0 when none arrived), `code` the provider's error code, `request_id` the provider's own
    id of the call, each empty when unknown.
    """

    def __init__(self, refusal: Refusal, *, status: int = 0, code: str = "", request_id: str = "") -> None:
        super().__init__(refusal)
        self.status = status
        self.code = code
        self.request_id = request_id


class InterlockError(PaygateError):
    """A condition for moving money does not hold; nothing moves. `conditions` names each one that does not."""

    def __init__(self, conditions: tuple[str, ...], refusal: Refusal) -> None:
        super().__init__(refusal)
        self.conditions = conditions


class ApprovalError(PaygateError):
    """A plan or an approval is damaged, for something else, expired, used or not signed as it must be."""


class StoreError(PaygateError):
    """What live runs share cannot be read or written, or somebody else holds the environment's lock."""


class SamplesError(PaygateError):
    """Samples of a service's health cannot be read or kept; a window over them is not healthy."""


class DatabaseError(PaygateError):
    """The target's database could not be read."""


def nearest(value: str, known: Iterable[str]) -> str:
    """Return ` Did you mean 'x'?` for the closest known value, or nothing."""
    close = get_close_matches(value, known, cutoff=0.5)
    return f" Did you mean {close[0]!r}?" if close else ""


def configuration(where: str, what: str, *, expected: str, observed: str, next_step: str) -> ConfigurationError:
    """Build the error of a wrong file, key or option; nothing has been sent when it is raised.

    Args:
        where: file and key, such as `paygate.toml: env.staging.base_url`.
        what: what is refused, as a clause that follows `where`.
        expected: what would have been accepted.
        observed: what stood there.
        next_step: what to write or run.
    """
    refusal = Refusal(
        refused=f"{where}: {what}",
        expected=expected,
        observed=observed,
        money=NOTHING_MOVED,
        next_step=next_step,
    )
    return ConfigurationError(refusal)

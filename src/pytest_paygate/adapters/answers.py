"""An answer as a row may use it: status, headers, and a strictly parsed document.

Owns the refusals of an answer that arrived but is not what was agreed. Nothing of a body ever enters a text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_paygate.adapters.http_date import date_of
from pytest_paygate.adapters.http_limits import NotStrictJsonError, parse_json
from pytest_paygate.core.errors import Refusal, TargetError
from pytest_paygate.core.secret import looks_secret

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

READ_MONEY = "No money moved."
UNKNOWN_MONEY = "Unknown: the request may have been carried out. Look it up before anything is sent again."
_ELSEWHERE = "See what answers at this address: a proxy's error page, another release, another service."
_READS = frozenset({"GET", "HEAD"})
_MEDIA_TYPE = re.compile(r"[a-z]{1,20}/[a-z0-9.+-]{1,40}")


def money_sentence(method: str, *, sent: bool = True) -> str:
    """What a failed exchange means for the money: only a read, or a request that never left, moved nothing."""
    return UNKNOWN_MONEY if sent and method not in _READS else READ_MONEY


@dataclass(frozen=True, slots=True)
class Answer:
    """One complete answer, already in the journal under `exchange_seq`.

    `path` has passed redaction. `trace_echo` is the trace id the party sent back, empty when it sent none of our form.
    """

    party: str
    method: str
    path: str
    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    elapsed_seconds: float
    trace_echo: str
    exchange_seq: int

    @property
    def answered_at(self) -> datetime | None:
        """When the party answered, by its own `Date` header; None without a readable one."""
        return date_of(self.headers)

    def json(self) -> object:
        """The body as one JSON document: UTF-8, no repeated key, no NaN.

        Raises:
            TargetError: when it is not.
        """
        try:
            return parse_json(self.body)
        except NotStrictJsonError as error:
            raise self._refused(
                "cannot be read as JSON",
                expected="one JSON document in UTF-8, every key once, finite numbers",
                observed=f"{len(self.body)} bytes, {self._content_type()}: {error}",
            ) from None

    @property
    def data(self) -> object:
        """What the envelope with the one key `data` holds.

        Raises:
            TargetError: when the body is not JSON or has no such envelope.
        """
        document = self.json()
        if isinstance(document, dict) and "data" in document:
            return document["data"]
        shape = f"an object with {len(document)} keys" if isinstance(document, dict) else f"a {_kind(document)}"
        raise self._refused(
            "has no data envelope",
            expected='an object with the key "data"',
            observed=f"{shape}, without it",
            next_step="Read answer.json() where the API has no such envelope; else see what answers at this address.",
        )

    @property
    def text(self) -> str:
        """The body as UTF-8 text, for answers that are not JSON such as metrics.

        Raises:
            TargetError: when it is not UTF-8.
        """
        try:
            return self.body.decode()
        except UnicodeDecodeError:
            raise self._refused(
                "cannot be read as text",
                expected="UTF-8",
                observed=f"{len(self.body)} bytes, {self._content_type()}, not UTF-8",
            ) from None

    def _content_type(self) -> str:
        name = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        return name if _MEDIA_TYPE.fullmatch(name) and not looks_secret(name) else "untyped"

    def _refused(self, what: str, *, expected: str, observed: str, next_step: str = _ELSEWHERE) -> TargetError:
        return TargetError(
            Refusal(
                refused=f"{self.party}: the answer to {self.method} {self.path} {what}",
                expected=expected,
                observed=f"status {self.status}, {observed}",
                money=money_sentence(self.method),
                next_step=next_step,
            )
        )


def _kind(document: object) -> str:
    names = {list: "list", str: "text", bool: "truth value", int: "number", float: "number"}
    return names.get(type(document), "null")

"""The choke point: which fields of an answer may be kept, and in which shape.

Allow-list only. A field is kept when its name is listed here (or declared as a fact by the gate) and its value fits the
kind listed with it; everything else is counted and dropped. Ids, amounts and times pass unaltered: nothing here
rewrites a value.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from pytest_paygate.core.facts import FactKind, FactShapeError, from_json, shown, to_json
from pytest_paygate.core.secret import looks_secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Scalar: TypeAlias = str | int | float | bool

MAX_FIELDS = 40
MAX_NODES = 4_000
MAX_DEPTH = 8
MAX_LISTED = 8
_SEGMENT = re.compile(r"[A-Za-z0-9._~:@-]{1,80}")
_TRACE = re.compile(r"[A-Z][A-Z0-9-]{1,40}-[0-9]{10}-[A-Za-z0-9]{4,32}")

_KINDS: dict[FactKind, str] = {
    FactKind.IDENTIFIER: """
        id order_id payment_id hyperswitch_payment_id payment_intent payment_intent_id charge latest_charge refund_id
        refund license_id licence_id stripe_transfer_id transfer transfer_id product_id product price event_id
        account destination source_transaction balance_transaction connector_transaction_id connector_refund_id
        attempt_id transfer_group merchant_id profile_id payment_link_id request_id hyperswitch_refund_id
    """,
    FactKind.WORD: """
        status payment_status refund_status state type object brand network funding processor connector environment
        currency code decline_code error_code reason pending_reason failure_code failure_reason reporting_category
        tax_rate title capture_method kind event_type country mode
    """,
    FactKind.WORDS: "rights",
    FactKind.INTEGER: """
        amount amount_minor amount_received amount_capturable amount_captured amount_refunded amount_reversed fee net
        price_minor total_minor tax_minor quantity attempt_count pending_webhooks created available_on expires_at
        net_amount amount_total amount_subtotal
    """,
    FactKind.LAST4: "last4",
    FactKind.FLAG: "livemode captured paid refunded reversed has_more charges_enabled payouts_enabled",
    FactKind.TIME: "created_at updated_at issued_at revoked_at",
}
ALLOWED: dict[str, FactKind] = {name: kind for kind, names in _KINDS.items() for name in names.split()}


@dataclass(frozen=True, slots=True)
class Kept:
    """What an answer leaves behind: allowed fields by path, and how many were dropped."""

    fields: Mapping[str, Scalar] = field(default_factory=dict)
    dropped: int = 0


def keep(document: object, extra: Mapping[str, FactKind] | None = None) -> Kept:
    """Reduce a parsed JSON document to its allowed fields.

    Args:
        document: anything `json.loads` returned.
        extra: more field names with their kinds, as declared by a gate.

    Returns:
        At most `MAX_FIELDS` fields, keyed by path such as `data.order_id` or `data.0.price_minor`.
    """
    allowed = {**ALLOWED, **(extra or {})}
    fields: dict[str, Scalar] = {}
    dropped = 0
    for nodes, (path, name, value) in enumerate(_leaves(document, "", "", 0)):
        if nodes >= MAX_NODES:
            break
        kind = allowed.get(name)
        encoded = None if kind is None else _encoded(kind, value)
        if encoded is None or len(fields) >= MAX_FIELDS:
            dropped += 1
        else:
            fields[path] = encoded
    return Kept(fields, dropped)


def plain(value: object) -> str:
    """A value for a message: shown when it is a number, money, a time or plain short words, described otherwise.

    A list or a tuple is shown one by one, the first `MAX_LISTED` of it, and how many more there are.
    """
    if not isinstance(value, list | tuple):
        return _plain(value)
    more = len(value) - MAX_LISTED
    told = [*map(_plain, value[:MAX_LISTED]), *([f"and {more} more"] if more > 0 else [])]
    return ", ".join(told) or "none"


def _plain(value: object) -> str:
    for kind in (
        FactKind.FLAG,
        FactKind.INTEGER,
        FactKind.SECONDS,
        FactKind.MONEY,
        FactKind.TIME,
        FactKind.IDENTIFIER,
        FactKind.WORD,
    ):
        with suppress(FactShapeError):
            return shown(from_json(kind, to_json(kind, value)))
    if value is None:
        return "nothing"
    if isinstance(value, str | bytes | list | tuple | dict):
        return f"a {type(value).__name__} of length {len(value)} that is not shown"
    return f"a {type(value).__name__} that is not shown"


def safe_path(path: str) -> str:
    """A URL path without query, each segment kept only when it is plain and does not look like a secret."""
    segments = path.partition("?")[0].partition("#")[0].split("/")
    plain = [part if not part or (_SEGMENT.fullmatch(part) and not looks_secret(part)) else "…" for part in segments]
    return "/".join(plain[:20])


def safe_trace_id(text: str | None) -> str:
    """A trace id of our own form, or nothing."""
    return text if text is not None and _TRACE.fullmatch(text) else ""


def _encoded(kind: FactKind, value: object) -> Scalar | None:
    try:
        encoded = to_json(kind, value)
    except FactShapeError:
        return None
    if isinstance(encoded, list):
        return ", ".join(encoded)
    return encoded if isinstance(encoded, str | int | float | bool) else None


def _leaves(node: object, path: str, name: str, depth: int) -> Iterator[tuple[str, str, object]]:
    """Walk a document; a list of plain values counts as one leaf so that `rights` can be kept whole."""
    if depth > MAX_DEPTH:
        yield path, name, None
    elif isinstance(node, dict):
        for key, value in node.items():
            plain = key if isinstance(key, str) and re.fullmatch(r"[a-z0-9_]{1,40}", key) else "…"
            yield from _leaves(value, f"{path}.{plain}" if path else plain, plain, depth + 1)
    elif isinstance(node, list) and any(isinstance(item, dict | list) for item in node):
        for index, item in enumerate(node[:64]):
            yield from _leaves(item, f"{path}.{index}" if path else str(index), name, depth + 1)
    else:
        yield path, name, node

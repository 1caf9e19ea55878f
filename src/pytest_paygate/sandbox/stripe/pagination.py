"""Lists: newest first, cursors by id, filters on stored members."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import sql

from pytest_paygate.sandbox.stripe import errors, shapes
from pytest_paygate.sandbox.stripe.parameters import Spec, created_filter, integer, items, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_paygate.sandbox.stripe.context import Call, Json

LIMIT_DEFAULT = 10
SPEC: Spec = {
    "limit": integer(1, 100),
    "starting_after": text(255),
    "ending_before": text(255),
    "expand": items(text()),
}
SPEC_CREATED: Spec = SPEC | {"created": created_filter()}
_COMPARISONS = {"eq": "=", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_COLUMNS = frozenset({"payment_intent", "charge", "transfer_group", "source"})


async def page(  # noqa: PLR0913 - one list endpoint's choices, mostly by keyword
    call: Call,
    object_name: str,
    sent: Json,
    *,
    url: str,
    where: Mapping[str, Any] | None = None,
    created_since: int | None = None,
) -> Json:
    """One page of the call's mode.

    Args:
        call: the unit of work.
        object_name: which objects.
        sent: parsed list parameters.
        url: the list's own address, as shown.
        where: members that must equal a value; None members are no filter, a tuple means any of its values.
        created_since: oldest time of creation shown at all, in seconds since the epoch.

    Raises:
        StripeError: 400 for two cursors or a cursor that names nothing.

    """
    if "starting_after" in sent and "ending_before" in sent:
        raise errors.invalid("You cannot specify both ending_before and starting_after.", param="ending_before")
    parts: list[sql.Composable] = [sql.SQL("object = %s AND livemode = %s")]
    values: list[Any] = [object_name, call.livemode]
    for name, value in (where or {}).items():
        if value is not None:
            parts.append(_filter(name, value))
            values.append(list(value) if isinstance(value, tuple) else value)
    for name, value in (sent.get("created") or {}).items():
        parts.append(sql.SQL("created {} %s").format(sql.SQL(_COMPARISONS[name])))
        values.append(value)
    if created_since is not None:
        parts.append(sql.SQL("created >= %s"))
        values.append(created_since)
    backwards = "ending_before" in sent
    cursor_name = "ending_before" if backwards else "starting_after"
    if cursor_name in sent:
        parts.append(sql.SQL("seq > %s" if backwards else "seq < %s"))
        values.append(await _position(call, object_name, sent[cursor_name], cursor_name))
    limit = sent.get("limit", LIMIT_DEFAULT)
    query = sql.SQL("SELECT body FROM stripe.objects WHERE {} ORDER BY seq {} LIMIT %s").format(
        sql.SQL(" AND ").join(parts), sql.SQL("ASC" if backwards else "DESC")
    )
    cursor = await call.connection.execute(query, [*values, limit + 1])
    bodies = [row[0] for row in await cursor.fetchall()]
    shown = bodies[:limit]
    if backwards:
        shown.reverse()
    return shapes.listing(url, shown, has_more=len(bodies) > limit)


def page_of(rows: list[Json], sent: Json, url: str) -> Json:
    """One page of a list that is kept inside its parent, already newest first.

    Raises:
        StripeError: 400 for a cursor that names nothing.

    """
    limit = sent.get("limit", LIMIT_DEFAULT)
    ids = [row["id"] for row in rows]
    if "starting_after" in sent:
        rows = rows[_index(ids, sent["starting_after"], "starting_after") + 1 :]
    elif "ending_before" in sent:
        before = rows[: _index(ids, sent["ending_before"], "ending_before")]
        return shapes.listing(url, before[-limit:], has_more=len(before) > limit)
    return shapes.listing(url, rows[:limit], has_more=len(rows) > limit)


def _index(ids: list[str], wanted: str, param: str) -> int:
    if wanted not in ids:
        raise errors.no_such("item", wanted, param=param, status=400, other_mode=None)
    return ids.index(wanted)


def _filter(name: str, value: object) -> sql.Composable:
    target: sql.Composable = (
        sql.Identifier(name) if name in _COLUMNS else sql.SQL("body->>{}").format(sql.Literal(name))
    )
    if isinstance(value, tuple):
        return sql.SQL("{} = ANY(%s)").format(target)
    if isinstance(value, bool):
        return sql.SQL("({})::boolean = %s").format(target)
    return sql.SQL("{} = %s").format(target)


async def _position(call: Call, object_name: str, object_id: str, param: str) -> int:
    cursor = await call.connection.execute(
        "SELECT seq FROM stripe.objects WHERE id = %s AND object = %s AND livemode = %s",
        (object_id, object_name, call.livemode),
    )
    found = await cursor.fetchone()
    if found is None:
        raise errors.no_such(object_name, object_id, param=param, status=400, other_mode=None)
    return int(found[0])

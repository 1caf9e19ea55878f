"""What a forger does to witnesses, guards and capacity: in the gate, and in the journal that must bear it out."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

Line = dict[str, Any]

_HASH = "ab" * 32
_WINDOW: dict[str, Any] = {
    "kind": "window_checked",
    "endpoint": "a5",
    "source": "log",
    "since": "2026-11-20T00:00:00+00:00",
    "until": "2026-11-21T00:00:00+00:00",
    "interval_seconds": 60.0,
    "expected": 1440,
    "coverage_percent": 99.5,
    "coverage_min_percent": 95,
    "worst_gap_seconds": 60.0,
    "worst_gap_at": "",
    "gap_max_seconds": 300.0,
    "p95_ms": None,
    "p95_limit_ms": 500,
    "warm": 9,
    "cold": 1,
    "warm_up_seconds": 300.0,
    "warm_up_samples": 0,
}
_TAKEN: dict[str, Any] = {"kind": "capacity_taken", "line": 3, "line_sha256": _HASH, "log_sha256": _HASH, "left": 4}
_RETURNED: dict[str, Any] = {"kind": "capacity_returned", "left": 5, "reason": "nothing was sent"}
_WITNESS: dict[str, Any] = {"kind": "proof", "source": "provider ledger", "status": "holds", "extract_sha256": _HASH}


def _look(guard: str) -> dict[str, Any]:
    return {"kind": "guard_read", "guard": guard, "threshold": "at least 1", "observed": "5"}


# To be put in anywhere.
EVENTS: tuple[dict[str, Any], ...] = (
    *(_look(guard) for guard in ("one", "two", "late", "nobody")),
    _TAKEN,
    _RETURNED,
    {**_TAKEN, "override_by": "ann"},
    *(
        {**_WINDOW, "healthy": healthy, "seen": seen, "reasons": reasons}
        for healthy in (True, False)
        for seen in (0, 1430)
        for reasons in ([], ["there is no data"])
    ),
    {**_WITNESS, "name": "fresh", "witness": None},
    *(
        {**_WITNESS, "name": f"{claim}_{by}_too", "claim": claim, "witness": by, "ids": {"order_id": "o_1"}, **more}
        for claim in ("purchase", "delivery")
        for by in ("http", "log", "ledger", "post")
        for more in ({}, {"amount": "EUR 5.00"}, {"amount": "EUR 6.00"}, {"status": "missing"}, {"ids": {"x": 1}})
    ),
)
_GUARDS: tuple[str, ...] = (
    'id = "one"\ntitle = "t"\nat_least = 1\n',
    'id = "two"\ntitle = "t"\nat_least = 1\nsource = "capacity"\n',
    'id = "late"\ntitle = "t"\nequals = true\nafter_money = true\nescalates = true\n',
    'id = "one"\ntitle = "t"\nfact = "health_status"\nequals = 200\n',
    'id = "one"\ntitle = "t"\nat_most = "completed_within_seconds"\n',
    # Those that cannot be meant.
    'id = "one"\ntitle = "t"\n',
    'id = "One"\ntitle = "t"\nat_least = 1\n',
    'id = "one"\ntitle = ""\nat_least = 1\n',
    'id = "one"\ntitle = "t"\nfact = "nothing"\nequals = 200\n',
    'id = "one"\ntitle = "t"\nfact = "health_status"\nsource = "capacity"\nat_least = 1\n',
    'id = "one"\ntitle = "t"\nsource = "capacity"\nat_most = 1\n',
    'id = "one"\ntitle = "t"\nsource = "weather"\nat_least = 1\n',
    'id = "one"\ntitle = "t"\nequals = true\nescalates = true\n',
    'id = "one"\ntitle = "t"\nat_least = "nothing"\n',
    # Odd ones that can be meant.
    'id = "one"\ntitle = "t"\nequals = false\n',
    'id = "one"\ntitle = "t"\nequals = ""\n',
    'id = "one"\ntitle = "t"\nequals = 0\nsource = "capacity"\nat_least = 0\n',
    'id = "one"\ntitle = "t"\nfact = ""\nat_least = 1.5\nafter_money = false\n',
)
_CLAIMS: tuple[str, ...] = (
    'id = "delivery"\nneeds = ["http"]\n',
    'id = "purchase"\nneeds = ["http"]\n',
    'id = "delivery"\nneeds = ["log", "log"]\n',
    'id = "delivery"\nneeds = ["ledger"]\nmodes = ["live"]\n',
    'id = "purchase"\nneeds = ["log"]\nmodes = ["staging", "live"]\n',
    'id = "delivery"\nneeds = ["http"]\nmodes = ["sandbox", "sandbox"]\n',
    'id = "delivery"\nneeds = ["http"]\nmodes = []\n',
    'id = "delivery"\nneeds = []\n',
    'id = "delivery"\nneeds = ["post"]\n',
)
_WAIVERS: tuple[str, ...] = tuple(
    f'{target}\nowner = "cto"\nreason = "known"\nuntil = {until}\n'
    for target in ('row = "licence"', 'row = "order"', 'row = "health"', 'criterion = "funds_seen"', 'row = ""', "")
    for until in ("2999-12-31", "2020-01-01", '"2999-12-31"', '"2999-13-31"', '"tomorrow"', "1")
)
_HEADS: tuple[str, ...] = (
    'system = "fleet"\n',
    'system = "marketplace"\n',
    'system = "other"\n',
    'build = "health_status"\n',
    'build = "nothing"\n',
    "capacity = { required = true }\n",
    "capacity = { required = 1 }\n",
    "capacity = {}\n",
    "capacity = { required = false, more = 1 }\n",
)
_CRITERIA: tuple[str, ...] = tuple(
    f'id = "more"\ntitle = "t"\nowner = "o"\n{more}\n'
    for more in (
        *(f"person = true\ndue_days = {days}" for days in (0, 1, 90, 91, -1, "true", "1.0")),
        *('rows = ["nothing"]', "", 'person = true\nholds = [{ fact = "licence_gone", equals = false }]'),
        *(f'person = true\nholds = [{{ fact = "licence_gone", {one} }}]' for one in ('equals = ""', 'at_most = ""')),
        *('preflight = true\nholds = [{ fact = "health_status" }]', 'person = true\nmodes = ["live"]'),
    )
)


def tabled(chance: random.Random, text: str) -> str:
    """A gate with a table more, or two: guards, claims, waivers, criteria, or keys of its head."""
    for _ in range(chance.choice((1, 1, 2))):
        name, tables = chance.choice(
            (
                ("guards", _GUARDS),
                ("guards", _GUARDS),
                ("claims", _CLAIMS),
                ("waivers", _WAIVERS),
                ("criteria", _CRITERIA),
            )
        )
        if chance.random() < 0.2:
            text = text.replace("[gate]\n", f"[gate]\n{chance.choice(_HEADS)}", 1)
        else:
            text += f"\n[[{name}]]\n{chance.choice(tables)}"
    return text


def unread(text: str) -> object:
    """A gate as it stands in its file, whatever it says; empty when it is no TOML."""
    try:
        document = tomllib.loads(text)
        head = document.pop("gate", {})
        return json.loads(json.dumps({**head, **document}, default=str, allow_nan=False))
    except (ValueError, TypeError):
        return {}


def guarded(chance: random.Random, text: str, lines: list[Line]) -> str:
    """A gate that asks for looks at guards and for a unit, and a journal that mostly tells of them before the purchase."""
    if "[[guards]]" not in text:
        text += "".join(f"\n[[guards]]\n{one}" for one in _GUARDS[:3])
    if "capacity = " not in text:
        text = text.replace("[gate]\n", "[gate]\ncapacity = { required = true }\n", 1)
    told = [_look("one"), _look("two"), dict(_TAKEN)]
    match chance.randrange(6):
        case 0:
            del told[chance.randrange(3)]
        case 1:
            told.append(chance.choice((dict(_RETURNED), dict(_TAKEN), _look("late"), _look("nobody"))))
        case 2:
            told += [dict(_RETURNED), dict(_TAKEN)]
    at = next((at for at, line in enumerate(lines) if line["event"].get("kind") == "charge_intended"), len(lines))
    if chance.random() < 0.2:
        at = chance.randrange(1, len(lines) + 1)
    lines[at:at] = [{**lines[-1], "event": event} for event in told]
    if chance.random() < 0.3:
        last = chance.choice(({"kind": "charge_sent", "outcome": "not_sent"}, dict(_RETURNED), dict(_TAKEN)))
        lines.insert(chance.randrange(at, len(lines) + 1), {**lines[-1], "event": last})
    return text


def witnessed(chance: random.Random, lines: list[Line]) -> None:
    """One witness gone, doubled under another name, or one that tells something else."""
    places = [at for at, line in enumerate(lines) if line["event"].get("kind") == "proof"]
    if not places:
        return
    at = chance.choice(places)
    line = json.loads(json.dumps(lines[at]))
    event = line["event"]
    key, values = chance.choice(
        (
            ("status", ("holds", "missing", "contradicts", "unknown")),
            ("witness", ("http", "log", "ledger", None, "", "post")),
            ("claim", ("purchase", "refund", "delivery", "", None)),
            ("amount", ("EUR 5.00", "EUR 5.01", "", 5)),
            ("ids", ({}, {"order_id": "o_9"}, {"": ""}, {"order_id": 1}, [])),
            ("name", ("fresh", "other")),
            ("at", ("", "2026-11-21T07:39:35+00:00", 1)),
            ("extract_sha256", ("", _HASH, None)),
        )
    )
    ids = event.get("ids")
    match chance.randrange(5):
        case 0:
            del lines[at]
        case 1:
            event["name"] = "another"
            event[key] = chance.choice(values)
            lines.insert(at + 1, line)
        case 2 if isinstance(ids, dict) and ids:
            ids[chance.choice(sorted(ids))] = "o_9"
            lines[at] = line
        case _:
            event[key] = chance.choice(values)
            lines[at] = line


def every_gate(text: str) -> Iterator[str]:
    """The gate with each of the tables above by itself, and with one guard twice."""
    yield text + f"\n[[guards]]\n{_GUARDS[2]}" * 2
    for guard in _GUARDS:
        # One that is read before the purchase makes any journal without a look at it impossible.
        yield text + f"\n[[guards]]\n{guard}" + "after_money = true\n" * ("after_money" not in guard)
    for name, tables in (("guards", _GUARDS), ("claims", _CLAIMS), ("waivers", _WAIVERS), ("criteria", _CRITERIA)):
        for table in tables:
            yield f"{text}\n[[{name}]]\n{table}"
    for head in _HEADS:
        yield text.replace("[gate]\n", f"[gate]\n{head}", 1)


def every_journal(lines: list[Line]) -> Iterator[list[Line]]:
    """The journal with each of the events above around the purchase, with a unit taken before, and with proofs left out."""
    kinds = [line["event"]["kind"] for line in lines]
    at = kinds.index("charge_intended")
    bare = [line for line in lines if line["event"].get("name") != "fresh"]
    later = bare.index(lines[at]) + 1
    for event in EVENTS:
        told = {**lines[at], "event": event}
        taken = {**lines[at], "event": _TAKEN}
        yield [*lines[:at], told, *lines[at:]]
        yield [*lines[: at + 1], told, *lines[at + 1 :]]
        yield [*lines[:at], taken, lines[at], told, *lines[at + 1 :]]
        yield [*bare[:later], told, *bare[later:]]
    for place in [at for at, kind in enumerate(kinds) if kind == "proof"]:
        yield [*lines[:place], *lines[place + 1 :]]
        for more in ({"ids": dict.fromkeys(lines[place]["event"].get("ids", {}), "o_9")}, {"amount": "EUR 5.01"}):
            yield [*lines[:place], {**lines[place], "event": {**lines[place]["event"], **more}}, *lines[place + 1 :]]

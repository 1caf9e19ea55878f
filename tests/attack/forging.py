"""Forgeries without a mistake: a journal that tells what the forger likes, chained, listed and sealed anew.

The forger writes no wrong hash and no wrong spelling. What he can get wrong is only the story itself.
"""

from __future__ import annotations

import json
import random
import re
from typing import TYPE_CHECKING, Any

from pytest_paygate.core.bundle import GATE, PAYLOAD_TYPES, manifest, seal_names, statement
from pytest_paygate.core.envelope import Envelope, Signature, encode_envelope
from pytest_paygate.core.events import Mode, RowStatus
from pytest_paygate.core.gate import read_gate
from pytest_paygate.core.journal import GENESIS, line_hash, read
from pytest_paygate.core.run import fold
from pytest_paygate.core.strict import canonical, sha256
from tests.attack import forged_rules

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Files = dict[str, bytes]
Line = dict[str, Any]
_SEAL = re.compile(r"(manifest|attestation|countersignature)(-\d+)?\.json")


def lines_of(files: Files) -> list[Line]:
    """The lines of a run's first journal file."""
    return [json.loads(line) for line in files["journal.jsonl"].splitlines()]


def chained(lines: Sequence[Line], head: str = GENESIS) -> bytes:
    """A journal of some lines, numbered and chained from the start."""
    written = b""
    for number, line in enumerate(lines):
        content = canonical({**line, "seq": number, "prev": head})
        head = line_hash(content)
        written += content + b"\n"
    return written


def unsealed(files: Files, lines: Sequence[Line]) -> Files:
    """The files of a run with another journal, without any seal."""
    kept = {name: content for name, content in files.items() if not _SEAL.fullmatch(name)}
    return {**kept, "journal.jsonl": chained(lines)}


def enveloped(files: Files, said: bytes, previous: str = "", signatures: tuple[Signature, ...] = ()) -> Files:
    """The files under a seal that says what it is given."""
    names = seal_names(0)
    mode = next((mode for mode in Mode if f'"mode":"{mode.value}"'.encode() in said), Mode.SANDBOX)
    envelope = Envelope(PAYLOAD_TYPES[mode], said, signatures)
    return {**files, names[0]: manifest(files, previous), names[1]: encode_envelope(envelope)}


def said_of(files: Files, previous: str = "") -> bytes:
    """What the project would say of unsealed files.

    Raises:
        ValueError: when the journal tells a story that the project does not believe.
    """
    journal = read(files["journal.jsonl"], "journal.jsonl")
    listed = manifest(files, previous)
    name = seal_names(0)[0]
    return statement(fold(journal.entries), listed, manifest_name=name, journal_head=journal.head, previous=previous)


def resealed(files: Files, lines: Sequence[Line]) -> Files:
    """The files with another journal, sealed as the project would seal them.

    Raises:
        ValueError: when the journal tells a story that the project does not believe.
    """
    forged = unsealed(files, lines)
    return enveloped(forged, said_of(forged))


def forge(chance: random.Random, files: Files) -> tuple[Files, list[Line]]:
    """Change a run's story in one to three places; the files with a changed gate where that was one of them."""
    lines = lines_of(files)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        files = chance.choice(_CHANGES)(chance, files, lines)
    return files, lines


def _events(lines: list[Line], *kinds: str) -> list[dict[str, Any]]:
    return [line["event"] for line in lines if not kinds or line["event"]["kind"] in kinds]


def _status(chance: random.Random, files: Files, lines: list[Line]) -> Files:
    finished = chance.choice(_events(lines, "row_finished") or [{}])
    finished["status"] = chance.choice([*RowStatus]).value
    if chance.random() < _FAILED_CHECK:
        finished["failed_check"] = chance.choice(("", "one_charge"))
    return files


def _drop(chance: random.Random, files: Files, lines: list[Line]) -> Files:
    at = chance.randrange(len(lines))
    del lines[at : at + chance.choice((1, 1, 1, 2, 5))]
    lines.extend([] if lines else lines_of(files)[:1])
    return files


def _drop_event(chance: random.Random, files: Files, lines: list[Line]) -> Files:
    """One line of a kind that a verdict hangs on."""
    kinds = {str(line["event"]["kind"]) for line in lines} - {"exchange", "fact", "poll_read", "poll_finished"}
    kind = chance.choice(sorted(kinds) or [""])
    chosen = [at for at, line in enumerate(lines) if line["event"]["kind"] == kind]
    if chosen and len(lines) > 1:
        del lines[chance.choice(chosen)]
    return files


def _twice(chance: random.Random, files: Files, lines: list[Line]) -> Files:
    lines.insert(chance.randrange(len(lines) + 1), json.loads(json.dumps(chance.choice(lines))))
    return files


def _swap(chance: random.Random, files: Files, lines: list[Line]) -> Files:
    one, other = (chance.randrange(len(lines)) for _ in range(2))
    if chance.random() < 0.5:
        other = min(one + 1, len(lines) - 1)
    lines[one], lines[other] = lines[other], lines[one]
    return files


def _move(chance: random.Random, files: Files, lines: list[Line]) -> Files:
    lines.insert(chance.randrange(len(lines)), lines.pop(chance.randrange(len(lines))))
    return files


def _cut(chance: random.Random, files: Files, lines: list[Line]) -> Files:
    del lines[chance.randrange(1, len(lines) + 1) :]
    return files


_POOL: tuple[object, ...] = (
    *(
        0,
        1,
        -1,
        2,
        499,
        500,
        501,
        10**30,
        0.0,
        1.5,
        300.0004,
        300.001,
        -0.5,
        True,
        False,
        None,
        "",
        "PASS",
        "x",
        [],
        {},
    ),
    *(
        "EUR",
        "eur",
        "XXX",
        "JPY",
        "succeeded",
        "failed",
        "live",
        "sandbox",
        "seen",
        "not_sent",
        "resume",
        "holds",
        "missing",
    ),
    *(
        ["a"],
        ["a", 1],
        {"minor": 500, "currency": "EUR"},
        {"minor": 500},
        {"minor": True, "currency": "EUR"},
        {"a": "b"},
    ),
    *(
        "2026-11-21T07:39:35+00:00",
        "2026-11-21",
        "0001-01-01T00:00:00+23:59",
        "http://a.b/c",
        "HTTP://a.b/c",
        "https://a/?q",
    ),
    *("a b", "a_b", "ä", "a\nb", "4242", "42420", "health", "order", "e2e", "settling", "\u2028", "x" * 121, "x" * 129),
)


def _value(chance: random.Random, files: Files, lines: list[Line]) -> Files:
    """Any value of any event becomes any other."""
    event = chance.choice(_events(lines))
    key = chance.choice(sorted(event))
    event[key] = (
        chance.choice([event[key], *_POOL]) if chance.random() < 0.9 else chance.choice(_events(lines)).get(key)
    )
    return files


def _fact(chance: random.Random, files: Files, lines: list[Line]) -> Files:
    event = chance.choice(_events(lines, "fact") or [{}])
    event[chance.choice(("value", "value", "value", "name", "fact_kind"))] = chance.choice(
        [*_POOL, *(other.get("value") for other in _events(lines, "fact")), "seconds", "integer", "money"]
    )
    return files


def _key(chance: random.Random, files: Files, lines: list[Line]) -> Files:
    """A key more, or one less, in an event or around it."""
    target = chance.choice([*_events(lines), *lines])
    if chance.random() < 0.5:
        target.pop(chance.choice(sorted(target)))
    else:
        target[chance.choice(("extra", "row", "status", "amount_minor", "reason"))] = chance.choice(_POOL)
    if not all("event" in line and "kind" in line["event"] for line in lines):
        lines[:] = [line for line in lines if "event" in line and "kind" in line["event"]] or lines_of(files)
    return files


def _told(chance: random.Random, files: Files, lines: list[Line]) -> Files:
    """The first line says something else of the whole run."""
    started = lines[0]["event"]
    key, values = chance.choice(
        (
            ("mode", [mode.value for mode in Mode]),
            ("with_refund", [True, False]),
            ("environment", ["prod", "sandbox", ""]),
            ("commit", ["0" * 40]),
            ("schema_version", [0, 1, 2, True]),
            ("gate_sha256", ["0" * 64]),
            ("target", ["shop.example"]),
        )
    )
    started[key] = chance.choice(values)
    return files


_FAILED_CHECK = 0.3
_CHARGE = {"provider": "stripe", "charge_id": "ch_9", "payment_id": "pi_9", "currency": "EUR", "amount_minor": 500}
_PLAN = {"amount_minor": 500, "cap_minor": 500, "currency": "EUR"}
_REFUND = {**_CHARGE, "refund_id": "re_9", "status": "succeeded"}
_MORE: tuple[dict[str, Any], ...] = (
    {"kind": "anomaly", "code": "odd", "detail": "x"},
    {"kind": "run_stopped", "guard": "cap", "threshold": "1", "observed": "2"},
    {"kind": "run_escalated", "charge": "ch_9", "amount": "EUR 5.00", "reason": "refund failed"},
    {"kind": "run_finished", "complete": True, "reason": "x"},
    {"kind": "run_finished", "complete": False, "reason": "x"},
    *({"kind": "rescue_started", "by": by, "at_line": 3, "torn_bytes": 0} for by in ("recover", "resume", "guardian")),
    {"kind": "rescue_finished", "settled": True},
    *(
        {"kind": "proof", "name": f"p{one}", "source": "log", "status": one}
        for one in ("holds", "missing", "contradicts")
    ),
    *({"kind": f"phase_{what}", "phase": "settling"} for what in ("started", "finished")),
    *({"kind": "row_started", "row": row} for row in ("health", "order", "refund", "reversal")),
    *(
        {"kind": "row_finished", "row": row, "status": one}
        for row in ("refund", "reversal")
        for one in ("SKIPPED", "PASS")
    ),
    {"kind": "charge_intended", **_PLAN, "method": "POST", "path": "/", "body_sha256": "0"},
    {"kind": "charge_sent", "outcome": "not_sent"},
    {"kind": "charge_seen", **_CHARGE, "created": "2026-11-21T07:39:35+00:00"},
    {"kind": "charge_seen", **_CHARGE, "charge_id": "ch_8", "created": "2026-11-21T07:39:35+00:00"},
    {"kind": "refund_intended", **_CHARGE, "via": "target", "idempotency_key": "k"},
    {"kind": "refund_refused", "charge_id": "ch_9", "via": "target", "reason": "x"},
    *({"kind": "refund_seen", **_REFUND, **more} for more in ({}, {"status": "failed"}, {"currency": "JPY"})),
    *(
        {"kind": "payment_seen", "provider": "stripe", "payment_id": "pi_9", "status": "x", "payable": one}
        for one in (True, False)
    ),
    {"kind": "link_closing", "provider": "stripe", "payment_id": "pi_9"},
    {"kind": "ledger_looked", "reachable": True, "charges": 1, "unrefunded": 0, "payable": 0},
    *({"kind": "exposure_settled", "charges": n, "refunded_minor": 500 * n, "currency": "EUR"} for n in (0, 1, 2)),
    {"kind": "fence_taken", "store": "file", "fence": 7, "holder": "x", "lease_seconds": 30.0},
    {"kind": "operator_confirmed", "amount": "EUR 5.00", "waited_seconds": 1.0, "tries": 1},
    *forged_rules.EVENTS,
)


def _more(chance: random.Random, files: Files, lines: list[Line]) -> Files:
    """Events put in, at one place and in some order."""
    at = chance.choice((chance.randrange(1, len(lines) + 1), len(lines), len(lines)))
    new = [dict(chance.choice(_MORE)) for _ in range(chance.choice((1, 1, 2, 4)))]
    lines[at:at] = [{**lines[-1], "event": event} for event in new]
    return files


def _exposure(chance: random.Random, files: Files, lines: list[Line]) -> Files:
    """What was planned, approved, bought, seen and given back: out of place, twice, missing, or another."""
    before = {
        "row_started",
        "row_finished",
        "fact",
        "exchange",
        "query",
        "poll_read",
        "poll_finished",
        "proof",
        "run_started",
    }
    chosen = [at for at, line in enumerate(lines) if str(line["event"]["kind"]) not in before]
    if not chosen:
        return files
    at = chance.choice(chosen)
    line = json.loads(json.dumps(lines[at]))
    key = chance.choice(
        ("plan_sha256", "fence", "charge_id", "payment_id", "refund_id", "amount_minor", "status", "payable")
    )
    match chance.randrange(4):
        case 0:
            lines.insert(chance.randrange(1, len(lines)), lines.pop(at))
        case 1:
            lines.insert(at + 1, line)
        case 2:
            lines[at:at] = [{**line, "event": dict(chance.choice(_MORE))}]
        case _ if key in line["event"]:
            lines[at]["event"][key] = chance.choice(["other", "ch_9", "pi_9", 0, 1, 499, True, False, "failed"])
    return files


def _rescued(chance: random.Random, files: Files, lines: list[Line]) -> Files:
    """Somebody carries the run on, runs rows again, and ends it."""
    rows = [event["row"] for event in _events(lines, "row_started")]
    again = chance.sample(rows, min(len(rows), chance.randrange(3)))
    new: list[dict[str, Any]] = [{"kind": "rescue_started", "by": "resume", "at_line": 1, "torn_bytes": 0}]
    for row in again:
        new += [{"kind": "row_started", "row": row}, {"kind": "row_finished", "row": row, "status": "PASS"}]
    new += [dict(_MORE[3]), *([dict(_MORE[8])] if chance.random() < 0.3 else [])]
    lines.extend({**lines[-1], "event": event} for event in new)
    return files


_GATES: tuple[Callable[[random.Random, str], str], ...] = (
    lambda chance, text: _without(chance, text, r"\[\[criteria\]\]\n(?:.+\n)+"),
    lambda chance, text: _without(chance, text, r"\[\[rows\]\]\n(?:.+\n)+"),
    lambda chance, text: _without(chance, text, r"needs = .*\n"),
    lambda chance, text: _without(chance, text, r"person = true\n"),
    lambda chance, text: _without(chance, text, r"money = true\n"),
    lambda chance, text: _without(chance, text, r"holds = .*\n"),
    lambda chance, text: _without(chance, text, r"optional_in = .*\n"),
    lambda chance, text: re.sub(r"(records = \[)\"\w+\", ", r"\1", text, count=chance.randrange(1, 9)),
    lambda chance, text: text.replace("= 300", f"= {chance.choice((0, 0.001, 300.0, '1e400', 'nan', '-1', 'true'))}"),
    lambda _, text: text.replace('at_most = "', 'at_least = "'),
    lambda chance, text: text.replace(
        "equals = true", chance.choice(("equals = false", "equals = 1", 'equals = "yes"'))
    ),
    lambda chance, text: text.replace('["rehearsal", "live"]', chance.choice(('["live"]', "[]", '["prod"]'))),
    lambda chance, text: text.replace(
        '"EUR 0.83"', chance.choice(('"EUR 0.8"', '"JPY 1"', '"EUR -1.00"', '"XXX 1.00"', "0"))
    ),
    lambda chance, text: text.replace(
        "{product_count}", chance.choice(("{order_id}", "{nothing}", "{0}", "{", "{log!r}"))
    ),
    lambda chance, text: text.replace(
        'title = "', f'title = "{"x" * chance.choice((1, 100, 140))}', chance.choice((1, 30))
    ),
    lambda chance, text: text.replace('id = "login"', f'id = "{chance.choice(("Login", "products", "9", "log_in"))}"'),
    lambda chance, text: text.replace(chance.choice(_WORDS), chance.choice(_WORDS)),
    lambda chance, text: (
        text + chance.choice(("extra = 1\n", "\n[more]\n", "[[", "\n[[risks]]\nid = 'x'\ntext = ''\n"))
    ),
    lambda chance, text: _without(chance, text, r"\[\[claims\]\]\n(?:.+\n)+"),
    lambda chance, text: _without(chance, text, r"modes = .*\n"),
    forged_rules.tabled,
    forged_rules.tabled,
)
_WORDS = (
    "identifier",
    "money",
    "flag",
    "word",
    "integer",
    "seconds",
    "true",
    "login",
    "completed",
    "stripe",
    "records",
)


def _without(chance: random.Random, text: str, pattern: str) -> str:
    found = [*re.finditer(pattern, text)]
    gone = chance.choice(found) if found else None
    return text if gone is None else text[: gone.start()] + text[gone.end() :]


def _gate(chance: random.Random, files: Files, lines: list[Line]) -> Files:
    """Another gate, in its file and mostly in the journal too, with its own hash."""
    text = chance.choice(_GATES)(chance, files[GATE].decode())
    started = lines[0]["event"]
    if chance.random() < 0.95 and "gate" in started:
        started["gate_sha256"] = sha256(text.encode())
    try:
        if chance.random() < 0.95:
            started["gate"] = read_gate(text.encode(), GATE).model_dump(mode="json")
    except ValueError:
        pass
    except Exception:  # noqa: BLE001 - a gate that the project refuses is still one to forge with
        if chance.random() < 0.8:
            started["gate"] = chance.choice([forged_rules.unread(text)] * 7 + [started.get("gate"), {}, []])
    return {**files, GATE: text.encode()}


def _guarded(chance: random.Random, files: Files, lines: list[Line]) -> Files:
    """Guards and capacity that the gate asks for, and a journal that mostly tells of them."""
    text = forged_rules.guarded(chance, files[GATE].decode(), lines)
    started = lines[0]["event"]
    if "gate" in started:
        started["gate_sha256"] = sha256(text.encode())
        started["gate"] = forged_rules.unread(text)
    return {**files, GATE: text.encode()}


def _proof(chance: random.Random, files: Files, lines: list[Line]) -> Files:
    """What a witness says, and of what, becomes something else; or another says so too."""
    forged_rules.witnessed(chance, lines)
    return files


def _journal_gate(chance: random.Random, files: Files, lines: list[Line]) -> Files:
    """Another gate in the journal only."""
    gate = lines[0]["event"].get("gate")
    if isinstance(gate, dict) and gate:
        part = gate[chance.choice(sorted(gate))]
        target = chance.choice(part) if isinstance(part, list) and part else part
        if isinstance(target, dict) and target:
            target[chance.choice(sorted(target))] = chance.choice(_POOL)
    return files


_CHANGES: tuple[Callable[[random.Random, Files, list[Line]], Files], ...] = (
    *(_status, _status, _drop, _drop_event, _drop_event, _twice, _swap, _swap, _move, _cut, _value, _value, _value),
    *(
        _exposure,
        _exposure,
        _exposure,
        _exposure,
        _fact,
        _fact,
        _key,
        _told,
        _told,
        _more,
        _more,
        _more,
        _rescued,
        _gate,
        _gate,
        _gate,
        _guarded,
        _guarded,
        _proof,
        _proof,
        _proof,
        _journal_gate,
    ),
)

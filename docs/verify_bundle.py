"""A second, independent verifier of pytest-paygate bundles: standard library and ssh-keygen, no code of the project.
Usage: verify_bundle.py FOLDER [POLICY]. Exit codes: 0 valid and PASS, 1 valid and not PASS, 2 invalid, 3 cannot decide.
Everything is read strictly, as bundle_format.toml beside this file says; rows, criteria and verdict are computed again.
Left to `paygate verify`, undecided here: archives (unpack first), the log of seals, facts that look like secrets."""
import base64, hashlib, json, re, string, subprocess, sys, tempfile, tomllib, types
from datetime import UTC, date, datetime
from pathlib import Path
FORM = tomllib.loads((Path(__file__).parent / "bundle_format.toml").read_text("utf-8"))
KINDS, TEXTS, EVENTS, SEQUENCE, SAID, WEIGHT = map(FORM.get, "kinds patterns events sequence statement weights".split())
ORDER, WAIVABLE, MODES, AGAIN = (KINDS[name].split("/") for name in ("verdict", "waivable", "mode", "again"))
TYPES = {"s": [str], "i": [int], "f": [int, float], "b": [bool], "j": [dict], "null": [type(None)]}
DIGITS = {code: int(digits) for digits, codes in FORM["currencies"].items() for code in codes.split()}
class Undecided(Exception): """What would be needed for a decision is missing; says what."""
class Told(types.SimpleNamespace): __getattr__ = lambda self, name: None  # what is known; what was not told is None
def need(holds, why):
    if not holds: raise ValueError(why)
def sha(content): return hashlib.sha256(content).hexdigest()
def canon(x): return json.dumps(x, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
def load(content, keys):  # a JSON object in its one spelling, with exactly these keys
    need(type(x := json.loads(content.decode())) is dict and {*x} == {*keys.split()} and canon(x) == content, keys)
    return x
def fields(record):  # of a model: key, kind, whether it may be missing, and what then takes its place (need: nothing)
    for kind, keys in (group.split(":", 1) for group in record.split()):
        for key, _, text in (part.partition("=") for part in keys.split(",")):
            default = {"MODES": MODES, "SAFE": MODES[:3]}.get(text) or (json.loads(text) if text else need)
            yield key.rstrip("?"), (kind, key.endswith("?") or bool(text), default)
SPECS = {name: dict(fields(record)) for name, record in (FORM["objects"] | EVENTS).items()}
def fits(kind, value):  # the value with its defaults filled in, when it is of that kind
    kind, spec = KINDS.get(kind, kind), SPECS.get(kind)
    if "|" in kind:
        for one in kind.split("|"):
            try: return fits(one, value)
            except ValueError: pass
        raise ValueError(f"none of {kind}")
    if kind.endswith("]") and type(value) is list and (value or "+" not in kind):
        return [fits(kind.partition("[")[0], one) for one in value]
    if kind.endswith("}") and type(value) is dict: return {key: fits(kind[:-2], one) for key, one in value.items()}
    if spec:
        need(type(value) is dict and set(value) <= set(spec), f"{kind}: a key that is not known")
        need(all(key in value or optional for key, (_, optional, _) in spec.items()), f"{kind}: a key is missing")
        filled = {key: default for key, (_, _, default) in spec.items() if default is not need}
        return filled | {key: fits(spec[key][0], one) for key, one in value.items()}
    if kind in TEXTS: need(type(value) is str and re.fullmatch(TEXTS[kind], value), f"no {kind}")
    elif "/" in kind: need(type(value) is str and value in kind.split("/"), f"none of {kind}")
    else: need(type(value) in TYPES.get(kind.rstrip("0123456789"), ()), f"no {kind}")
    if kind[1:].isdigit(): need(0 < (value if type(value) is int else len(value)) <= int(kind[1:]), f"{kind}: size")
    return value
def typed(kind, value):  # a fact's value, when it has the form of its kind
    if kind == "money": need(len(value) == 2 and type(value["minor"]) is int and value["currency"] in DIGITS, kind)
    elif kind == "time": need((value := datetime.fromisoformat(value)).tzinfo and value.astimezone(UTC), kind)
    elif kind == "seconds": need(type(value) in (int, float) and 0 <= value < 1e9, kind)
    else: need(type(fits(kind, value)) is not list or len(value) <= 50, kind)
    for text in value if type(value) is list else [value]:
        if type(text) is str and kind != "time" and re.search(TEXTS["secret"], text): raise Undecided("like a secret")
    return round(float(value), 3) if kind == "seconds" else value
def at(x, places):  # every value at some places of a gate, as [refers] of bundle_format.toml explains them
    if " " in places: return [found for one in places.split() for found in at(x, one)]
    if type(x) is list: return [found for one in x for found in at(one, places)]
    key, _, rest = places.partition(".")
    if x is None or not key: return [x]
    if key[0] in "*=": return [name for name in x if key == "*" or x[name] == key[1:]]
    return at(x[key], rest) if key[0] != "-" else [] if x[key[1:]] else at(x, rest)
def is_so(x, word): return x[word[1:]] is None if word[0] == "~" else bool(x[word.lstrip("-")]) != (word[0] == "-")
def read_gate(content):  # the gate in its file, with every reference in it checked
    document = json.loads(json.dumps(tomllib.loads(content.decode()), default=str))
    gate = fits("Gate", {**document.pop("gate"), **document})
    for names, place in ((names, place) for names, places in FORM["refers"].items() for place in places.split()):
        known = {*at(gate, names), *[""] * ("?" in place)}
        need({one for one in at(gate, place.rstrip("?")) if type(one) is str} <= known, f"{place}: not there")
    for words, one in ((words, one) for words, places in FORM["never"].items() for one in at(gate, places)):
        need(not all(is_so(one, word) for word in words.split()), f"never so at once: {words}")
    asked = [(one["id"], kind, mode) for one in gate["claims"] for kind in one["needs"] for mode in one["modes"]]
    for some in (at(gate, "preflight.id rows.id"), at(gate, "criteria.id"), at(gate, "guards.id"), asked):
        need(len(some) == len({*some}), "an id stands twice, or a witness is asked for twice in one mode")
    for number, row in enumerate(rows := gate["preflight"] + gate["rows"]):  # a row needs rows before it
        places = {one[1] for text in (row["observed"], row["trace"]) for one in string.Formatter().parse(text)} - {None}
        odd = [one for one in places if one not in {*gate["facts"], "log"} or not re.fullmatch(TEXTS["place"], one)]
        need(not odd and {*row["needs"]} <= {*at(rows[:number], "id")}, f"row {number} names what is not there")
    need(all(map(date.fromisoformat, at(gate, "waivers.until"))), "a waiver until no day")
    parts = [re.fullmatch(TEXTS["amount"], text) for text in at(gate["purchase"], "amount tax fee") if text is not None]
    need(all(one and DIGITS.get(one[1]) == len(one[3] or ".") - 1 for one in parts), "an amount that is none")
    minor = [int(one[2] + (one[3] or "").lstrip(".")) for one in parts]
    need(not minor or minor[0] > 0 <= min(minor) and len({one[1] for one in parts}) == 1, "a sum that does not add up")
    return gate
def owed(charge):  # minor units that have not come back for certain
    return charge.amount_minor - sum(one.amount_minor for one in charge.refunds.values() if one.status == "succeeded"
                                     and one.currency == charge.currency)
def is_owed(r): return any(owed(one) > 0 for one in r.charges.values()) or any(r.payable.values())
def bare(r, e): return set(r.spec[e.row].records) - set(r.rows[e.row].facts)
def passed(r, names): return all(r.rows[name].status == "PASS" for name in names)
def in_turn(r, e): return not r.open and e.row in r.rows and not r.rows[e.row].begun and r.order.index(e.row) > r.last
def unsent(r): return not r.charge_intended or (r.charge_sent or r).outcome == "not_sent"
def sums(e): return e and (e.amount_minor, e.cap_minor, e.currency)
RULES = {  # what may follow what was told so far, besides what [sequence] of bundle_format.toml says
    "run_started": lambda r, e: e.schema_version == 1, "run_finished": lambda r, e: not (r.open and e.complete),
    "row_started": lambda r, e: in_turn(r, e) and not r.run_stopped and passed(
        r, [*r.spec[e.row].needs, *r.checks[:r.order.index(e.row)]]),
    "row_finished": lambda r, e: (r.open == e.row or e.status in AGAIN[1:] and in_turn(r, e)) and (
        e.status not in ("NOT_RUN", "WAIVED")) and (e.status != "PASS" or not e.failed_check and not bare(r, e)),
    "fact": lambda r, e: e.name not in r.facts and r.gate["facts"].get(e.name) == e.fact_kind,
    "proof": lambda r, e: e.name not in r.proofs and not (e.name == "fresh" and r.charge_intended) and not (
        e.witness and (e.claim, e.witness) in [(one.claim, one.witness) for one in r.proofs.values()]),
    "window_checked": lambda r, e: e.healthy is not bool(e.reasons) and (e.seen or not e.healthy),
    "phase_started": lambda r, e: not r.phase_started, "phase_finished": lambda r, e: r.phase_started.phase == e.phase,
    "approval_consumed": lambda r, e: r.exposure_planned.plan_sha256 == e.plan_sha256,
    "fence_taken": lambda r, e: not r.fence_taken or e.fence > r.fence_taken.fence, "history": lambda r, e: r.last < 0,
    "guard_read": lambda r, e: e.guard in at(r.gate, "guards.id"), "probe_intended": lambda r, e: not r.guarded,
    "capacity_taken": lambda r, e: not r.charge_intended, "capacity_returned": lambda r, e: unsent(r),
    "charge_intended": lambda r, e: r.spec[r.open].money and passed(r, r.checks) and not r.run_stopped and (
        0 < e.amount_minor <= e.cap_minor and {*at(r.gate, "guards.-after_money.id")} <= r.guards) and (
        r.capacity_taken or not r.gate["capacity"]["required"]) and (not r.guarded or r.approval_consumed
        and r.fence_taken and r.operator_confirmed and sums(r.exposure_planned) == sums(e)),
    "link_closing": lambda r, e: e.payment_id in r.payable, "refund_refused": lambda r, e: e.charge_id in r.charges,
    "charge_seen": lambda r, e: e.currency in DIGITS and sums(r.charges.get(e.charge_id, e)) == sums(e),
    "refund_seen": lambda r, e: e.currency in DIGITS and e.charge_id in r.charges,
    "refund_intended": lambda r, e: e.charge_id in r.charges and e.amount_minor == owed(r.charges[e.charge_id]),
    "exposure_settled": lambda r, e: r.looked and not is_owed(r) and e.charges == len(r.charges)
        and e.refunded_minor == sum(one.amount_minor - owed(one) for one in r.charges.values())}
def fold(events):  # the run as its journal tells it; refuses the first event that may not follow
    spec, gate = {row["id"]: Told(**row) for row in at(events[0]["gate"], "preflight rows")}, events[0]["gate"]
    r = Told(gate=gate, spec=spec, order=list(spec), checks=at(gate, "preflight.id"), last=-1, facts={}, proofs={},
             charges={}, payable={}, rows={name: Told(status="NOT_RUN", facts={}) for name in spec},
             guarded=events[0]["mode"] in MODES[2:])
    for number, (e, kind) in enumerate((Told(**event), event["kind"]) for event in events):
        follows = [(kind == "run_started") == (number == 0), r.rescue or not r.run_finished or kind == "rescue_started",
                   not (kind in SEQUENCE["once"] and getattr(r, kind)),
                   any(getattr(r, one) for one in SEQUENCE["after"].get(kind, "gate").split())]
        need(all(follows) and RULES.get(kind, lambda r, e: True)(r, e), f"line {number}: {kind} may not follow")
        vars(r).update({kind: e, SEQUENCE["ends"].get(kind, "nothing"): None})
        if e.row: r.rows[e.row].begun, r.rows[e.row].status, r.last = True, e.status or "NOT_RUN", r.order.index(e.row)
        if kind == "row_started": r.open, r.guards = e.row, set()
        elif kind == "fact": r.facts[e.name] = r.rows[r.open].facts[e.name] = typed(e.fact_kind, e.value)
        elif kind == "proof": r.proofs[e.name] = e
        elif kind == "guard_read": r.guards.add(e.guard)
        elif kind == "payment_seen": r.payable[e.payment_id] = e.payable
        elif kind == "charge_seen": r.charges.setdefault(e.charge_id, Told(**vars(e), refunds={}))
        elif kind == "refund_seen": r.charges[e.charge_id].refunds[e.refund_id] = e
        elif kind == "ledger_looked": r.looked = r.looked or e.reachable
        elif kind == "rescue_started":
            r.rescue, r.phase_started, r.open = e, None, None
            for name, row in r.rows.items() if e.by == "resume" else ():
                r.run_finished, r.last = None, -1
                if row.status in AGAIN and not (r.spec[name].money and row.begun):
                    r.facts = {key: value for key, value in r.facts.items() if key not in row.facts}
                    r.rows[name] = Told(status="NOT_RUN", facts={})
        if is_owed(r): r.exposure_settled = None
    return r
def judge(r, day):  # the verdict, and every criterion with its status, by the waivers that hold on the day it began
    mode, skips = r.run_started.mode, not r.run_started.with_refund
    held = {one["row"] or f"criterion {one['criterion']}" for one in r.gate["waivers"] if day <= one["until"]}
    held -= {name for name, row in r.rows.items() if row.status not in WAIVABLE}
    spared = held | {x for x in r.order if skips and r.rows[x].status == "SKIPPED" and mode in r.spec[x].optional_in}
    weight = {row: "CONDITIONAL" if row in spared else WEIGHT.get(r.rows[row].status, "INCOMPLETE") for row in r.order}
    def holds(hold):
        value, limits = r.facts.get(hold["fact"]), (hold["at_least"], hold["at_most"])
        if hold["equals"] is not None: return value == hold["equals"] and type(value) is type(hold["equals"])
        low, high = (one if one is None else float(r.gate["thresholds"].get(one, one)) for one in limits)
        return type(value) in (int, float) and (high is None or value <= high) and (low is None or value >= low)
    proofs, criteria = [*r.proofs.values()], []  # some asked for and lacking; some that hold, and not all tell the same
    wanted = {(one["id"], by) for one in r.gate["claims"] if mode in one["modes"] for by in one["needs"]}
    lacking = wanted - {(one.claim, one.witness) for one in proofs} or (
        "log" in [by for _, by in wanted] and "fresh" not in r.proofs)
    told = {(one.claim, key, value) for one in proofs if one.claim and one.status == "holds"
            for key, value in (*one.ids.items(), *[(None, one.amount)] * bool(one.amount))}
    differ = len(told) > len({one[:2] for one in told})
    found = ["PASS", *weight.values(), *(WEIGHT[one.status] for one in proofs)] + [what for what, is_true in (
        ("ESCALATED", not r.exposure_settled and (r.run_escalated or r.guarded and not unsent(r))),
        ("FAIL", r.run_escalated or differ or r.guarded and len(r.charges) > 1), ("STOPPED", r.run_stopped),
        ("INCOMPLETE", not (r.run_finished or r).complete), ("CONDITIONAL", r.rescue_started or lacking)) if is_true]
    for one in (one for one in r.gate["criteria"] if mode in one["modes"]):
        parts = {name: one["preflight" if name in r.checks else "whole_walkthrough"] for name in r.order}
        red = [name for name in r.order if (name in one["rows"] or parts[name]) and r.rows[name].status != "PASS"]
        first = min(red, key=held.__contains__, default="")
        status = "WAIVED" if first in held else r.rows[first].status if red else (
            "FAIL" if not all(map(holds, one["holds"])) else "PENDING" if one["person"] else "PASS")
        let = status in WAIVABLE and f"criterion {one['id']}" in held
        criteria.append({"id": one["id"], "status": "WAIVED" if let else status})
        found += ["CONDITIONAL"] if let else [weight[name] for name in red] or [WEIGHT.get(status, "INCOMPLETE")]
    return max(found, key=ORDER.index), criteria
def read_journal(files, number):  # every line of every file, chained; and the hash of the last
    entries, head = [], "0" * 64
    for line in (line for name in ["journal.jsonl", *(f"journal-{at}.jsonl" for at in range(1, number + 1))]
                 for line in files[name].split(b"\n")[:-1]):
        entry = fits("Entry", load(line, "at elapsed_seconds event prev seq"))
        said = (entry["seq"], entry["prev"], (kind := entry["event"].pop("kind")) in EVENTS)
        need(said == (len(entries), head, True), f"line {len(entries)} breaks the chain, or is none: {kind}")
        entries.append({**entry, "event": {**fits(kind, entry["event"]), "kind": kind}})
        head = sha(line)
    return entries, head
def statement_of(entries, head, listing, name, before):  # what a seal must say of a journal: our part, and all of it
    r, started = fold([entry["event"] for entry in entries]), entries[0]["event"]
    (verdict, criteria), rows = judge(r, entries[0]["at"][:10]), [(row, r.rows[row].status) for row in r.order]
    told = {key: started[key] for key in SAID["bound"]} | {
        "version": 1, "gate": r.gate["id"], "account": r.exposure_planned.account if r.exposure_planned else "",
        "started_at": entries[0]["at"], "ended_at": entries[-1]["at"], "verdict": verdict, "criteria": criteria,
        "decision": SAID["decision"].get(verdict, "NO-GO"), "journal_sha256": head, "previous_seal": before,
        "rows": [{"id": row, "status": status} for row, status in rows]}
    return told, canon({**SAID["types"], "subject": [{"digest": {"sha256": sha(listing)}, "name": name}], "predicate": {
        "configuration": [{"digest": {"sha256": told["gate_sha256"]}, "name": f"{told['gate']}/gate.toml"}],
        "paygate": told, "result": SAID["result"].get(verdict, "FAILED"),
        **{word: [row for row, status in rows if status in some] for word, some in SAID["tests"].items()}}})
def check(files):  # what a sound bundle says: our part of its statement, what is signed, and the signatures over it
    number = next(at for at in range(len(files) + 1) if f"journal-{at + 1}.jsonl" not in files)
    seal = [f"{name}-{number}.json" if number else f"{name}.json" for name in ("manifest", "attestation")]
    envelope = load(files[seal[1]], "payload payloadType signatures")
    listed = load(files[seal[0]], "files previous_seal version")
    signed = [load(canon(one), "keyid sig") for one in fits("j[]", envelope["signatures"])]
    need(not any(re.fullmatch(TEXTS["quarantine"], name) for name in files), "quarantined: a secret was found in it")
    numbers = {int(name[17:-5]): name for name in files if re.fullmatch(TEXTS["countersignature"], name)}
    need(sorted(numbers) == list(range(1, len(numbers) + 1)), "a countersignature is missing from the row of numbers")
    later = [name for _, name in sorted(numbers.items()) if name not in [one["name"] for one in listed["files"]]]
    rest, before = sorted({*files} - {*seal, *later}), fits("s", listed["previous_seal"])
    mine = [{"name": one, "sha256": sha(files[one]), "size": len(files[one])} for one in rest]
    need(canon({"files": mine, "previous_seal": before, "version": 1}) == files[seal[0]], "not the sealed files")
    signed += [load(files[name], "attestation keyid sig") for name in later]
    need(all(one.get("attestation", sha(files[seal[1]])) == sha(files[seal[1]]) for one in signed), "a stale signature")
    entries, head = read_journal(files, number)
    need(sha(files["gate.toml"]) == entries[0]["event"]["gate_sha256"], "gate.toml is not the one the run is bound to")
    need(read_gate(files["gate.toml"]) == entries[0]["event"]["gate"], "the journal holds another gate")
    told, meant = statement_of(entries, head, files[seal[0]], seal[0], before)
    kind = f"application/vnd.pytest-paygate.{told['mode']}-session.v1+json"
    need([envelope["payloadType"], envelope["payload"]] == [kind, base64.b64encode(meant).decode()], "not what is said")
    pae = b"DSSEv1 %d %b %d %b" % (len(kind), kind.encode(), len(meant), meant)
    signatures = [(fits("s", one["keyid"]), base64.b64decode(one["sig"], validate=True)) for one in signed]
    need([base64.b64encode(sig).decode() for _, sig in signatures] == [one["sig"] for one in signed], "odd base64")
    return told, pae, signatures
def verify(folder, policy_file=None):  # the exit code, and what to print; whom to believe is the policy's to say
    try:
        policy = tomllib.loads(Path(policy_file).read_text("utf-8")) if policy_file else {}
        policy, good = fits("Policy", json.loads(json.dumps(policy, default=str))), set()
        need(0 <= policy["required"] <= 6, "required is 0 to 6")
        if not Path(folder).is_dir(): raise Undecided("no folder; an archive is unpacked first")
        paths = [*Path(folder).rglob("*")]
        need(all((one.is_file() or one.is_dir()) and not one.is_symlink() for one in paths), "more than regular files")
        told, pae, signed = check({str(one.relative_to(folder)): one.read_bytes() for one in paths if one.is_file()})
        for pins, key, what in (("accounts", "environment", "account"), ("gates", "gate", "gate_sha256")):
            need(policy[pins].get(told[key], told[what]) == told[what], f"another {what} is pinned")
        for keyid, sig in (one for one in signed if one[0] in policy["signers"] and policy["allowed_signers"]):
            with tempfile.NamedTemporaryFile() as file:
                Path(file.name).write_bytes(sig if re.fullmatch(TEXTS["armour"], sig.decode("latin-1")) else b"")
                line = ["ssh-keygen", "-Y", "verify", "-n", "paygate-seal-v1", "-I", keyid, "-s", file.name, "-f"]
                line.append(Path(policy_file).parent / policy["allowed_signers"])
                good |= set() if subprocess.run(line, input=pae, capture_output=True).returncode else {keyid}
        if len(good) < max(len(signed), 0 if told["mode"] in policy["unsigned"] else policy["required"]):
            raise Undecided(f"{len(good)} signatures are by people of the policy, which is too few")
        if policy["log"] or told["environment"] in policy["heads"]: raise Undecided("the log of seals is not read here")
    except (Undecided, OSError) as error: return 3, f"CANNOT DECIDE: {error}"
    except Exception as error: return 2, f"INVALID: {error!r}"
    return int(told["verdict"] != "PASS"), f"VALID: {told['verdict']}, by {sorted(good)}: {json.dumps(told, indent=1)}"
if __name__ == "__main__": sys.exit((lambda code, said: print(said) or code)(*verify(*sys.argv[1:])))

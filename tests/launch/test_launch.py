"""From sealed runs to a launch decision: the checklist, sign-offs, and `paygate gate` for a pipeline."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from pytest_paygate.cli.gate import Wanted, decide
from pytest_paygate.core.events import Mode
from tests.golden.scenes import RUN_ID, SOURCE, begun, escalated, go, no_go, pending, preflight, rehearsal
from tests.launch.folders import later

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
COMMIT = "0fb1e5a3c2d4478f9a6b0c1d2e3f405162738495"
ITEM = "e2e/funds_seen"


def wanted(**changed):
    """What a pipeline asks for, unless a test says otherwise."""
    asked = {"gate_id": "e2e", "require": Mode.LIVE, "max_age": None, "commit": "", "environment": ""}
    return Wanted(**{**asked, **changed})


def checklist(reports):
    """Decision and reason of each line of the page."""
    lines = (reports.root / "go-no-go.md").read_text().splitlines()
    rows = [line.split(" | ") for line in lines if line.startswith(("| e2e", "| vat"))]
    return {row[0].strip("| ").replace("\\", ""): (row[2], row[4].replace("\\", "")) for row in rows}


def sign(reports, item=ITEM, *more):
    """Sign an item."""
    return reports.run("sign-off", item, "--by", "Ann", "--evidence", reports.evidence(), *more)


def test_a_go_is_a_go(reports):
    """A live run in which everything holds is GO, on the page, for the pipeline, and only with a policy that knows the key."""
    outcome = reports.add(go())
    assert (outcome.verdict, outcome.failure) == ("PASS", "")
    assert checklist(reports)["e2e"][0] == "GO"
    answer = decide(reports.root, wanted(commit=COMMIT, max_age=timedelta(days=7)), reports.policy, NOW)
    assert (answer.code, answer.lines[0]) == (0, f"GO: run {RUN_ID} of gate e2e")
    assert decide(reports.root, wanted(), None, NOW).code == 3


@pytest.mark.parametrize(
    ("scene", "code", "word"), [(no_go, 1, "NO-GO"), (escalated, 1, "NO-GO"), (pending, 20, "PENDING")]
)
def test_what_is_not_go_lets_nobody_through(reports, scene, code, word):
    """A failed, escalated or unsigned run exits with its own code, never 0."""
    reports.add(scene())
    answer = decide(reports.root, wanted(), reports.policy, NOW)
    assert (answer.code, answer.lines[0].split(":")[0]) == (code, word)
    assert checklist(reports)["e2e"][0] == word


def test_a_rehearsal_is_no_launch(reports):
    """A rehearsal decides nothing: the launch is PENDING, and a pipeline that asks for a live run waits."""
    reports.add(rehearsal())
    assert decide(reports.root, wanted(), reports.policy, NOW).code == 20
    assert checklist(reports)["e2e"] == ("PENDING", "no live run yet")


def test_a_sign_off_makes_a_pending_run_go(reports):
    """The operator's word for this very bundle, with evidence, turns PENDING into GO; the run's own report stays as sealed."""
    reports.add(pending())
    before = (reports.root / "e2e" / RUN_ID / "report.html").read_bytes()
    code, output = sign(reports)
    assert code == 0
    assert "SIGNED: Funds seen on the bank statement" in output
    assert decide(reports.root, wanted(), reports.policy, NOW).code == 0
    assert checklist(reports)[ITEM] == ("GO", "signed by Ann")
    assert "statement.pdf" in (reports.root / "go-no-go.md").read_text()
    assert (reports.root / "e2e" / RUN_ID / "report.html").read_bytes() == before
    (told,) = [json.loads(line) for line in (reports.root / "sign-offs.jsonl").read_text().splitlines()]
    attestation = (reports.root / "e2e" / RUN_ID / "attestation.json").read_bytes()
    import hashlib

    assert told["seals"] == {"e2e": hashlib.sha256(attestation).hexdigest()}


def test_a_sign_off_for_an_older_bundle_shows_as_such(reports):
    """After a newer live run the sign-off still stands on the page, and counts no more."""
    reports.add(pending())
    sign(reports)
    reports.add(pending(), later(1))
    decision, why = checklist(reports)[ITEM]
    assert decision == "PENDING"
    assert "Ann signed for an older bundle on " in why
    assert decide(reports.root, wanted(), reports.policy, NOW + timedelta(days=1)).code == 20


def test_the_last_word_counts(reports):
    """A refusal after a sign-off is a NO-GO; a sign-off after a refusal counts again."""
    reports.add(pending())
    sign(reports)
    sign(reports, ITEM, "--no-go", "--note", "the statement shows EUR 4.50")
    assert checklist(reports)[ITEM] == ("NO-GO", "refused by Ann: the statement shows EUR 4.50")
    sign(reports)
    assert checklist(reports)[ITEM][0] == "GO"


def test_a_newer_red_run_takes_the_go_back(reports):
    """The newest live run decides, also when an older one was GO."""
    reports.add(go())
    reports.add(no_go(), later(1))
    assert decide(reports.root, wanted(), reports.policy, NOW).code == 1
    assert checklist(reports)["e2e"][0] == "NO-GO"


def test_a_newer_run_nobody_can_read_takes_the_go_back(reports):
    """A newer run whose journal is damaged from its first line is not passed over in favour of an older GO."""
    reports.add(go())
    folder = reports.lay(no_go(), later(1))
    (folder / "journal.jsonl").write_bytes(b"not a journal\n")
    assert decide(reports.root, wanted(), reports.policy, NOW).code == 2
    reports.run("sign-off")
    code, output = reports.run("gate", "e2e", "--policy", str(reports.policy))
    assert (code, output.split(":")[0]) == (2, "INVALID")


def test_a_changed_bundle_is_no_go(reports):
    """A byte changed after sealing: the page says that the bundle is not believed, the pipeline stops."""
    reports.add(go())
    report = reports.root / "e2e" / RUN_ID / "report.md"
    report.write_bytes(report.read_bytes() + b" ")
    assert decide(reports.root, wanted(), reports.policy, NOW).code == 2
    code, output = reports.run("sign-off")
    assert code == 0
    assert "NO-GO    e2e  (operator) Marketplace purchase, licence, refund: the bundle is not believed" in output


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"commit": "f" * 40}, f"was obtained on commit {COMMIT}, not on {'f' * 40}"),
        ({"commit": COMMIT[:6]}, f"was obtained on commit {COMMIT}, not on {COMMIT[:6]}"),
        ({"max_age": timedelta(hours=2)}, "is older than allowed: 2026-11-20T09:14:02.250Z"),
    ],
    ids=["another commit", "a commit too short to mean one", "too old"],
)
def test_commit_and_age_are_asked_of_the_run_itself(reports, changed, told):
    """A GO of another commit, or one that is too old, is a NO-GO and says so."""
    reports.add(go())
    answer = decide(reports.root, wanted(**changed), reports.policy, NOW)
    assert (answer.code, answer.lines) == (1, (f"NO-GO: run {RUN_ID} {told}",))


def test_a_run_from_the_future_is_not_young(reports):
    """A run that began after now has a clock that cannot be trusted, whatever age is allowed."""
    reports.add(go())
    answer = decide(reports.root, wanted(max_age=timedelta(days=7)), reports.policy, NOW - timedelta(days=9))
    assert (answer.code, answer.lines) == (1, (f"NO-GO: run {RUN_ID} began in the future: 2026-11-20T09:14:02.250Z",))


def test_an_unsigned_live_bundle_cannot_be_decided(reports):
    """Without the signature the policy asks for, nothing is decided."""
    reports.add(go(), signed=False)
    assert decide(reports.root, wanted(), reports.policy, NOW).code == 3


@pytest.mark.parametrize("text", ["7", "7w", "-1d", "0d", "d", "7 d", "999999d"])
def test_an_age_is_a_number_with_a_unit(reports, text):
    """Anything else is refused by name, and nothing is decided."""
    code, output = reports.run("gate", "e2e", f"--max-age={text}")
    assert code == 2
    assert "--max-age: is not an age" in output
    assert repr(text) in output


GO_LIVE = """
gates = ["e2e"]
[[items]]
id = "vat"
title = "VAT registration confirmed"
owner = "finance"
"""


def test_manual_items_belong_to_the_launch(reports):
    """An item of golive.toml keeps the launch PENDING until it is signed for the current bundle."""
    (reports.root.parent / "golive.toml").write_text(GO_LIVE)
    reports.add(go())
    assert checklist(reports)["vat"] == ("PENDING", "waits for finance to sign")
    assert decide(reports.root, wanted(), reports.policy, NOW).code == 20
    assert sign(reports, "vat")[0] == 0
    assert checklist(reports)["vat"][0] == "GO"
    assert decide(reports.root, wanted(), reports.policy, NOW).code == 0
    reports.add(go(), later(1))
    assert "Ann signed for an older bundle" in checklist(reports)["vat"][1]


def test_an_item_may_stand_by_itself_and_run_out(reports):
    """With `stands` a sign-off outlives new bundles; with `valid_days` it does not outlive its time."""
    (reports.root.parent / "golive.toml").write_text(GO_LIVE + "stands = true\nvalid_days = 1\n")
    reports.add(go())
    sign(reports, "vat")
    reports.add(go(), later(1))
    assert checklist(reports)["vat"][0] == "GO"
    ahead = datetime.now(UTC) + timedelta(days=3)
    assert decide(reports.root, wanted(), reports.policy, ahead).code == 20


def test_a_gate_the_launch_needs_is_missed(reports):
    """A gate that golive.toml names and that never ran keeps the launch PENDING."""
    (reports.root.parent / "golive.toml").write_text('gates = ["e2e", "microcharge"]\n')
    reports.add(go())
    assert (reports.root / "go-no-go.md").read_text().startswith("# Go / no-go: PENDING")
    assert "| microcharge | a live run | PENDING |" in (reports.root / "go-no-go.md").read_text()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[items]\n", "golive.toml: is not readable TOML"),
        ('[[items]]\nid = "vat"\ntitle = "t"\n', "golive.toml: items[0].owner: is missing"),
        (
            '[[items]]\nid = "vat"\ntitle = "t"\nowner = "o"\nsigned = true\n',
            "golive.toml: items[0].signed: is not a known key",
        ),
        (GO_LIVE + GO_LIVE.partition('["e2e"]')[2], "golive.toml: item vat: is there more than once"),
        (GO_LIVE + 'gates = ["other"]\n', "golive.toml: item vat.gates: names a gate that the launch does not need"),
    ],
)
def test_a_wrong_golive_file_is_refused_by_name(reports, text, told):
    """Whatever is wrong in golive.toml is named, and the session that meets it does not end as a pass."""
    (reports.root.parent / "golive.toml").write_text(text)
    outcome = reports.add(go())
    assert outcome.failure == told
    code, output = reports.run("sign-off")
    assert code == 2
    assert told in output


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("e2e/none", "--by", "Ann", "--evidence", "{file}"), "item 'e2e/none': cannot be signed"),
        (("e2e/licence_attributed", "--by", "Ann", "--evidence", "{file}"), "cannot be signed"),
        ((ITEM, "--evidence", "{file}"), "--by: is missing"),
        ((ITEM, "--by", "Ann"), "--evidence: is missing"),
        (
            (ITEM, "--by", "Ann", "--evidence", "/nowhere/statement.pdf"),
            "--evidence /nowhere/statement.pdf: is not evidence",
        ),
        ((ITEM, "--by", "Ann", "--evidence", "/dev/null"), "is not evidence"),
    ],
)
def test_what_cannot_be_signed(reports, arguments, told):
    """An unknown item, a criterion that no person answers for, nobody's name or no evidence: refused, nothing recorded."""
    reports.add(pending())
    code, output = reports.run("sign-off", *(one.format(file=reports.evidence()) for one in arguments))
    assert code == 2
    assert told in output
    assert not (reports.root / "sign-offs.jsonl").exists()


def test_a_bundle_that_is_not_believed_cannot_be_signed(reports):
    """Nobody signs for a bundle that was changed."""
    reports.add(pending())
    (reports.root / "e2e" / RUN_ID / "extra.txt").write_text("more")
    code, output = sign(reports)
    assert code == 2
    assert "cannot be signed" in output


@pytest.mark.parametrize("change", ["cut", "edit", "swap", "torn"])
def test_changed_sign_offs_count_no_more(reports, change):
    """A line taken out, edited, moved or cut: every sign-off is refused, and nothing can be added."""
    reports.add(pending())
    for _ in range(3):
        sign(reports)
    path = reports.root / "sign-offs.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    changed = {
        "cut": [lines[0], lines[2]],
        "edit": [lines[0].replace(b"Ann", b"Bob"), *lines[1:]],
        "swap": [lines[1], lines[0], lines[2]],
        "torn": [*lines[:2], lines[2][:40]],
    }[change]
    path.write_bytes(b"".join(changed))
    code, output = sign(reports)
    assert code == 2
    assert "the sign-offs cannot be trusted" in output
    assert path.read_bytes() == b"".join(changed)
    code, _ = reports.run("gate", "e2e", "--policy", str(reports.policy))
    assert code == 2


def test_a_rehearsal_can_be_signed_for_practice(reports):
    """With --run a criterion of a run that is not live is signed; it moves no launch."""
    reports.add(rehearsal())
    assert sign(reports)[0] == 2
    assert sign(reports, ITEM, "--run", RUN_ID)[0] == 0
    assert checklist(reports)["e2e"] == ("PENDING", "no live run yet")
    assert decide(reports.root, wanted(require=Mode.REHEARSAL), reports.policy, NOW).code == 0


def test_a_stronger_life_answers_for_a_weaker_one(reports):
    """Asked for staging, a live GO will do; asked for live, a rehearsal will not."""
    reports.add(go())
    assert decide(reports.root, wanted(require=Mode.STAGING), reports.policy, NOW).code == 0
    assert decide(reports.root, wanted(environment="elsewhere"), reports.policy, NOW).code == 20


def test_a_run_that_was_killed_is_not_passed_over(reports):
    """A live run cut off after its pre-flight has no report and no seal: the launch is NO-GO, not the older GO."""
    reports.add(go())
    reports.lay(preflight(begun(Mode.LIVE, SOURCE)), later(1))
    assert decide(reports.root, wanted(), reports.policy, NOW).code == 2
    code, output = reports.run("sign-off")
    assert code == 0
    assert "NO-GO    e2e" in output


def shut(reports, scene, run_id):
    """Lay a run down in whose files a secret was found."""
    folder = reports.lay(scene, run_id)
    (folder / "quarantine.json").write_text('{"found": [], "version": 1}\n')
    return folder


def test_a_live_run_that_was_shut_later_takes_a_go_back(reports):
    """GO rests on the newest live run; one that leaked after it makes the launch a NO-GO, and both pages name it."""
    reports.add(go())
    shut(reports, go(), later(1))
    assert decide(reports.root, wanted(), reports.policy, NOW + timedelta(days=1)).code == 2
    sign(reports, "none")
    assert "NO-GO    e2e" in reports.run("sign-off")[1]
    reports.add(rehearsal(), later(2))
    for page in ("go-no-go.md", "go-no-go.html", "index.html", "e2e/sessions.md"):
        text = (reports.root / page).read_text(encoding="utf-8")
        assert "QUARANTINED" in text
        assert later(1) in text
    assert checklist(reports)["e2e"][0] == "NO-GO"


def test_an_earlier_or_another_run_does_not(reports):
    """A live run that leaked before it, or a rehearsal that did after it, is named and decides nothing."""
    shut(reports, go(), later(0))
    reports.add(go(), later(1))
    shut(reports, rehearsal(), later(2))
    assert decide(reports.root, wanted(), reports.policy, NOW + timedelta(days=1)).code == 0
    assert reports.run("history")[1].count("QUARANTINED") == 2


@pytest.mark.parametrize("command", [("report",), ("explain",)])
def test_a_run_that_was_shut_is_not_shown_again(reports, command):
    """Nobody renders what must not be read: the commands refuse by name."""
    shut(reports, go(), later(0))
    code, output = reports.run(*command, later(0), *(["1"] if command == ("explain",) else []))
    assert code == 2
    assert "is quarantined" in output

"""Five whole runs of one gate, told event by event with fixed times: what each golden report is made from.

`python -m tests.golden` writes the golden files anew; look at what changed before keeping it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from pytest_paygate.core import events as ev
from pytest_paygate.core import exposure_events as ex
from pytest_paygate.core.events import Entry, Mode, RowStatus
from pytest_paygate.core.exposure import refund_key
from pytest_paygate.core.facts import to_json
from pytest_paygate.core.gate import Gate, read_gate, sha256
from pytest_paygate.core.journal import GENESIS, Journal, encode, line_hash, read
from pytest_paygate.core.money import Money
from pytest_paygate.core.proof import ProofStatus, WitnessKind
from pytest_paygate.core.run import RunState, apply

FOLDER = Path(__file__).parent / "files"
SOURCE = (FOLDER / "gate.toml").read_bytes()
BEGAN = datetime.fromisoformat("2026-11-20T09:14:02.250+00:00")
PRICE = Money(500, "EUR")
RUN_ID = "20261120T091402250Z-5eed5eed"
PLAN = "c18f9c7f09eb613d029d8afcb460ef5950ac5da3688bd23ddbe8be64b21975fe"
FACTS = {
    "health": {"health_status": 200},
    "environment": {"target_environment": "live"},
    "processor": {"processor_state": "operational"},
    "catalogue": {"product_count": 3},
    "operator_email": {"operator_email_valid": True},
    "login": {"login_outcome": "token captured"},
    "products": {"product_id": "prod_test_licence", "price": PRICE},
    "order": {
        "order_id": "ord_8lugsS7pUArWFZG50sZv",
        "payment_id": "pay_QPf69yCBu5fJHwuXL1UAuou5gC",
        "order_total": PRICE,
        "order_tax": Money(83, "EUR"),
        "payment_url_received": True,
    },
    "pay": {
        "connector_payment_id": "pi_lG6Lay4fwT9BAY5RG4VxMWXJ",
        "charge_id": "ch_3ZYBB6Oo4oRJ4n9uxOWlbpnt",
        "charge_captured": True,
        "amount_paid": PRICE,
        "paid_at": datetime.fromisoformat("2026-11-20T09:14:51+00:00"),
        "processor": "stripe",
        "dashboard_url": "https://dashboard.stripe.com/payments/pi_lG6Lay4fwT9BAY5RG4VxMWXJ",
        "card_last4": "4242",
        "card_brand": "visa",
        "provider_fee": Money(33, "EUR"),
    },
    "completed": {"worst_status": 503, "server_errors": 2, "seconds_to_completed": 12.4},
    "licence": {
        "licence_id": "lic_stea6nxhcNqQuqiO4eKJ",
        "licence_type": "standard",
        "licence_rights": ("download", "commercial_use"),
    },
    "transfer": {
        "transfer_source": "read-only DSN",
        "transfer_amount": Money(450, "EUR"),
        "transfer_status": "paid",
        "stripe_transfer_id": "tr_sjnBDgsyjWeUGlUcqLzy9ffd",
    },
    "refund": {
        "refund_http_status": 202,
        "refund_id": "ref_LSJ3vz4gjNWdVo04Sh2dJuvKJm",
        "refund_status": "refund_pending",
    },
    "reversal": {
        "seconds_to_refunded": 31.2,
        "licence_gone": True,
        "refunds_seen": 1,
        "provider_refund_id": "re_FPBDXeHbx0yEjpVuEpBPG13i",
        "provider_refund_status": "succeeded",
        "amount_refunded": PRICE,
    },
}


@dataclass
class Scene:
    """A journal that grows line by line. `wait` moves the clock; every event goes through the state machine."""

    gate: Gate
    mode: Mode
    source: bytes
    lines: list[bytes] = field(default_factory=list)
    state: RunState = field(default_factory=RunState)
    seconds: float = 0.0
    head: str = GENESIS

    def tell(self, *events: ev.EventBody) -> Scene:
        """Append events, a few milliseconds apart."""
        for event in events:
            line = encode(len(self.lines), self.head, BEGAN + timedelta(seconds=self.seconds), self.seconds, event)
            entry = Entry.model_validate_json(line)
            self.state = apply(self.state, entry.event, entry.seq, entry.at)
            self.lines.append(line)
            self.head = line_hash(line)
            self.seconds += 0.004
        return self

    def wait(self, seconds: float) -> Scene:
        """Let time pass."""
        self.seconds += seconds
        return self

    def call(self, party: str, method: str, path: str, status: int = 200, ms: int = 40) -> Scene:
        """One request."""
        self.wait(ms / 1000)
        return self.tell(
            ev.ExchangeRecorded(
                party=party, method=method, path=path, status=status, elapsed_ms=ms, request_id=f"req_{len(self.lines)}"
            )
        )

    def facts(self, row: str, **changed: object) -> Scene:
        """The facts a row records."""
        for name, value in {**FACTS[row], **changed}.items():
            kind = self.gate.facts[name]
            self.tell(ev.FactRecorded(name=name, fact_kind=kind, value=to_json(kind, value)))
        return self

    def passed(self, row: str, *, took: float) -> Scene:
        """A row ends well."""
        return self.tell(ev.RowFinished(row=row, status=RowStatus.PASS, elapsed_seconds=took))

    def put(self, reports: Path) -> Path:
        """Lay the run down as its process would have left it, before any report; returns its folder."""
        folder = reports / self.gate.id / RUN_ID
        folder.mkdir(parents=True)
        (folder / "journal.jsonl").write_bytes(b"\n".join(self.lines) + b"\n")
        (folder / "gate.toml").write_bytes(self.source)
        (folder / "session.log").write_text("".join(f"{number:05d}\n" for number in range(1, len(self.lines) + 1)))
        return folder

    def journal(self) -> Journal:
        """The journal as it would be read back."""
        return read(b"\n".join(self.lines) + b"\n", "journal.jsonl")


def begun(mode: Mode, source: bytes = SOURCE) -> Scene:
    """A run that has started and knows of earlier ones."""
    gate = read_gate(source, "gate.toml")
    scene = Scene(gate, mode, source)
    scene.tell(
        ev.RunStarted(
            run_id=RUN_ID,
            gate=gate.model_dump(mode="json"),
            gate_sha256=sha256(source),
            suite_sha256="2613fbc43dde01e180" + "0" * 46,
            environment="prod" if mode is Mode.LIVE else mode.value,
            mode=mode,
            target="shop.example.test" if mode is Mode.LIVE else "127.0.0.1:8460",
            trace_id="E2E-1795166042-5eed5eed",
            commit="0fb1e5a3c2d4478f9a6b0c1d2e3f405162738495",
            tool_version="0.1.0",
            operator="operator",
            attended=True,
            with_refund=True,
            python="3.13.1",
            pytest="9.2.0",
        ),
        ev.HistoryKnown(
            runs=tuple(
                ev.PastRun(
                    run_id=f"20261{100 + day:03d}T030000000Z-0000{day:04d}",
                    verdict="FAIL" if day in {4, 11} else "PASS",
                    seconds=96.0 + (day * 7) % 13,
                )
                for day in range(1, 25)
            ),
            usual=(
                ev.UsualRow(row="completed", runs=22, median_seconds=4.1, spread_seconds=0.6),
                ev.UsualRow(row="licence", runs=24, median_seconds=0.05, spread_seconds=0.01),
            ),
        ),
    )
    return scene


def preflight(scene: Scene) -> Scene:
    """Every check passes."""
    for check in scene.gate.preflight:
        scene.tell(ev.RowStarted(row=check.id)).call("target", "GET", f"/api/v1/{check.id}", ms=22)
        scene.facts(check.id).passed(check.id, took=0.03)
    return scene


def armed(scene: Scene) -> Scene:
    """The interlock is passed: plan, the operator's word, approval, lock."""
    return scene.tell(
        ex.PhaseStarted(phase="interlock"),
        ex.ExposurePlanned(
            plan_sha256=PLAN,
            account="acct_1ExampleAccount",
            host="shop.example.test",
            product="prod_test_licence",
            amount_minor=500,
            cap_minor=500,
            currency="EUR",
            policy="drive",
            acknowledgement="release manager, 2026-11-01, the provider's permission",
            late_charge_seconds=60.0,
        ),
        ex.OperatorConfirmed(amount="EUR 5.00", waited_seconds=8.4, tries=1),
        ex.ApprovalConsumed(
            nonce="14cb1468ef27320aee979155c2b67662",
            plan_sha256=PLAN,
            requester="ann@example.test",
            approvers=("bob@example.test", "cleo@example.test"),
            signed=True,
            attempt=1,
        ),
        ex.FenceTaken(store="file", fence=7, holder="run on build-7", lease_seconds=30.0),
        ex.PhaseFinished(phase="interlock", outcome="money may move"),
    )


def bought(scene: Scene) -> Scene:
    """Login to payment: one charge."""
    scene.tell(ev.RowStarted(row="login")).call("target", "POST", "/api/v1/auth/login", ms=180)
    scene.facts("login").passed("login", took=0.19)
    scene.tell(ev.RowStarted(row="products")).call("target", "GET", "/api/v1/marketplace/products", ms=65)
    scene.facts("products").passed("products", took=0.08)
    armed(scene.tell(ev.RowStarted(row="order")).wait(8.5))
    scene.tell(
        ex.ChargeIntended(
            amount_minor=500, cap_minor=500, currency="EUR", method="POST", path="/api/v1/orders", body_sha256="f" * 64
        )
    ).call("target", "POST", "/api/v1/orders", 201, ms=240)
    scene.tell(ex.ChargeSent(outcome=ex.SendOutcome.SEEN, status=201))
    scene.facts("order").passed("order", took=8.9)
    scene.tell(
        ev.RowStarted(row="pay"),
        ev.HoldOpened(hold_id="pay", title="Pay EUR 5.00 on the hosted page", deadline_seconds=900.0, attended=True),
    ).wait(38.6)
    scene.tell(ev.HoldClosed(hold_id="pay", answered=True, by="operator", waited_seconds=38.6))
    polled(scene, "payment", "hyperswitch", ["processing", "processing", "succeeded"], 2.1)
    scene.call("stripe", "GET", "/v1/charges", ms=150).facts("pay")
    return witnessed(scene, "purchase", "2026-11-20T09:14:51+00:00", FACTS["pay"]["charge_id"]).passed("pay", took=41.2)


def witnessed(scene: Scene, claim: str, at: str, charge: str) -> Scene:
    """Two witnesses of a claim; the golden gate asks for none, so that its log is not missed."""
    for kind, ids in ((WitnessKind.HTTP, {}), (WitnessKind.LEDGER, {"charge_id": charge})):
        scene.tell(
            ev.ProofRecorded(
                name=f"{claim}_{kind}",
                source=kind.source,
                status=ProofStatus.HOLDS,
                detail="one trace id",
                claim=claim,
                witness=kind,
                at=at,
                amount="EUR 5.00",
                ids=ids,
                extract_sha256=hashlib.sha256(f"{claim} {kind}".encode()).hexdigest(),
            )
        )
    return scene


def polled(scene: Scene, name: str, party: str, values: list[str], seconds: float, errors: int = 0) -> Scene:
    """A poll that reaches the last value after so many seconds."""
    began = scene.seconds
    for attempt, value in enumerate(values, start=1):
        scene.wait(seconds / len(values))
        broken = value.startswith("5")
        scene.call(party, "GET", f"/poll/{name}", 503 if broken else 200, ms=30)
        waited = round((scene.seconds - began) * 1000)
        scene.tell(ev.PollRead(poll=name, attempt=attempt, waited_ms=waited, value=value, good=not broken))
    return scene.tell(
        ev.PollFinished(
            poll=name,
            outcome="reached",
            attempts=len(values),
            waited_seconds=round(scene.seconds - began, 3),
            server_errors=errors,
            worst_status=503 if errors else 200,
            value=values[-1],
        )
    )


def attributed(scene: Scene, *, licence: bool = True) -> Scene:
    """Completion, licence and transfer; the licence row may be red."""
    scene.tell(ev.RowStarted(row="completed"))
    polled(scene, "completed", "target", ["pending", "503", "503", "pending", "pending", "completed"], 12.4, errors=2)
    scene.tell(ev.AnomalyRecorded(code="server_errors", detail="poll completed met 2 answers of 5xx"))
    scene.facts("completed").passed("completed", took=12.5)
    scene.tell(ev.RowStarted(row="licence")).call("target", "GET", "/api/v1/licenses/mine", ms=48)
    if licence:
        scene.facts("licence").passed("licence", took=0.06)
    else:
        scene.tell(
            ev.RowFinished(
                row="licence",
                status=RowStatus.FAIL,
                reason="the number of licences of this order is not as expected",
                expected="1",
                observed="0",
                elapsed_seconds=0.06,
            )
        )
    scene.tell(ev.RowStarted(row="transfer")).wait(0.02)
    scene.tell(ev.QueryRecorded(statement="SELECT id FROM seller_transfers", row_count=1, elapsed_ms=18))
    return scene.facts("transfer").passed("transfer", took=0.05)


def refunding(scene: Scene) -> Scene:
    """The target is asked for the refund, and accepts."""
    charge = FACTS["pay"]["charge_id"]
    scene.tell(
        ev.RowStarted(row="refund"),
        ex.ChargeSeen(
            provider="stripe",
            charge_id=charge,
            payment_id=FACTS["pay"]["connector_payment_id"],
            amount_minor=500,
            currency="EUR",
            created="2026-11-20T09:14:51+00:00",
        ),
        ex.RefundIntended(
            via=ex.Via.TARGET,
            provider="stripe",
            charge_id=charge,
            payment_id=FACTS["pay"]["connector_payment_id"],
            amount_minor=500,
            currency="EUR",
            idempotency_key=refund_key(RUN_ID, charge),
        ),
    ).call("target", "POST", "/api/v1/orders/ord/refund", 202, ms=130)
    return scene.facts("refund").passed("refund", took=0.15)


def refund_seen(status: str, reason: str = "") -> ex.RefundSeen:
    """The refund as the provider tells it."""
    return ex.RefundSeen(
        provider="stripe",
        refund_id=FACTS["reversal"]["provider_refund_id"],
        charge_id=FACTS["pay"]["charge_id"],
        amount_minor=500,
        currency="EUR",
        status=status,
        failure_reason=reason,
        created="2026-11-20T09:15:09+00:00",
        posted="2026-11-20T09:15:09+00:00" if status == "succeeded" else "",
    )


def settled(scene: Scene) -> Scene:
    """The settling finds everything refunded and closed."""
    scene.tell(ex.PhaseStarted(phase="settling", cause="the rows are done")).call("stripe", "GET", "/v1/charges", ms=90)
    return scene.tell(
        ex.PaymentSeen(
            provider="hyperswitch", payment_id=FACTS["order"]["payment_id"], status="succeeded", payable=False
        ),
        refund_seen("succeeded"),
        ex.LedgerLooked(reachable=True, charges=1, unrefunded=0, payable=0),
        ex.ExposureSettled(charges=1, refunded_minor=500, currency="EUR"),
        ex.PhaseFinished(phase="settling", outcome="settled"),
    )


def reversed_whole(scene: Scene) -> Scene:
    """The refund arrives, the licence goes, and the exposure is settled."""
    scene.tell(ev.RowStarted(row="reversal"))
    polled(scene, "refunded", "target", ["refund_pending"] * 5 + ["refunded"], 31.2)
    for name, after in (("webhook_processed", 49.1), ("order_completed", 60.9), ("refund_processed", 102.5)):
        at = (BEGAN + timedelta(seconds=after)).isoformat(timespec="milliseconds")
        scene.tell(ev.LogSeen(name=name, logged_at=at))
    scene.call("stripe", "GET", "/v1/refunds", ms=95).facts("reversal")
    witnessed(scene, "refund", "2026-11-20T09:15:09+00:00", FACTS["pay"]["charge_id"])
    return settled(scene).passed("reversal", took=32.4)


def ended(scene: Scene, reason: str = "every row has its status") -> Scene:
    """The run ends."""
    return scene.tell(ev.RunFinished(complete=True, reason=reason))


def go(source: bytes = SOURCE) -> Scene:
    """A live run of a gate that waits for nobody: everything holds."""
    person = source.index(b'[[criteria]]\nid = "funds_seen"')
    told = source.index(b"# ------", person)
    return ended(
        reversed_whole(refunding(attributed(bought(preflight(begun(Mode.LIVE, source[:person] + source[told:]))))))
    )


def pending(source: bytes = SOURCE) -> Scene:
    """A live run in which everything holds and the bank statement is still to come."""
    return ended(reversed_whole(refunding(attributed(bought(preflight(begun(Mode.LIVE, source)))))))


def rehearsal(source: bytes = SOURCE) -> Scene:
    """The same without funds."""
    return ended(reversed_whole(refunding(attributed(bought(preflight(begun(Mode.REHEARSAL, source)))))))


def no_go(source: bytes = SOURCE) -> Scene:
    """A live run in which the licence never came; the money came back all the same."""
    scene = refunding(attributed(bought(preflight(begun(Mode.LIVE, source))), licence=False))
    settled(scene)
    scene.tell(
        ev.RowFinished(row="reversal", status=RowStatus.BLOCKED, reason="row 6 (licence) is FAIL"),
    )
    return ended(scene)


def escalated(source: bytes = SOURCE) -> Scene:
    """A live run whose refund failed at the provider: money is outstanding."""
    scene = refunding(attributed(bought(preflight(begun(Mode.LIVE, source)))))
    scene.tell(
        ev.RowStarted(row="reversal"),
        ev.RowFinished(
            row="reversal",
            status=RowStatus.FAIL,
            reason="the refund's status is not as expected",
            expected="succeeded",
            observed="failed",
            elapsed_seconds=31.0,
        ),
        ex.PhaseStarted(phase="settling", cause="the rows are done"),
        refund_seen("failed", "expired_or_canceled_card"),
        ex.LedgerLooked(reachable=True, charges=1, unrefunded=1, payable=0),
        ev.RunEscalated(
            charge=FACTS["pay"]["charge_id"],
            amount="EUR 5.00",
            reason="the provider says failed: expired_or_canceled_card",
        ),
        ex.PhaseFinished(phase="settling", outcome="open"),
    )
    return ended(scene)


SCENES = {"go": go, "no-go": no_go, "pending": pending, "escalated": escalated, "rehearsal": rehearsal}

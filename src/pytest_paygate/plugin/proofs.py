"""What a suite holds to have its claims witnessed: the HTTP answer, the application's log, the provider's ledger.

Takes over of a witness what `core/proof.py` compares, has it weighed there against the run, the plan and the other
witnesses of its claim, and journals the outcome. Decides nothing itself.
"""

from __future__ import annotations

from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

from pytest_paygate.core import events as ev
from pytest_paygate.core.claims import needed
from pytest_paygate.core.errors import PaygateError, Refusal, RowFailedError
from pytest_paygate.core.facts import FactKind, FactShapeError, to_json
from pytest_paygate.core.ports import Charge, RefundStatus
from pytest_paygate.core.proof import FRESH, Expected, ProofStatus, Weighed, Witness, WitnessKind, tally, weigh
from pytest_paygate.plugin.row_checks import money_sentence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_paygate.adapters.answers import Answer
    from pytest_paygate.adapters.logs import LogEntry, LogSource
    from pytest_paygate.core.events import ProofRecorded
    from pytest_paygate.core.money import Money
    from pytest_paygate.core.ports import Refund
    from pytest_paygate.plugin.gate_run import GateRun

_NONE: Mapping[str, str] = MappingProxyType({})


class Proofs:
    """The proofs of a run, such as `proofs.http("purchase", answer)` or `await proofs.log("purchase", "paid")`.

    A claim has up to three witnesses, each recorded once. What a witness says is compared with the run's trace id, with
    what is expected, and with the witnesses of the same claim recorded before it.

    Args:
        run: the run whose proofs they are.
        logs: the target's log, None when the environment declares none.
    """

    def __init__(self, run: GateRun, logs: LogSource | None = None) -> None:
        self._run = run
        self._logs = logs

    def record(self, name: str, *, source: str, holds: bool | None, detail: str = "") -> None:
        """Journal a proof that the suite has weighed itself, such as a checksum; it witnesses no claim of the gate.

        Args:
            name: the proof, once in a run, such as `a8_checksum`.
            source: who says so.
            holds: True when it holds, None when the witness is silent, False when it contradicts.
            detail: ids or times, shown only as far as they are plain.
        """
        statuses = {True: ProofStatus.HOLDS, None: ProofStatus.MISSING, False: ProofStatus.CONTRADICTS}
        shown = self._run.plain
        told = shown(detail) if detail else ""
        body = ev.ProofRecorded(name=shown(name), source=shown(source), status=statuses[holds], detail=told)
        self._run.journal.record(body)

    async def fresh(self, trace_id: str = "", event: str = "") -> ProofStatus | None:
        """Journal that a trace id is unknown to the log. Call it before anything is sent with that trace id.

        Args:
            trace_id: this run's when empty.
            event: with it, only entries of that event count, for a log that keeps every request.

        Returns:
            HOLDS; or, in an environment without a log, MISSING where the gate asks for the log and None elsewhere.

        Raises:
            RowFailedError: when the log knows the trace id, or something was bought already.
            PaygateError: when the log cannot be read.
        """
        trace = trace_id or self._run.trace_id
        if self._run.state.exposure.intent is not None:
            raise self._failed(
                "the trace id is looked up too late", expected="before the purchase is sent", observed="after it"
            )
        if self._logs is None:
            if not self._wants_log():
                return None
            return self._told(FRESH, ProofStatus.MISSING, "the environment declares no log")
        known = await self._logs.entries(trace, event)
        if not known:
            return self._told(FRESH, ProofStatus.HOLDS, "the trace id was unknown before the purchase")
        self._told(FRESH, ProofStatus.CONTRADICTS, f"the log has {len(known)} entries of the trace id already")
        raise self._failed(
            "the trace id is known to the target's log before the purchase",
            expected="no entry of it",
            observed=f"{len(known)}",
        )

    def http(
        self,
        claim: str,
        answer: Answer,
        *,
        ids: Mapping[str, object] = _NONE,
        amount: Money | None = None,
        expected: Money | None = None,
    ) -> ProofStatus:
        """Journal what an HTTP answer says. It must be a 2xx that names the run's trace id and the time.

        Args:
            claim: what it witnesses, such as `purchase`.
            answer: the answer.
            ids: what it names, by name; what other witnesses name alike must be the same. Empty ones are left out.
            amount: what it says, None when it says none.
            expected: the amount of the plan.

        Raises:
            RowFailedError: when an id is no id.
        """
        witness = Witness(
            kind=WitnessKind.HTTP,
            said=f"status {answer.status}",
            trace_id=answer.headers.get("x-trace-id", ""),
            at=answer.answered_at,
            ids=self._ids(ids),
            amount=amount,
        )
        if 200 <= answer.status < 300:
            return self._weighed(claim, witness, expected)
        return self._recorded(claim, witness, Weighed(ProofStatus.CONTRADICTS, f"it says status {answer.status}"))

    async def log(self, claim: str, event: str, *, within_seconds: float = 0.0) -> ProofStatus | None:
        """Wait for the log's entry of an event with the run's trace id, and journal what it says.

        Args:
            claim: what it witnesses.
            event: the entry's event, such as `payment_succeeded`.
            within_seconds: how long to wait for it; 0 looks once.

        Returns:
            MISSING when it did not come, or the log could not be read; None, and nothing journalled, where the
            environment declares no log and the gate does not ask for it.
        """
        if self._logs is None:
            if not self._wants_log(claim):
                return None
            return self._silent(claim, WitnessKind.LOG, "the environment declares no log")
        seen, why = await self._looked(self._logs, claim, event, within_seconds)
        if not seen:
            return self._silent(claim, WitnessKind.LOG, why)
        entry = seen[0]
        witness = Witness(
            kind=WitnessKind.LOG,
            said=entry.event,
            trace_id=entry.trace_id,
            at=datetime.fromisoformat(entry.at) if entry.at else None,
        )
        return self._weighed(claim, witness, None)

    def ledger(
        self,
        claim: str,
        entry: Charge | Refund,
        *,
        expected: Money,
        ids: Mapping[str, object] = _NONE,
        after: str = "",
    ) -> ProofStatus:
        """Journal what the provider's ledger says: a charge that was captured, or a refund that succeeded.

        A charge names the run's trace id itself. A refund names its charge, so `after` must be the claim whose ledger
        witness is that very charge.

        Args:
            claim: what it witnesses.
            entry: the charge or refund as the provider tells it.
            expected: the amount of the plan, or of the claim before.
            ids: what it names besides charge, payment and refund.
            after: the claim that came before, such as `purchase` for a refund.

        Raises:
            RowFailedError: when an id is no id.
        """
        before = self._ledger_of(after) if after else None
        if isinstance(entry, Charge):
            trace_id, moved, wrong = entry.metadata.get("trace_id", ""), entry.captured, _charge_wrong(entry)
            named: dict[str, object] = {"charge_id": entry.charge_id, "provider_payment_id": entry.payment_id}
            said = "captured"
        else:
            known = before is not None and before.ids.get("charge_id") == entry.charge_id
            trace_id = self._run.trace_id if known else ""
            moved, wrong, said = entry.amount, _refund_wrong(entry, before), entry.status.value
            named = {"charge_id": entry.charge_id, "provider_refund_id": entry.refund_id}
        witness = Witness(
            kind=WitnessKind.LEDGER,
            said=said,
            trace_id=trace_id,
            at=entry.created,
            ids=self._ids({**named, **ids}),
            amount=moved,
        )
        if wrong:
            return self._recorded(claim, witness, Weighed(ProofStatus.CONTRADICTS, wrong))
        return self._weighed(claim, witness, expected, before)

    def missing(self, claim: str, witness: str, why: str) -> ProofStatus:
        """Journal that a witness of a claim is silent.

        Args:
            claim: what it should have witnessed.
            witness: `http`, `log` or `ledger`.
            why: in plain words.
        """
        return self._silent(claim, WitnessKind(witness), self._run.plain(why))

    def tally(self, claim: str = "") -> str:
        """How many of the proofs recorded so far hold, of one claim or of all, such as `2 of 3`."""
        return tally(proof for proof in self._run.state.proofs if claim in {"", proof.claim})

    async def _looked(
        self, logs: LogSource, claim: str, event: str, within_seconds: float
    ) -> tuple[Sequence[LogEntry], str]:
        """The entries, or none and why."""
        from pytest_paygate.adapters.polling import Poll

        failed: list[str] = []

        async def look() -> Sequence[LogEntry]:
            try:
                found = await logs.entries(self._run.trace_id, event)
            except PaygateError as error:
                failed[:] = [error.refusal.observed]
                raise
            failed.clear()
            return found

        seen = await Poll(recorder=self._run.journal, clock=self._run.clock).until(
            f"log_{claim}",
            look,
            value=lambda found: "seen" if found else "not there",
            goal={"seen"},
            deadline_seconds=within_seconds,
        )
        if seen.reached and seen.last:
            return seen.last, ""
        if failed:
            self._run.journal.record(ev.AnomalyRecorded(code="log_unreadable", detail=self._run.plain(failed[0])))
            return (), "the log could not be read"
        return (), f"no entry {self._run.plain(event)} with this trace id came within {within_seconds:g} s"

    def _weighed(
        self, claim: str, witness: Witness, expected: Money | None, after: ProofRecorded | None = None
    ) -> ProofStatus:
        known = Expected(
            trace_id=self._run.trace_id,
            began=datetime.fromisoformat(self._run.state.started_at),
            now=self._run.clock.now(),
            amount=expected,
            after=after,
        )
        others = [proof for proof in self._run.state.proofs if proof.claim == claim]
        return self._recorded(claim, witness, weigh(witness, known, others))

    def _recorded(self, claim: str, witness: Witness, weighed: Weighed) -> ProofStatus:
        body = ev.ProofRecorded(
            name=f"{claim}_{witness.kind}",
            source=witness.kind.source,
            status=weighed.status,
            detail=self._run.told(weighed.why),
            claim=claim,
            witness=witness.kind,
            at=witness.moment,
            amount="" if witness.amount is None else str(witness.amount),
            ids=dict(witness.ids),
            extract_sha256=witness.extract_sha256,
        )
        self._run.journal.record(body)
        return weighed.status

    def _silent(self, claim: str, kind: WitnessKind, why: str) -> ProofStatus:
        body = ev.ProofRecorded(
            name=f"{claim}_{kind}",
            source=kind.source,
            status=ProofStatus.MISSING,
            detail=why,
            claim=claim,
            witness=kind,
        )
        self._run.journal.record(body)
        return ProofStatus.MISSING

    def _told(self, name: str, status: ProofStatus, detail: str) -> ProofStatus:
        self._run.journal.record(
            ev.ProofRecorded(name=name, source=WitnessKind.LOG.source, status=status, detail=detail)
        )
        return status

    def _wants_log(self, claim: str = "") -> bool:
        wanted = needed(self._run.gate.claims, self._run.mode)
        return any(WitnessKind.LOG in kinds for name, kinds in wanted.items() if claim in {"", name})

    def _ledger_of(self, claim: str) -> ProofRecorded | None:
        return next(
            (
                proof
                for proof in self._run.state.proofs
                if (proof.claim, proof.witness, proof.status) == (claim, WitnessKind.LEDGER, ProofStatus.HOLDS)
            ),
            None,
        )

    def _ids(self, ids: Mapping[str, object]) -> dict[str, str]:
        typed = {}
        for name, value in ids.items():
            if value in {"", None}:
                continue
            try:
                typed[name] = str(to_json(FactKind.IDENTIFIER, value))
                if self._run.holds_secret(typed[name]):
                    raise FactShapeError("the value holds a secret of this run")  # noqa: TRY301 - told as any other misfit
            except FactShapeError as error:
                raise self._failed(
                    f"id {name} of a witness cannot be recorded",
                    expected=f"a value of kind {FactKind.IDENTIFIER}",
                    observed=str(error),
                ) from None
        return typed

    def _failed(self, refused: str, *, expected: str, observed: str) -> RowFailedError:
        return RowFailedError(
            Refusal(
                refused=refused,
                expected=expected,
                observed=observed,
                money=money_sentence(self._run),
                next_step=f"Look trace id {self._run.trace_id} up in the target's log and start a new run.",
            )
        )


def _charge_wrong(charge: Charge) -> str:
    return "" if charge.succeeded and charge.is_captured else "the ledger has the charge, and it is not captured"


def _refund_wrong(refund: Refund, before: ProofRecorded | None) -> str:
    if before is not None and before.ids.get("charge_id") != refund.charge_id:
        return f"it is of another charge than {before.name} says"
    if refund.status is not RefundStatus.SUCCEEDED:
        return f"the ledger says {refund.status.value}"
    return ""

"""`paygate verify --against-ledger`: what is asked of whom, and what its answers do to exit code and words."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pytest_paygate.adapters.clock import SystemClock
from pytest_paygate.cli import against_ledger
from pytest_paygate.core.bundle import believe
from pytest_paygate.core.errors import ProviderError, Refusal
from pytest_paygate.core.money import Money
from pytest_paygate.core.ports import Payment, PaymentStatus
from pytest_paygate.exposure.ledger_check import Finding, Outcome
from pytest_paygate.exposure.recording import Unjournalled
from tests.golden.scenes import FACTS, PRICE
from tests.unit.cli.sealed_runs import HELD_BACK, PASSED
from tests.unit.core.bundles import sealed
from tests.unit.exposure.test_ledger_check_rules import CHARGE, REFUND

if TYPE_CHECKING:
    from pytest_paygate.core.bundle import Believed

SETTINGS = """
[env.{name}]
mode = "staging"
base_url = "https://shop.example.test"

[env.{name}.providers.stripe]
key = "env:PAYGATE_TEST_KEY"

[env.{name}.providers.hyperswitch]
key = "env:PAYGATE_TEST_KEY"
"""
CHARGE_ID, REFUND_ID = FACTS["pay"]["charge_id"], FACTS["reversal"]["provider_refund_id"]
PAID = FACTS["pay"]["connector_payment_id"]
NAMES = (f"charge {CHARGE_ID} EUR 5.00", f"refund {REFUND_ID} EUR 5.00", f"payment {FACTS['order']['payment_id']}")
SAME = [f"  ledger       {name}: same" for name in (*NAMES[:2], f"{NAMES[2]} at hyperswitch")]


class Client:
    """A provider that has what the run says; `failing` is what a read fails with."""

    def __init__(self, name: str, failing: Exception | None = None) -> None:
        self.name, self.failing, self.closed = name, failing, 0
        self.charge = replace(CHARGE, charge_id=CHARGE_ID, payment_id=PAID)
        self.refund = replace(REFUND, refund_id=REFUND_ID, payment_id=PAID, charge_id=CHARGE_ID)

    async def charges(self, payment_id):
        """The charges of a payment."""
        self._asked()
        return (self.charge,) if payment_id == PAID else ()

    async def read_refund(self, refund_id):
        """A refund."""
        self._asked()
        return self.refund if refund_id == REFUND_ID else None

    async def payment(self, payment_id):
        """A payment."""
        self._asked()
        return Payment(payment_id, PaymentStatus.SUCCEEDED, PRICE, PRICE, CHARGE.created, True, "stripe")

    async def aclose(self):
        """Give everything back."""
        self.closed += 1

    def _asked(self) -> None:
        assert not self.closed
        if self.failing is not None:
            raise self.failing


class Clients:
    """Makes the clients of an environment, and keeps what each was made with."""

    def __init__(self) -> None:
        self.given: list[dict[str, object]] = []
        self.by_name = {name: Client(name) for name in ("stripe", "hyperswitch")}

    def make(self, environment, name, **given) -> Client:
        """What stands in for the making of a client."""
        self.given.append({"environment": environment.name, "name": name, **given})
        return self.by_name[name]

    @property
    def closed(self) -> list[int]:
        """How often each was closed."""
        return [client.closed for client in self.by_name.values()]


@pytest.fixture
def clients(tmp_path, monkeypatch) -> Clients:
    """The providers of a project in the folder that the command is run in."""
    (tmp_path / "paygate.toml").write_text(SETTINGS.format(name="prod") + SETTINGS.format(name="other"))
    monkeypatch.setenv("PAYGATE_TEST_KEY", "sk_test_4eC39HqLyjWDarjtT1zdp7dc")
    monkeypatch.chdir(tmp_path)
    made = Clients()
    monkeypatch.setattr(against_ledger, "provider_client", made.make)
    return made


@pytest.fixture(scope="module")
def bundle() -> Believed:
    """A live run that was paid and refunded."""
    return believe(sealed(dict(PASSED)))


@pytest.mark.parametrize("code", [0, 1, 3])
def test_what_the_ledger_confirms_changes_nothing(clients, bundle, code):
    """Each object is one line; the exit code stays what it was without the ledger."""
    assert against_ledger.compare(bundle, "", code) == (code, SAME)


@pytest.mark.parametrize(("typed", "asked"), [("", "prod"), ("other", "other")])
def test_whose_ledger_is_read(clients, bundle, typed, asked):
    """The bundle's own environment unless another is named: each of its providers, journalled by nobody, read-only key."""
    against_ledger.compare(bundle, typed, 0)
    assert [(one["environment"], one["name"]) for one in clients.given] == [(asked, "stripe"), (asked, "hyperswitch")]
    for one in clients.given:
        assert isinstance(one["recorder"], Unjournalled)
        assert isinstance(one["clock"], SystemClock)
        assert (one["trace_id"], one["for_refunds"]) == ("", True)
        assert set(one) == {"environment", "name", "recorder", "clock", "trace_id", "for_refunds"}
    assert clients.closed == [1, 1]


def test_a_difference_makes_it_invalid(clients, bundle):
    """What stands otherwise in the ledger is told with its reason, exit 2; also when something else cannot be read."""
    stripe, hyperswitch = clients.by_name.values()
    stripe.charge = replace(stripe.charge, captured=Money(499, "EUR"))
    lines = [
        f"  ledger       {NAMES[0]}: DIFFERS, amount is EUR 4.99, the journal says EUR 5.00",
        *SAME[1:],
        "INVALID: the ledger of prod tells otherwise",
    ]
    assert against_ledger.compare(bundle, "", 0) == (2, lines)
    hyperswitch.failing = ProviderError(Refusal("it is down", "", "", "", ""))
    hyperswitch.closed = stripe.closed = 0
    lines[2] = f"  ledger       {NAMES[2]} at hyperswitch: CANNOT BE READ, it is down"
    lines[-1] = "INVALID: the ledger of other tells otherwise"
    assert against_ledger.compare(bundle, "other", 3) == (2, lines)


def test_a_ledger_that_cannot_be_read_decides_nothing(clients, bundle):
    """One object that could not be read, and no difference: exit 3. The clients are given back all the same."""
    clients.by_name["hyperswitch"].failing = ProviderError(Refusal("it is down", "", "", "", ""))
    lines = [
        *SAME[:2],
        f"  ledger       {NAMES[2]} at hyperswitch: CANNOT BE READ, it is down",
        "CANNOT DECIDE: the ledger of prod cannot be read in full",
    ]
    assert against_ledger.compare(bundle, "", 0) == (3, lines)
    assert clients.closed == [1, 1]


def test_clients_are_given_back_whatever_happens(clients, bundle):
    """A fault of our own is not hidden, and leaves no connection open."""
    clients.by_name["stripe"].failing = ZeroDivisionError("a fault")
    with pytest.raises(ZeroDivisionError, match="a fault"):
        against_ledger.compare(bundle, "", 0)
    assert clients.closed == [1, 1]


def test_an_environment_that_is_not_there_decides_nothing(clients, bundle, tmp_path):
    """Without the environment, or without settings, nobody can be asked: exit 3, one line, nothing of objects."""
    code, lines = against_ledger.compare(bundle, "nowhere", 0)
    assert (code, len(lines)) == (3, 1)
    assert lines[0].startswith("CANNOT DECIDE: ")
    assert "nowhere" in lines[0]
    assert clients.given == []


def test_a_run_that_moved_nothing_has_nothing_to_look_up(clients):
    """A journal without any charge says so in the place of objects, and the exit code stays."""
    held = believe(sealed(dict(HELD_BACK)))
    nothing = ["  ledger       the journal names nothing to look up in {}"]
    assert against_ledger.compare(held, "", 1) == (1, [nothing[0].format("prod")])
    assert against_ledger.compare(held, "other", 3) == (3, [nothing[0].format("other")])


def test_the_words_of_a_finding(clients, bundle, monkeypatch):
    """Name and outcome, and the reason behind a comma where there is one."""
    found = [Finding("a", Outcome.SAME), Finding("b", Outcome.SAME, "by hand")]

    async def compared(*_: object) -> list[Finding]:
        return found

    monkeypatch.setattr(against_ledger.ledger_check, "compare", compared)
    assert against_ledger.compare(bundle, "", 0) == (0, ["  ledger       a: same", "  ledger       b: same, by hand"])

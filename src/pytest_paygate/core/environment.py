"""Environments as data: what `paygate.toml` may say of a target, and what a run knows of the one it talks to.

Rules:
- a secret is a reference (`env:NAME`, `keyring:service/name`, `cmd:…`), never a literal;
- the environment `sandbox` is always there and is the embedded world;
- an environment says its mode itself; nothing here guesses it from a URL.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pytest_paygate.core.capacity_rules import CapacityRules, CapacitySettings
from pytest_paygate.core.errors import configuration, nearest
from pytest_paygate.core.events import Mode
from pytest_paygate.core.log_settings import LogAccess, LogKind, LogSettings
from pytest_paygate.core.log_settings import check as check_log
from pytest_paygate.core.log_settings import references as log_references
from pytest_paygate.core.model import Day, Field, Model, parse
from pytest_paygate.core.money import Money, MoneyError
from pytest_paygate.core.notices import NotifySettings
from pytest_paygate.core.notices import check as check_notices
from pytest_paygate.core.references import check_reference, is_reference, plain_references
from pytest_paygate.core.samples import SampleSettings, is_base_url
from pytest_paygate.core.samples import check as check_samples

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from pytest_paygate.core.secret import Secret

SANDBOX = "sandbox"
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
# Published on purpose, like the sandbox's cards: they open the emulators' rehearsal world and nothing else.
REHEARSAL_KEYS = frozenset(
    {"sk_live_PaygateRehearsalNoFunds000000", "prd_PaygateRehearsalNoFunds" + "0" * 41},
)
# Who else speaks in a journal: a service of that name could not be told from it.
_PARTIES = frozenset({"target", "log"})
_FIX = "Correct the file; its keys are listed in docs/reference/paygate-toml.md."


class Payer(StrEnum):
    """Who pays on the hosted page."""

    HTTP = "http"
    BROWSER = "browser"
    PERSON = "person"


class DeclaredMode(StrEnum):
    """The modes an environment may declare."""

    SANDBOX = "sandbox"
    STAGING = "staging"
    LIVE = "live"


class LivePolicy(StrEnum):
    """What a live environment allows: to look on at a genuine purchase, or to make one."""

    OBSERVE = "observe"
    DRIVE = "drive"


class Acknowledgement(Model):
    """Who took it upon themselves that this environment may be driven, when, on what ground, and until when."""

    by: str = Field(min_length=1, max_length=80)
    at: Day
    ground: str = Field(min_length=10, max_length=400)
    until: Day


class Caps(Model):
    """The most that may be charged, as amounts like `EUR 10.00` of one currency."""

    per_charge: str
    per_run: str
    per_day: str


class ApprovalSettings(Model):
    """How many people must approve a plan, the requester not among them. Unsigned approvals only if said so here."""

    required: int = Field(default=1, ge=1, le=6)
    signers: str = "allowed_signers"
    unsigned: bool = False


class StoreSettings(Model):
    """Where live runs of several machines meet. `dsn` is a reference; without it, a folder below the reports."""

    dsn: str = ""


class ProviderSettings(Model):
    """How to reach one provider. `key` is a reference; `account` pins the account the key must belong to.

    `refund_key` refers to a restricted key (refunds write, charges read) for the guardian and `paygate recover`.
    """

    key: str
    refund_key: str = ""
    base_url: str = ""
    account: str = ""
    dashboard_url: str = ""


class EnvironmentSettings(Model):
    """One `[env.NAME]` table."""

    mode: DeclaredMode
    base_url: str
    payer: Payer = Payer.PERSON
    sandbox: str = ""
    database: str = ""
    log_url: str = ""
    log: LogSettings | None = None
    webhook_url: str = ""
    ca_file: str = ""
    services: dict[str, str] = Field(default_factory=dict)
    providers: dict[str, ProviderSettings] = Field(default_factory=dict)
    values: dict[str, str] = Field(default_factory=dict)
    secrets: dict[str, str] = Field(default_factory=dict)
    live_policy: LivePolicy = LivePolicy.OBSERVE
    acknowledgement: Acknowledgement | None = None
    caps: Caps | None = None
    approval: ApprovalSettings = ApprovalSettings()
    capacity: CapacitySettings | None = None
    late_charge_seconds: float = Field(default=60.0, ge=0, le=86_400)
    samples: SampleSettings = SampleSettings()


class Settings(Model):
    """A whole `paygate.toml`, or `[tool.paygate]`."""

    default_gate: str = ""
    live_env: str = ""
    signing_key: str = ""
    signing_as: str = ""
    store: StoreSettings = StoreSettings()
    notify: NotifySettings = NotifySettings()
    env: dict[str, EnvironmentSettings] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ProviderAccess:
    """A provider with its secrets resolved. `refund_key` is None where the key itself must do."""

    name: str
    key: Secret
    base_url: str
    account: str
    dashboard_url: str
    refund_key: Secret | None = None


@dataclass(frozen=True, slots=True)
class LiveRules:
    """What an environment declared live allows. `caps` is None when none are written, which allows nothing.

    `capacity` counts charges in every environment that has it, live or not; None where nothing counts them.
    """

    policy: LivePolicy = LivePolicy.OBSERVE
    acknowledgement: Acknowledgement | None = None
    caps: CapAmounts | None = None
    approval: ApprovalSettings = field(default_factory=ApprovalSettings)
    capacity: CapacityRules | None = None
    late_charge_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class CapAmounts:
    """The caps as money of one currency."""

    per_charge: Money
    per_run: Money
    per_day: Money


@dataclass(frozen=True, slots=True)
class Environment:
    """A target ready to be talked to. `base_url` and the URLs of its `services` by name have no trailing slash."""

    name: str
    mode: Mode
    base_url: str
    payer: Payer
    database: Secret | None = None
    log_url: str = ""
    log: LogAccess | None = None
    webhook_url: str = ""
    ca_file: str = ""
    services: Mapping[str, str] = field(default_factory=dict)
    providers: Mapping[str, ProviderAccess] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    live: LiveRules = field(default_factory=LiveRules)
    samples: SampleSettings = field(default_factory=SampleSettings)
    samples_token: Secret | None = None

    @property
    def host(self) -> str:
        """Host and port of the target, for display."""
        return urlsplit(self.base_url).netloc

    @property
    def hosts(self) -> tuple[str, ...]:
        """Host and port of the target and of every service, the target first."""
        return (self.host, *(urlsplit(url).netloc for url in self.services.values()))

    @property
    def log_access(self) -> LogAccess | None:
        """How the target's log is reached; `log_url` is the short form for one behind HTTP. None without any."""
        if self.log is None and self.log_url:
            return LogAccess(LogKind.HTTP, url=self.log_url)
        return self.log


def secrets_of(environment: Environment) -> tuple[Secret, ...]:
    """Every secret an environment holds, for the search of what was written."""
    keys = [key for access in environment.providers.values() for key in (access.key, access.refund_key)]
    log = () if environment.log is None else environment.log.secrets()
    held = [environment.database, environment.samples_token, *keys, *environment.secrets.values(), *log]
    return tuple(secret for secret in held if secret is not None)


def mode_of(declared: DeclaredMode, keys: Iterable[Secret]) -> Mode:
    """The life of an environment. One declared live is a rehearsal when every key is a published rehearsal key."""
    if declared is not DeclaredMode.LIVE:
        return Mode.SANDBOX if declared is DeclaredMode.SANDBOX else Mode.STAGING
    rehearsal = [key.is_one_of(REHEARSAL_KEYS) for key in keys]
    return Mode.REHEARSAL if rehearsal and all(rehearsal) else Mode.LIVE


def read_settings(document: Mapping[str, Any], file: str) -> Settings:
    """Read and check a settings table.

    Raises:
        ConfigurationError: for unknown keys, wrong types, literal secrets, bad URLs.
    """
    settings = parse(Settings, document, file=file, next_step=_FIX)
    for name, environment in settings.env.items():
        where = f"{file}: env.{name}"
        _check_name(where, name)
        _check_address(f"{where}.base_url", environment.base_url)
        for service, url in environment.services.items():
            _check_service(f"{where}.services.{service}", service, environment.providers)
            _check_address(f"{where}.services.{service}", url)
        if environment.webhook_url:
            check_url(f"{where}.webhook_url", environment.webhook_url)
        for key, reference in plain_references(where, environment):
            check_reference(key, reference)
        cap_amounts(f"{where}.caps", environment.caps)
        check_samples(f"{where}.samples", environment.samples)
        _check_log(where, environment)
    check_reference(f"{file}: store.dsn", settings.store.dsn)
    check_reference(f"{file}: notify.secret", settings.notify.secret)
    check_notices(f"{file}: notify", settings.notify)
    return settings


def cap_amounts(where: str, caps: Caps | None) -> CapAmounts | None:
    """Read caps as money.

    Raises:
        ConfigurationError: when one is no amount, or the three are not of one currency and in order.
    """
    if caps is None:
        return None
    try:
        amounts = CapAmounts(*(Money.parse(text) for text in (caps.per_charge, caps.per_run, caps.per_day)))
    except MoneyError as error:
        raise configuration(
            where, "is not an amount", expected="amounts like 'EUR 10.00'", observed=str(error)[:120], next_step=_FIX
        ) from None
    currencies = {amounts.per_charge.currency, amounts.per_run.currency, amounts.per_day.currency}
    if len(currencies) > 1 or not 0 < amounts.per_charge.minor <= amounts.per_run.minor <= amounts.per_day.minor:
        raise configuration(
            where,
            "are not in order",
            expected="one currency, and per_charge ≤ per_run ≤ per_day, all above zero",
            observed=f"{amounts.per_charge}, {amounts.per_run}, {amounts.per_day}",
            next_step=_FIX,
        )
    return amounts


def choose(settings: Settings, name: str, file: str) -> EnvironmentSettings:
    """Return one declared environment.

    Raises:
        ConfigurationError: when it is not declared, naming the nearest one.
    """
    if name in settings.env:
        return settings.env[name]
    known = [SANDBOX, *settings.env]
    raise configuration(
        f"--env={name}",
        "is not a known environment",
        expected=f"one of: {', '.join(known)}.{nearest(name, known)}",
        observed=repr(name),
        next_step=f"Declare [env.{name}] in {file}, or use one of the known ones.",
    )


def _check_name(where: str, name: str) -> None:
    if name == SANDBOX or not re.fullmatch(r"[a-z][a-z0-9_-]{0,30}", name):
        raise configuration(
            where,
            "cannot have this name",
            expected="a lower-case word other than 'sandbox', which is the embedded world",
            observed=repr(name),
            next_step=_FIX,
        )


def _check_service(where: str, name: str, providers: Iterable[str]) -> None:
    taken = _PARTIES | set(providers)
    if name in taken or not re.fullmatch(r"[a-z][a-z0-9_-]{0,30}", name):
        raise configuration(
            where,
            "cannot have this name",
            expected=f"a lower-case word other than {', '.join(sorted(taken))}",
            observed=repr(name[:40]),
            next_step=_FIX,
        )


def _check_address(where: str, url: str) -> None:
    """A base URL, or a reference to one that a running sandbox publishes, which is checked when it is resolved."""
    if not (url.startswith("sandbox:") and is_reference(url)):
        check_url(where, url)


def check_url(where: str, url: str) -> None:
    """Refuse what is not a plain http(s) base URL.

    Args:
        where: file and key.
        url: what stands there.

    Raises:
        ConfigurationError: for another scheme, no host, a user, a query or a fragment; one with a user is not repeated.
    """
    if not is_base_url(url):
        raise configuration(
            where,
            "is not a base URL",
            expected="http(s)://host[:port][/path] without user, query or fragment",
            observed="something else" if "@" in url else repr(url[:80]),
            next_step=_FIX,
        )


def _check_log(where: str, environment: EnvironmentSettings) -> None:
    log = environment.log
    if environment.log_url:
        _check_address(f"{where}.log_url", environment.log_url)
    if log is None:
        return
    if environment.log_url:
        raise configuration(
            f"{where}.log_url",
            "stands beside [log]",
            expected="one of the two: log_url is the short form of a log behind HTTP",
            observed="both",
            next_step=_FIX,
        )
    check_log(f"{where}.log", log)
    if log.url:
        check_url(f"{where}.log.url", log.url)
    for key, reference in log_references(f"{where}.log", log):
        check_reference(key, reference)

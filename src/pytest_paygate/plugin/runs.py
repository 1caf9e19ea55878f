"""The gates of one pytest session: their settings, their environment, their runs.

Owns the life of a run from the first row to its last journal line, without knowing pytest's hooks: `protocol.py` calls
it, `fixtures.py` hands its parts to the suites.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_paygate.adapters.settings import load, resolve, store_dsn
from pytest_paygate.checks.keys import KeyMode, key_mode
from pytest_paygate.core.environment import SANDBOX, DeclaredMode, Environment, Payer, choose
from pytest_paygate.core.errors import PaygateError, configuration, nearest
from pytest_paygate.core.events import Mode
from pytest_paygate.core.gate import Gate, System, check_evidence, read_gate, sha256
from pytest_paygate.core.secret import Secret, watch
from pytest_paygate.core.waivers import check_reach
from pytest_paygate.exposure.stores import store_of
from pytest_paygate.plugin.gate_run import GateRun
from pytest_paygate.plugin.notices import Notices
from pytest_paygate.plugin.options import wants_page
from pytest_paygate.plugin.stash import LIVE

if TYPE_CHECKING:
    from pytest_paygate.core.environment import EnvironmentSettings
    from pytest_paygate.core.live_ports import CapacityLog
    from pytest_paygate.sandbox.server import Sandbox


_CLIENTS = ("adapters.http", "adapters.polling", "adapters.postgres", "adapters.payer_http", "providers.stripe")


@dataclass(frozen=True, slots=True)
class Choice:
    """What the command line chose, as typed values."""

    environment: str
    with_refund: bool | None
    payer: Payer | None
    reports: Path
    faults: tuple[str, ...]


@dataclass(slots=True)
class GateFolder:
    """One `suites/<gate>/` folder of this session: its gate, the rows with a test and, once begun, its run."""

    path: Path
    gate: Gate
    gate_sha256: str
    source: bytes
    run: GateRun | None = None
    refused: PaygateError | None = None
    bound: set[str] = field(default_factory=set)


class Runs:
    """All gates of one pytest session.

    Args:
        config: pytest's configuration.
        identity: time and random part shared by every process of the session, such as `20261121T091500123Z-1a2b3c4d`.
    """

    def __init__(self, config: pytest.Config, identity: str) -> None:
        self.config = config
        self.identity = identity
        # Every secret of this session, tokens that a suite obtains among them: no file may hold one at its end.
        self.held: list[Secret] = []
        config.add_cleanup(watch(self.held.append))
        self.folders: dict[str, GateFolder] = {}
        explicit = config.getoption("paygate_config")
        root = Path(config.invocation_params.dir) / explicit if explicit else None
        self.settings, self.settings_file = load(config.rootpath, root)
        self.is_live = LIVE in config.stash
        self.is_confirmed = self.is_live and config.stash[LIVE].confirm_typed
        self.is_resumed = bool(config.getoption("paygate_resume"))
        self.choice = _choice(config, self._environment_name())
        self._declared = self._choose()
        self.store_dsn = store_dsn(self.settings, self.settings_file) if self.is_live else None
        self.notices = Notices(self)
        config.add_cleanup(self.notices.close)
        self._sandbox: Sandbox | None = None
        self._capacity_log: CapacityLog | None = None

    def folder(self, path: Path) -> GateFolder:
        """The gate of a folder, read once.

        Raises:
            ConfigurationError: when its `gate.toml` cannot be read or two folders hold a gate of one id.
        """
        key = str(path)
        if key not in self.folders:
            source = (path / "gate.toml").read_bytes()
            gate = read_gate(source, f"{path.name}/gate.toml")
            check_evidence(gate, f"{path.name}/gate.toml")
            check_reach(gate.waivers, datetime.now(UTC).date(), f"{path.name}/gate.toml")
            for other in self.folders.values():
                if other.gate.id == gate.id:
                    raise configuration(
                        f"{path.name}/gate.toml: gate.id",
                        "is already the id of another gate in this session",
                        expected="one folder for each gate id",
                        observed=f"{gate.id!r} in {other.path.name} and {path.name}",
                        next_step="Give one of the two gates another id, or run them in two sessions.",
                    )
            self.folders[key] = GateFolder(path, gate, sha256(source), source)
        return self.folders[key]

    def begin(self, folder: GateFolder) -> GateRun | None:
        """Start a gate's run if it has not begun; None when it could not start (`folder.refused` says why)."""
        if folder.run is None and folder.refused is None:
            # Clients are imported beside the sandbox's start, so that no row pays for an import between two requests.
            warming = threading.Thread(target=_import_clients, daemon=True)
            warming.start()
            try:
                environment = self._environment(folder.gate.system)
                warming.join()
                folder.run = GateRun(self, folder, environment)
                folder.run.journal.after = partial(self.notices.seen, folder.run)
            except PaygateError as error:
                folder.refused = error
        return folder.run

    @property
    def is_embedded(self) -> bool:
        """Whether this session runs against a world of its own."""
        return self._declared is None

    def capacity_log(self) -> CapacityLog:
        """The capacity logs that the runs of this session count in.

        Raises:
            ConfigurationError: when the shared store's reference cannot be resolved.
        """
        if self._capacity_log is None:
            if self.is_embedded:
                from pytest_paygate.plugin.embedded import capacity_log

                self._capacity_log = capacity_log()
            else:
                dsn = self.store_dsn or store_dsn(self.settings, self.settings_file)
                self._capacity_log = store_of(self.choice.reports, dsn).capacity
        return self._capacity_log

    def live_environment(self) -> Environment:
        """The environment of a live session, with its secrets resolved.

        Raises:
            ConfigurationError: when a secret cannot be had.
        """
        return self._environment()

    def hold_declared(self) -> None:
        """Know the secrets that the settings name, in a process that ran no row; the embedded world's are gone."""
        if self._declared is not None:
            with contextlib.suppress(PaygateError):
                self._environment()

    def close_sandbox(self) -> None:
        """Stop the embedded world, if it was started."""
        if self._sandbox is not None:
            self._sandbox.stop()
            self._sandbox = None

    def _environment_name(self) -> str:
        typed = self.config.getoption("paygate_env")
        if not self.is_live:
            return typed or SANDBOX
        from pytest_paygate.plugin.live import environment_name

        return environment_name(self.settings, typed, self.settings_file)

    def _choose(self) -> EnvironmentSettings | None:
        if self.choice.environment == SANDBOX:
            if self.is_resumed:
                raise configuration(
                    "--paygate-resume",
                    "needs an environment that is still there",
                    expected="the --env with which the run was started",
                    observed="the embedded sandbox, which ended with its session",
                    next_step="Start the gate again; in the sandbox that takes seconds.",
                )
            if self.is_live:
                raise self._not_live("the embedded sandbox")
            return None
        if self.choice.faults:
            raise configuration(
                "--paygate-fault",
                "works on the embedded sandbox only",
                expected="no --env, or --env=sandbox",
                observed=f"--env={self.choice.environment}",
                next_step="Leave one of the two options out.",
            )
        declared = choose(self.settings, self.choice.environment, self.settings_file)
        if self.is_live and declared.mode is not DeclaredMode.LIVE:
            raise self._not_live(f'mode = "{declared.mode}"')
        return declared

    def _not_live(self, observed: str) -> Exception:
        return configuration(
            f"--live with --env={self.choice.environment}",
            "is refused",
            expected='an environment with mode = "live"',
            observed=observed,
            next_step="Leave --live out for a dry run, or choose a live environment.",
        )

    def _environment(self, system: System = System.MARKETPLACE) -> Environment:
        if self._declared is not None:
            environment = resolve(self.choice.environment, self._declared, self.settings_file)
            _refuse_live_keys(environment, self.settings_file)
            return environment
        from pytest_paygate.plugin.embedded import environment_of, secrets_of_world, start

        if self._sandbox is None:
            self._sandbox = start(self.choice.faults)
        self.held += secrets_of_world(self._sandbox.description)
        return environment_of(self._sandbox, system)


def _refuse_live_keys(environment: Environment, file: str) -> None:
    """A live key in an environment that does not say so would charge real cards past the interlock.

    Raises:
        ConfigurationError: naming the key's place.
    """
    if environment.mode is not Mode.STAGING:
        return
    for name, access in environment.providers.items():
        if key_mode(access.key) is KeyMode.LIVE:
            raise configuration(
                f"{file}: env.{environment.name}.providers.{name}.key",
                "is a live key in a staging environment",
                expected="a key of the provider's test mode",
                observed="a key whose form says live",
                next_step='Point the reference at the test key, or declare the environment mode = "live".',
            )


def _import_clients() -> None:
    for name in _CLIENTS:
        # A client that is missing is told by the fixture that needs it, with its remedy.
        with contextlib.suppress(ImportError):
            import_module(f"pytest_paygate.{name}")


def new_identity() -> str:
    """A run id: the time in UTC to the millisecond, then eight random hex digits. Sorting by it sorts by time."""
    now = datetime.now(UTC)
    return f"{now:%Y%m%dT%H%M%S}{now.microsecond // 1000:03d}Z-{secrets.token_hex(4)}"


def _choice(config: pytest.Config, environment: str) -> Choice:
    payer = config.getoption("paygate_payer")
    names = [member.value for member in Payer]
    if payer is not None and payer not in names:
        raise configuration(
            f"--payer={payer}",
            "is not a known payer",
            expected=f"one of: {', '.join(names)}.{nearest(payer, names)}",
            observed=repr(payer),
            next_step="Choose one of them, or leave the option out.",
        )
    if payer is None and wants_page(config) and LIVE not in config.stash:
        # Whoever opens a page for a person wants one to be asked.
        payer = Payer.PERSON.value
    reports = config.getoption("paygate_reports")
    return Choice(
        environment=environment,
        with_refund=config.getoption("paygate_refund"),
        payer=None if payer is None else Payer(payer),
        reports=Path(config.invocation_params.dir) / reports if reports else config.rootpath / "reports",
        faults=tuple(config.getoption("paygate_fault") or ()),
    )

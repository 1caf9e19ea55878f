"""Gates under pytest-xdist: one run identity for the session, one worker for each gate.

Rules:
- all rows of a gate are one indivisible unit of work, whatever `--dist` says; `loadgroup` is not relied upon (its
  grouping does not work with pytest 9.2 and xdist 3.8);
- a session without a gate is scheduled by xdist exactly as if this plugin were not installed;
- with `--dist each` only the first worker keeps the gates;
- what a worker refuses, the controller refuses: a worker cannot end the session itself;
- a worker hands its secrets to the controller, which searches what both wrote; they go through the pipe only;
- when a worker dies inside a gate, the rest of that gate is not run by another worker: the run folder is taken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_paygate.core.secret import Secret
from pytest_paygate.plugin.stash import RUNS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_paygate.core.errors import ConfigurationError

_IDENTITY = "paygate_identity"
_DIST = "paygate_dist"
_REFUSED = "paygate_refused"
_HELD = "paygate_held"


def identity(config: pytest.Config) -> str:
    """The run identity of a session with xdist, the same in its controller and its workers; nothing without xdist."""
    return str(getattr(config, "workerinput", {}).get(_IDENTITY, "") or getattr(config, _IDENTITY, ""))


def keeps_gates(config: pytest.Config) -> bool:
    """Say whether this process may run gates: not when `--dist each` gave them to an earlier worker."""
    given = getattr(config, "workerinput", {})
    return given.get(_DIST) != "each" or given.get("workerid") == "gw0"


def is_controller(config: pytest.Config) -> bool:
    """Say whether this process only distributes work to others."""
    return not hasattr(config, "workerinput") and config.getoption("dist", "no") != "no"


def share_identity(node: Any) -> None:
    """Hand the session's identity to a worker that is about to start."""
    from pytest_paygate.plugin.runs import new_identity

    config = node.config
    if not hasattr(config, "paygate_identity"):
        config.paygate_identity = new_identity()
    node.workerinput[_IDENTITY] = config.paygate_identity
    node.workerinput[_DIST] = config.getoption("dist")


def refuse(config: pytest.Config, items: list[pytest.Item], error: ConfigurationError) -> None:
    """End a session whose gate, markers or settings are wrong.

    Raises:
        pytest.UsageError: outside a worker; a worker empties its collection and leaves the word for the controller.
    """
    output = getattr(config, "workeroutput", None)
    if output is None:
        raise pytest.UsageError(str(error))
    output[_REFUSED] = str(error)
    items.clear()


def hand_secrets_over(config: pytest.Config, held: Sequence[Secret]) -> None:
    """In a worker: give the controller what it must search for, at the end of the session."""
    output = getattr(config, "workeroutput", None)
    if output is not None:
        output[_HELD] = [[secret.source, secret.reveal()] for secret in held]


def take_secrets(node: Any) -> None:
    """In the controller: take what a worker that is now down has held; of one that died, what the settings name."""
    runs = node.config.stash.get(RUNS, None)
    given = getattr(node, "workeroutput", {}).pop(_HELD, None)
    if runs is not None and given is None:
        runs.hold_declared()
    elif runs is not None:
        runs.held += [Secret(value, source) for source, value in given]


def pass_refusal_on(node: Any) -> None:
    """Refuse in the controller what a worker that is now down refused.

    Raises:
        pytest.UsageError: when it refused something.
    """
    refusal = getattr(node, "workeroutput", {}).get(_REFUSED, "")
    if refusal:
        raise pytest.UsageError(refusal)


def make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Return a scheduler that decides once the collection is known, or None for a mode xdist itself refuses."""
    from xdist import scheduler as xdist

    ordinary = {
        "each": xdist.EachScheduling,
        "load": xdist.LoadScheduling,
        "loadscope": xdist.LoadScopeScheduling,
        "loadfile": xdist.LoadFileScheduling,
        "loadgroup": xdist.LoadGroupScheduling,
        "worksteal": xdist.WorkStealingScheduling,
    }.get(config.getoption("dist"))
    if ordinary is None:
        return None
    return _UntilCollected(config, log, ordinary, xdist.LoadScopeScheduling)


class _UntilCollected:
    """Xdist's own scheduler for the mode, exchanged for a gate-keeping one when a gate turns up in the collection."""

    def __init__(self, config: pytest.Config, log: Any, ordinary: Any, scoped: Any) -> None:
        self._config, self._log, self._scoped = config, log, scoped
        self._chosen = ordinary(config, log)
        self._keeping = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._chosen, name)

    @property
    def __class__(self) -> Any:
        # What xdist prints in its header, and what anybody's isinstance sees.
        return type(self._chosen)

    @__class__.setter
    def __class__(self, value: Any) -> None:
        raise TypeError("the scheduler decides itself which class it shows")

    def add_node_collection(self, node: Any, collection: Sequence[str]) -> None:
        """Look at the first collection that arrives, before anything is scheduled."""
        if not self._keeping and any(gate_of(self._config, nodeid) for nodeid in collection):
            self._keeping = True
            self._wake_up()
        self._chosen.add_node_collection(node, collection)

    def _wake_up(self) -> None:
        from pytest_paygate.plugin import activate

        activate(self._config)
        # With `each`, every worker gets everything; `keeps_gates` leaves the gates to the first.
        if self._config.getoption("dist") != "each":
            self._keep_gates_together()

    def _keep_gates_together(self) -> None:
        nodes, config = self._chosen.nodes, self._config
        scoped: Any = self._scoped

        class GateScheduling(scoped):  # type: ignore[misc]  # the base is only known at run time
            """Gates whole, everything else item by item."""

            def _split_scope(self, nodeid: str) -> str:
                return gate_of(config, nodeid) or nodeid

        self._chosen = GateScheduling(config, self._log)
        for node in nodes:
            self._chosen.add_node(node)


def gate_of(config: pytest.Config, nodeid: str) -> str:
    """The gate folder a test id belongs to, or nothing."""
    folder = (config.rootpath / nodeid.split("::", 1)[0]).parent
    return str(folder) if (folder / "gate.toml").is_file() else ""

"""Runs PostgreSQL so that it cannot outlive this process, and removes what it wrote.

Two small shells do the watching, each blocked on a pipe that only this process holds open:
- the *watchdog* is the server's parent: a line on its pipe means a fast shutdown, the end of the pipe an immediate one;
- the *reaper* removes the folder once nobody holds its pipe: neither this process nor watchdog nor server.
A pipe closes however we die, `kill -9` included, and needs no thread of ours. Both shells have their own session, so
that Ctrl-C in a terminal reaches them through us or not at all.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import select
import signal
import socket
import subprocess
import tempfile
import time
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Self

from pytest_paygate.sandbox import postgres_errors

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType

    from pytest_paygate.sandbox.postgres_binaries import Account, Binaries

SERVER_OPTIONS = (
    # A sandbox's data is worth nothing after a crash, so nothing waits for the disk.
    *("fsync=off", "synchronous_commit=off", "full_page_writes=off"),
    *("wal_level=minimal", "max_wal_senders=0", "wal_recycle=off", "wal_init_zero=off", "min_wal_size=2MB"),
    *("autovacuum=off", "jit=off", "shared_buffers=32MB", "io_method=sync", "max_logical_replication_workers=0"),
    # In files below the data folder, so that nothing is ever left in /dev/shm.
    "dynamic_shared_memory_type=mmap",
    *("timezone=UTC", "log_timezone=UTC", "log_min_messages=log", "log_checkpoints=off", "log_line_prefix="),
    *("listen_addresses=127.0.0.1", "unix_socket_permissions=0700"),
)
SUPERUSER = "postgres"
# Whoever may use this machine's loopback may use the sandbox's data, but not the superuser, who can run programs.
HOST_RULES = f"local all all trust\nhost all {SUPERUSER} 127.0.0.1/32 reject\nhost all all 127.0.0.1/32 trust\n"

_MEMORY_BYTES_MIN = 512 * 1024 * 1024
_SOCKET_PATH_BYTES_MAX = 103
_START_SECONDS_MAX = 30.0
_STOP_SECONDS_MAX = 10.0
_READY_POLL_SECONDS = 0.002
_PORT_ATTEMPTS = 5
_READY_LINE = 7
_LOG_LINES_SHOWN = 5
_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
_DEAF = 'trap "" HUP INT QUIT TERM\n'
_REAPER = _DEAF + 'read -r _\nrm -rf -- "$1"\n'
_WATCHDOG = (
    _DEAF + '"$@" </dev/null &\nserver=$!\nexec >&-\n'
    'if read -r _; then kill -INT "$server"; else kill -QUIT "$server"; fi 2>/dev/null\nwait "$server"\n'
)

_held: weakref.WeakSet[Scratch | Supervised] = weakref.WeakSet()
_fork_hook_set = False


def _hold(holder: Scratch | Supervised) -> None:
    global _fork_hook_set  # noqa: PLW0603 - hooks cannot be taken back, so set it once, and not at import
    if not _fork_hook_set:
        os.register_at_fork(after_in_child=_let_go_in_child)
        _fork_hook_set = True
    _held.add(holder)


def _let_go_in_child() -> None:
    """A forked child holds copies of our pipes; it must neither keep a server alive nor stop its parent's."""
    for holder in list(_held):
        holder.let_go()


class Scratch:
    """One short, private folder that is removed when it is closed or when this process is gone, whichever is first."""

    def __init__(self, account: Account | None) -> None:
        """Choose a name, set the reaper on it, and only then make the folder.

        Raises:
            PostgresUnavailableError: no temporary folder is short, writable and open to `account`.
        """
        self.folder = _scratch_base(account) / f"paygate-pg-{secrets.token_hex(4)}"
        self._account = account
        reading, self.lifeline = os.pipe()
        try:
            self._reaper = subprocess.Popen(  # noqa: S603 - a fixed script; the folder is an argument, never part of it
                ["/bin/sh", "-c", _REAPER, "paygate-reaper", str(self.folder)],
                stdin=reading,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env=_ENVIRONMENT,
                start_new_session=True,
            )
        except BaseException:
            os.close(self.lifeline)
            raise
        finally:
            os.close(reading)
        _hold(self)
        try:
            self.folder.mkdir(mode=0o700)
            (self.folder / "hosts").write_text(HOST_RULES)
            if account:
                os.chown(self.folder / "hosts", account.uid, account.gid)
        except BaseException:
            self.close()
            raise

    def open_to_server(self) -> None:
        """Give the folder to the account the server runs as; from here on root writes nothing below it."""
        if self._account:
            os.chown(self.folder, self._account.uid, self._account.gid)

    def let_go(self) -> None:
        """Close our end without waiting."""
        if self.lifeline >= 0:
            os.close(self.lifeline)
            self.lifeline = -1
            self._reaper.returncode = self._reaper.returncode or 0

    def close(self) -> None:
        """Have the folder removed, and wait until it is."""
        if self.lifeline >= 0:
            os.close(self.lifeline)
            self.lifeline = -1
            # A stray process that still holds the folder may delay its removal; it must not hang our exit.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._reaper.wait(_STOP_SECONDS_MAX)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Supervised:
    """One program under a watchdog, writing its log to `scratch.folder / "log"`."""

    def __init__(self, command: Sequence[str], scratch: Scratch, account: Account | None) -> None:
        """Start it.

        Raises:
            PostgresUnavailableError: the system refused to start a process as that account.
        """
        self._scratch = scratch
        # Opened by us before the folder changes hands; a link put in its place later is never followed.
        flags = os.O_CREAT | os.O_APPEND | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
        log = os.open(scratch.folder / "log", flags, 0o600)
        try:
            self._watchdog = subprocess.Popen(  # noqa: S603 - a fixed script; the command is its arguments, never part of it
                ["/bin/sh", "-c", _WATCHDOG, "paygate-watchdog", *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd="/",
                env=_ENVIRONMENT,
                start_new_session=True,
                pass_fds=(scratch.lifeline,),
                user=account.uid if account else None,
                group=account.gid if account else None,
                extra_groups=[] if account else None,
                bufsize=0,
            )
        except (OSError, subprocess.SubprocessError) as error:
            reason = f"no process could be started: {error}"
            raise postgres_errors.cannot_start(reason) from error
        finally:
            os.close(log)
        _hold(self)

    def wait_ended(self, timeout_seconds: float) -> bool:
        """Wait until the program and all its children are gone: they hold the other end of the watchdog's output."""
        output = self._watchdog.stdout
        if output is None or output.closed:
            return True
        deadline = time.monotonic() + timeout_seconds
        poll = select.poll()
        poll.register(output, select.POLLIN | select.POLLHUP)
        while poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
            if not os.read(output.fileno(), 4096):
                return True
        return False

    def stop(self) -> int:
        """Shut down fast, then immediately, then by force; return the exit status. Repeating it is harmless."""
        pipes = [pipe for pipe in (self._watchdog.stdin, self._watchdog.stdout) if pipe]
        if self._watchdog.returncode is None:
            with contextlib.suppress(BrokenPipeError):
                os.write(pipes[0].fileno(), b"\n")
            for last_resort in (signal.SIGQUIT, signal.SIGKILL):
                if self.wait_ended(_STOP_SECONDS_MAX):
                    break
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._watchdog.pid, last_resort)
        for pipe in pipes:
            pipe.close()
        return self._watchdog.wait()

    def let_go(self) -> None:
        """Close our ends without stopping anything."""
        for pipe in (self._watchdog.stdin, self._watchdog.stdout):
            if pipe:
                pipe.close()
        self._watchdog.returncode = self._watchdog.returncode or 0

    def log_tail(self) -> str:
        """The last lines the program wrote."""
        try:
            text = (self._scratch.folder / "log").read_text(errors="replace")
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-_LOG_LINES_SHOWN:])


def launch(binaries: Binaries, scratch: Scratch, account: Account | None) -> tuple[Supervised, int]:
    """Start a server on `scratch.folder / "data"`; return it and its TCP port once it accepts connections.

    Raises:
        PostgresUnavailableError: it ended or did not come up in time; the text holds its last log lines.
    """
    for _attempt in range(_PORT_ATTEMPTS):
        port = _free_port()
        server = Supervised(_command(binaries, scratch.folder, port), scratch, account)
        try:
            ready = _wait_ready(server, scratch.folder / "data" / "postmaster.pid")
        except BaseException:
            server.stop()
            raise
        if ready:
            return server, port
        server.stop()
        # Somebody took the port between our look and the server's bind: take another.
        if "Address already in use" not in server.log_tail():
            break
    raise postgres_errors.cannot_start(server.log_tail())


def _command(binaries: Binaries, folder: Path, port: int) -> list[str]:
    quoted = str(folder).replace('"', '""')
    settings = (
        *SERVER_OPTIONS,
        f"port={port}",
        f'unix_socket_directories="{quoted}"',
        f"hba_file={folder}/hosts",
    )
    options = [part for setting in settings for part in ("-c", setting)]
    return [str(binaries.postgres), "-D", str(folder / "data"), *options]


def _wait_ready(server: Supervised, pid_file: Path) -> bool:
    deadline = time.monotonic() + _START_SECONDS_MAX
    while time.monotonic() < deadline:
        if server.wait_ended(_READY_POLL_SECONDS):
            return False
        with contextlib.suppress(OSError):
            lines = pid_file.read_text().splitlines()
            if len(lines) > _READY_LINE and lines[_READY_LINE].strip() == "ready":
                return True
    return False


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _scratch_base(account: Account | None) -> Path:
    name = b"/paygate-pg-00000000/.s.PGSQL.65535"
    for base in _candidates():
        short = len(os.fsencode(base)) + len(name) <= _SOCKET_PATH_BYTES_MAX
        open_to_us = os.access(base, os.W_OK | os.X_OK) and (account is None or account.can_enter(base))
        # Clients read a comma in a socket's folder as a list of hosts.
        if base.is_absolute() and short and open_to_us and "," not in str(base):
            return base
    raise postgres_errors.cannot_start("no temporary folder is short enough, writable, and open to its account.")


def _candidates() -> Iterator[Path]:
    """Temporary folders in the order they are tried: what the user chose, then memory where it is roomy, then disk.

    A start creates some eight hundred files, which costs tens of times more on a journalling disk than in memory; a
    container's default of 64 MB of shared memory is too small for a cluster.
    """
    memory = Path("/dev/shm")  # noqa: S108 - the folder made there is private and its name random
    if "TMPDIR" not in os.environ and memory.is_dir():
        room = os.statvfs(memory)
        if room.f_bavail * room.f_frsize >= _MEMORY_BYTES_MIN:
            yield memory
    yield Path(tempfile.gettempdir())
    yield Path("/tmp")  # noqa: S108 - see above
    yield Path("/var/tmp")  # noqa: S108 - see above

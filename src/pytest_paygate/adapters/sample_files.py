"""Samples in files of JSON Lines: one somebody hands over, and the folder of segments that `paygate watch` keeps.

Rules:
- a segment only grows; each start of a prober begins a new one, so a line cut off by a crash stands at a segment's end;
- a line cut off at the end is left out and counted; anything else that is not a sample is a refusal, never skipped;
- a write that fails leaves whole lines: what it began is cut off again, or the next one begins a new segment;
- reading keeps one block in memory, whatever the size of the file.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import stat
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from pytest_paygate.adapters.run_directory import sync_folder
from pytest_paygate.core.errors import NOTHING_MOVED, Refusal, SamplesError
from pytest_paygate.core.samples import LINE_BYTES_MAX, SAMPLES_MAX, SourceKind, decode, decode_lines, encode

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pytest_paygate.core.window import Sample

FOLDER: Final = ".samples"
SEGMENT_BYTES_MAX: Final = 16 * 1_048_576
_BLOCK_BYTES: Final = 1_048_576
_SEGMENT = re.compile(r"(?P<number>[0-9]{6,9})-(?P<at>[0-9]{8}T[0-9]{6}Z)\.jsonl")
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,30}")
_WATCH = "Start `paygate watch` for this environment, and ask again when the window is full."


class SampleFile:
    """One file that somebody hands over.

    Args:
        path: a regular file.
        samples_max: more than these are a refusal.
    """

    kind = SourceKind.FILE

    def __init__(self, path: Path, samples_max: int = SAMPLES_MAX) -> None:
        self._path, self._samples_max = path, samples_max
        self.torn = 0

    def samples(self, endpoints: Sequence[str], since: datetime, until: datetime) -> Iterator[Sample]:
        """Every sample of the file, in its order.

        Raises:
            SamplesError: when it is not there, no regular file, too large, or holds a line that is no sample.
        """
        del endpoints, since, until  # the whole file is judged: what is outside the window is counted, not hidden
        reading = _Reading(self._path, self._samples_max)
        yield from reading
        self.torn = reading.torn


class SampleFolder:
    """The segments of one environment, to read.

    Args:
        root: the folder `.samples` of the reports.
        environment: its name.
        samples_max: more than these are a refusal.
    """

    kind = SourceKind.STORE

    def __init__(self, root: Path, environment: str, samples_max: int = SAMPLES_MAX) -> None:
        self._folder, self._samples_max = root / _safe(environment), samples_max
        self.torn = 0

    def samples(self, endpoints: Sequence[str], since: datetime, until: datetime) -> Iterator[Sample]:
        """Every sample of the segments that can reach into the window; none when nobody has watched.

        Raises:
            SamplesError: when a segment cannot be read or is damaged.
        """
        del endpoints, until
        self.torn, left = 0, self._samples_max
        found = segments(self._folder)
        for index, (_, path) in enumerate(found):
            following = found[index + 1][0] if index + 1 < len(found) else None
            if following is not None and following < since:
                continue
            reading = _Reading(path, left)
            yield from reading
            left -= reading.count
            self.torn += reading.torn


class SampleFolderSink:
    """The segments of one environment, to add to. One prober at a time, by a lock that dies with its process.

    Args:
        root: the folder `.samples` of the reports; made when it is missing.
        environment: its name.
        segment_bytes_max: a segment that has grown past this is followed by a new one.

    Raises:
        SamplesError: when another process watches, or the folder cannot be used.
    """

    def __init__(self, root: Path, environment: str, *, segment_bytes_max: int = SEGMENT_BYTES_MAX) -> None:
        self._folder, self._segment_bytes_max = root / _safe(environment), segment_bytes_max
        self._segment: int | None = None
        self._bytes = 0
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise _unwritable(self._folder, error) from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise _watched(environment) from None

    def append(self, samples: Sequence[Sample]) -> None:
        """Keep some samples durably.

        Raises:
            SamplesError: when the disk is full or gone; nothing of them then stands in the segment.
        """
        if not samples:
            return
        content = b"".join(encode(sample) for sample in samples)
        try:
            self._opened(samples[0].at)
            self._written(content)
        except OSError as error:
            self._cut_back()
            raise _unwritable(self._folder, error) from None
        self._bytes += len(content)

    def close(self) -> None:
        """Release the segment and the lock."""
        self._leave()
        with contextlib.suppress(OSError):
            os.close(self._lock)

    def _opened(self, at: datetime) -> None:
        if self._segment is not None and self._bytes < self._segment_bytes_max:
            return
        self._leave()
        found = [int(path.name.partition("-")[0]) for _, path in segments(self._folder)]
        name = f"{max(found, default=0) + 1:06d}-{at.astimezone(UTC):%Y%m%dT%H%M%SZ}.jsonl"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self._segment, self._bytes = os.open(self._folder / name, flags, 0o600), 0
        sync_folder(self._folder)

    def _written(self, content: bytes) -> None:
        if self._segment is None:
            raise RuntimeError("a segment is opened before it is written to")
        left = memoryview(content)
        while left:
            left = left[os.write(self._segment, left) :]
        os.fsync(self._segment)

    def _cut_back(self) -> None:
        """Undo a write that failed half-way; where that fails too, the next one goes into a new segment."""
        if self._segment is None:
            return
        try:
            os.ftruncate(self._segment, self._bytes)
        except OSError:
            self._leave()

    def _leave(self) -> None:
        if self._segment is not None:
            with contextlib.suppress(OSError):
                os.close(self._segment)
            self._segment = None


def segments(folder: Path) -> list[tuple[datetime, Path]]:
    """The segments of a folder with the time of each one's first sample, in the order in which they were begun.

    Raises:
        SamplesError: when the folder cannot be read.
    """
    try:
        names = [path.name for path in folder.iterdir()]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise _unreadable(folder, error.strerror or type(error).__name__) from None
    found = []
    for name in names:
        match = _SEGMENT.fullmatch(name)
        if match is not None:
            try:
                at = datetime.strptime(match["at"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
            except ValueError:
                raise _unreadable(folder / name, "a name with a time that is none") from None
            found.append((int(match["number"]), at, folder / name))
    return [(at, path) for _, at, path in sorted(found)]


class _Reading:
    """One file read block by block. `count` and `torn` are how many lines were read, and cut off at its end."""

    def __init__(self, path: Path, samples_max: int) -> None:
        self._path, self._samples_max = path, samples_max
        self.count = self.torn = 0

    def __iter__(self) -> Iterator[Sample]:
        tail = b""
        try:
            with os.fdopen(_open_regular(self._path), "rb") as file:
                while block := file.read(_BLOCK_BYTES):
                    whole, newline, tail = (tail + block).rpartition(b"\n")
                    yield from self._decoded(whole + newline)
                    if len(tail) > LINE_BYTES_MAX:
                        raise _no_sample(self._path, self.count + 1, f"a line of more than {LINE_BYTES_MAX} bytes")
        except OSError as error:
            raise _unreadable(self._path, error.strerror or type(error).__name__) from None
        self.torn = int(bool(tail))

    def _decoded(self, lines: bytes) -> Iterator[Sample]:
        """The samples of whole lines, all at once where they are in our own spelling, else one by one."""
        if self.count + lines.count(b"\n") > self._samples_max:
            raise _too_many(self._path, self._samples_max)
        try:
            at_once = decode_lines(lines.decode("ascii"))
        except UnicodeDecodeError:
            at_once = None
        samples = self._one_by_one(lines) if at_once is None else at_once
        try:
            for sample in samples:
                self.count += 1
                yield sample
        except ValueError as error:
            raise _no_sample(self._path, self.count + 1, _ours(error)) from None

    @staticmethod
    def _one_by_one(lines: bytes) -> Iterator[Sample]:
        return (decode(line.decode("ascii")) for line in lines.split(b"\n")[:-1])


def _open_regular(path: Path) -> int:
    """Open a file without waiting for anybody: a pipe or a device is refused."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(0, "not a regular file")
    return handle


def _ours(error: ValueError) -> str:
    """What is wrong with a line, in our words; the messages of parsers may hold pieces of it."""
    text = str(error)
    return text if type(error) is ValueError and text.startswith(("it is", "its ", "a key")) else "not a sample in JSON"


def _safe(environment: str) -> str:
    if not _NAME.fullmatch(environment):
        raise ValueError("an environment's name is a plain word")
    return environment


def _no_sample(path: Path, number: int, observed: str) -> SamplesError:
    return SamplesError(
        Refusal(
            refused=f"{path.name}: line {number} is not a sample, so nothing is judged by this file",
            expected='one {"at", "endpoint", "latency_ms", "status"} object a line',
            observed=observed,
            money=NOTHING_MOVED,
            next_step="Find out who wrote that line; move the file away if it is not what a prober writes.",
        )
    )


def _too_many(path: Path, samples_max: int) -> SamplesError:
    return SamplesError(
        Refusal(
            refused=f"{path.name} holds too many samples to be a window",
            expected=f"at most {samples_max} samples",
            observed="more than that",
            money=NOTHING_MOVED,
            next_step="Hand over only the window, or sample less often.",
        )
    )


def _unreadable(path: Path, observed: str) -> SamplesError:
    return SamplesError(
        Refusal(
            refused=f"the samples in {path.name} cannot be read",
            expected="a regular file this user may read",
            observed=observed,
            money=NOTHING_MOVED,
            next_step=_WATCH,
        )
    )


def _unwritable(folder: Path, error: OSError) -> SamplesError:
    return SamplesError(
        Refusal(
            refused=f"samples cannot be kept in {folder.name}",
            expected="a folder this user may write to, with space left",
            observed=error.strerror or type(error).__name__,
            money=NOTHING_MOVED,
            next_step="Free space or fix the permissions; the prober goes on and tries again.",
        )
    )


def _watched(environment: str) -> SamplesError:
    return SamplesError(
        Refusal(
            refused=f"environment {environment} is already being watched",
            expected="one `paygate watch` for each environment and store",
            observed="another process holds the lock",
            money=NOTHING_MOVED,
            next_step="Leave the other one running, or end it first.",
        )
    )

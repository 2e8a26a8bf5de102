"""Predictions in append-only segment files, one writer each; a killed process loses nothing that was committed."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from modelwright.core.clock import Clock, SystemClock
from modelwright.core.errors import AdapterError, ModelwrightError
from modelwright.records.ports import PredictionLog
from modelwright.records.prediction import FORMAT, Schema, encode
from modelwright.records.segments import (
    CLOSED,
    MAGIC,
    NEW,
    OPEN,
    Header,
    block,
    segment_folder,
    sync_folder,
)

#: a segment is closed at the first of these
_RECORDS, _BYTES, _AGE_S = 20_000, 64 << 20, 10.0
#: `buffered` writes at the first of these
_BUFFERED_RECORDS, _BUFFERED_S = 512, 0.1
#: a damaged block costs no more records than this
_BLOCK = 256
#: part of the time until the disk that is waited; the rest is for the disk itself
_WAITED = 0.8
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

_fdatasync = getattr(os, "fdatasync", os.fsync)


@dataclass(slots=True)
class _File:
    """A segment that is being written; its exclusive lock goes with the descriptor."""

    descriptor: int
    path: Path
    opened_s: float
    size: int
    records: int = 0
    named: bool = False  # its name is on the disk


_Waiting = tuple[int, Callable[[], None], Callable[[ModelwrightError], None] | None]


class _SegmentLog:
    """A PredictionLog. One thread appends and commits; another of our own puts it on the disk.

    After a failed fsync nothing is tried again: the kernel may have dropped the pages and call the next one a success
    (PostgreSQL, 2018).
    """

    def __init__(self, folder: Path, *, durability: str, sync_ms: int, clock: Clock) -> None:
        self._folder = segment_folder(folder)
        self._durability = durability
        self._sync_s = sync_ms / 1_000 * _WAITED
        self._clock = clock
        self._writer, self._sequence = secrets.token_hex(4), 0
        self._parts: list[bytes] = []
        self._schemas: dict[int, bytes] = {}  # those of this log, encoded
        self._unwritten: list[bytes] = []  # of these, those in no segment yet
        self._known: dict[int, tuple[Schema, int]] = {}  # by identity: a digest is too dear for every request
        self._failure: AdapterError | None = None
        self._written = self._synced = 0  # records since the log was opened
        self._written_bytes = self._failed = 0
        self._unsynced_since: float | None = None
        self._last_write_s, self._nudged = time.monotonic(), False
        self._waiting: list[_Waiting] = []
        self._retired: list[_File] = []
        self._lock, self._wake, self._stopping = threading.Lock(), threading.Event(), False
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file = self._new_file()
        self._thread = threading.Thread(target=self._keep_synced, name="prediction-log", daemon=True)
        self._thread.start()

    @property
    def durability(self) -> str:
        return self._durability

    def numbers(self) -> Mapping[str, float]:
        """What has been written by now, and what of it waits for the disk; the counters' names."""
        since = self._unsynced_since
        return {
            "log_records": self._written,
            "log_bytes": self._written_bytes,
            "log_failures": self._failed,
            "log_unsynced_records": self._written - self._synced,
            "log_lag_seconds": 0.0 if since is None else time.monotonic() - since,
        }

    # ------------------------------------------------------------ one thread

    def describe(self, schema: Schema) -> int:
        known = self._known.get(id(schema))
        if known is not None:
            return known[1]
        number, encoded = schema.number, encode(schema)
        with self._lock:
            if number not in self._schemas:
                self._schemas[number] = encoded
                self._unwritten.append(encoded)
                self._parts.append(encoded)
        self._known[id(schema)] = (schema, number)
        return number

    def append(self, record: bytes) -> None:
        if self._failure is not None:
            raise self._failure
        self._parts.append(record)

    def commit(self) -> int:
        with self._lock:
            if self._failure is not None:
                raise self._failure
            count = len(self._parts)
            if count and not (self._durability == "buffered" and self._may_wait(count)):
                self._write(count)
            elif count and not self._nudged:
                self._nudged = True  # the thread writes it, should no further commit come
                self._wake.set()
            return self._written + len(self._parts)

    def when_synced(
        self, position: int, call: Callable[[], None], failed: Callable[[ModelwrightError], None] | None = None
    ) -> None:
        with self._lock:
            if self._failure is not None:
                raise self._failure
            if position > self._written:
                self._write(len(self._parts))
            self._waiting.append((position, call, failed))
        self._wake.set()

    def close(self) -> None:
        """Write, put on the disk and close. Raises AdapterError where the end of the log could not be written."""
        problem: AdapterError | None = None
        if not self._stopping and self._failure is None:
            try:
                with self._lock:
                    self._write(len(self._parts))
            except AdapterError as error:
                problem = error
        self._stopping = True
        self._wake.set()
        self._thread.join()
        for file in [*self._retired, self._file]:
            if file.descriptor >= 0:
                os.close(file.descriptor)
                file.descriptor = -1
        self._retired = []
        self._failure = problem = problem or self._failure
        if problem is not None and problem.code != "log.closed":
            raise problem
        self._failure = AdapterError("The prediction log is closed.", code="log.closed", subject="log:predictions")

    # ------------------------------------------------------------ under the lock

    def _may_wait(self, count: int) -> bool:
        return count < _BUFFERED_RECORDS and time.monotonic() - self._last_write_s < _BUFFERED_S

    def _write(self, count: int) -> None:
        """Hand the first `count` records to the operating system, all or none of them."""
        if not count:
            return
        file, parts = self._file, self._parts
        chunk = b"".join(block(parts[start : min(start + _BLOCK, count)]) for start in range(0, count, _BLOCK))
        try:
            done = os.write(file.descriptor, chunk)
            while done < len(chunk):
                done += os.write(file.descriptor, memoryview(chunk)[done:])
        except OSError as error:
            self._take_back(error, count)
        del parts[:count]
        self._unwritten.clear()
        self._written += count
        self._written_bytes += len(chunk)
        file.size += len(chunk)
        file.records += count
        now = time.monotonic()
        self._last_write_s, self._nudged = now, False
        if self._unsynced_since is None:
            self._unsynced_since = now
            self._wake.set()
        if file.records >= _RECORDS or file.size >= _BYTES or now - file.opened_s >= _AGE_S:
            self._rotate()

    def _take_back(self, error: OSError, count: int) -> None:
        """Cut off what was written of these records, and say that none of them is kept."""
        self._parts[:] = self._unwritten + self._parts[count:]
        self._failed += 1
        try:
            os.ftruncate(self._file.descriptor, self._file.size)
        except OSError as worse:
            raise self._fail(worse) from error
        if error.errno in _NO_ROOM:
            raise AdapterError(
                f"There is no room for the prediction log in {self._folder}: {error.strerror}.",
                code="log.full",
                hint="free disk space; the log goes on by itself as soon as there is room",
                subject="log:predictions",
                retryable=True,
            ) from error
        raise self._fail(error) from error

    def _fail(self, error: OSError) -> AdapterError:
        self._failed += 1
        self._failure = AdapterError(
            f"The prediction log in {self._folder} can no longer be written: {error.strerror or error}.",
            code="log.failed",
            hint="look at the disk, then start the server again; what was on the disk before is whole",
            subject="log:predictions",
        )
        self._wake.set()
        return self._failure

    def _rotate(self) -> None:
        """Go on in a new segment; the thread puts the old one on the disk. Without room, stay in the old one."""
        try:
            fresh = self._new_file()
        except OSError:
            return
        self._retired.append(self._file)
        self._file = fresh
        self._wake.set()

    def _new_file(self) -> _File:
        """A segment that already holds its header and every schema; nobody sees it before it is locked."""
        self._sequence += 1
        now = self._clock.now()
        name = f"{now:%Y%m%dT%H%M%S}-{os.getpid()}-{self._sequence:06d}-{self._writer}"
        header = Header(FORMAT, self._writer, os.getpid(), int(now.timestamp() * 1_000_000), self._sequence)
        beginning = MAGIC + block([msgspec.msgpack.encode(header)])
        if self._schemas:
            beginning += block(list(self._schemas.values()))
        fresh, path = self._folder / (name + NEW), self._folder / (name + OPEN)
        descriptor = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.write(descriptor, beginning) < len(beginning):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            fresh.rename(path)
        except OSError:
            os.close(descriptor)
            fresh.unlink(missing_ok=True)
            raise
        return _File(descriptor, path, time.monotonic(), len(beginning))

    # ------------------------------------------------------------ the other thread

    def _keep_synced(self) -> None:
        while not self._stopping and self._failure is None:
            self._wake.wait(self._idle_s())
            self._wake.clear()
            self._write_late()
            if self._is_due():
                self._sync()
        if self._failure is None:
            self._sync(last=True)
        self._tell_failure()

    def _idle_s(self) -> float:
        """Seconds until there is something to do."""
        with self._lock:
            now = time.monotonic()
            due = [self._file.opened_s + _AGE_S if self._file.records else now + _AGE_S]
            if self._unsynced_since is not None and self._durability != "buffered":
                due.append(self._unsynced_since + self._sync_s)
            if self._parts and self._durability == "buffered":
                due.append(self._last_write_s + _BUFFERED_S)
            return max(0.0, min(due) - now)

    def _write_late(self) -> None:
        """What no commit has written or closed in time, for want of further requests."""
        with self._lock, contextlib.suppress(AdapterError):  # the next append or commit says it
            if self._durability == "buffered" and self._parts and not self._may_wait(len(self._parts)):
                self._write(len(self._parts))
            if self._file.records and time.monotonic() - self._file.opened_s >= _AGE_S:
                self._rotate()

    def _is_due(self) -> bool:
        with self._lock:
            if self._waiting or self._retired:
                return True
            since = self._unsynced_since
            return since is not None and self._durability != "buffered" and time.monotonic() - since >= self._sync_s

    def _sync(self, last: bool = False) -> None:
        with self._lock:
            retired, self._retired = self._retired, []
            file, target, self._unsynced_since = self._file, self._written, None
        try:
            for old in retired:
                self._put_on_disk(old, close=True)
            self._put_on_disk(file, close=last)
        except OSError as error:
            with self._lock:
                self._retired = [*retired, *self._retired]  # `close` lets them go
                self._fail(error)
            return
        with self._lock:
            self._synced = target
            ready = [each for each in self._waiting if each[0] <= target]
            self._waiting = [each for each in self._waiting if each[0] > target]
        for _, call, _failed in ready:
            _call(call)

    def _put_on_disk(self, file: _File, *, close: bool) -> None:
        _fdatasync(file.descriptor)
        if close:
            if file.records:
                file.path.rename(file.path.with_suffix(CLOSED))
            else:
                file.path.unlink()
            os.close(file.descriptor)
            file.descriptor = -1
        if close or not file.named:
            sync_folder(self._folder)
            file.named = True

    def _tell_failure(self) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, []
            failure = self._failure or AdapterError("The prediction log was closed.", code="log.closed")
        for _, _call_back, failed in waiting:
            if failed is not None:
                _call(lambda failed=failed: failed(failure))  # type: ignore[misc]


def _call(back: Callable[[], None]) -> None:
    with contextlib.suppress(Exception):  # a caller that has gone away must not stop the disk for the others
        back()


def open_log(
    folder: Path, *, durability: str = "group", sync_ms: int = 100, clock: Clock | None = None
) -> PredictionLog:
    """Open a log of this process in `folder` (WORKSPACE/log/predictions), after the last fork: a child would hold the
    segment's lock, and with it keep the segment from being sealed once its writer is gone.

    Raises AdapterError (`log.full`, `log.failed`) where no segment can be begun."""
    try:
        return _SegmentLog(folder, durability=durability, sync_ms=sync_ms, clock=clock or SystemClock())
    except OSError as error:
        raise AdapterError(
            f"No prediction log can be opened in {folder}: {error.strerror or error}.",
            code="log.full" if error.errno in _NO_ROOM else "log.failed",
            hint="free disk space, or give the process the right to write there",
            subject="log:predictions",
        ) from error


PLUGIN: Callable[..., PredictionLog] = open_log

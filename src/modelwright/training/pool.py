"""Worker processes under supervision: one fit each at a time, killable, within time and memory, never orphaned."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO

import msgspec

from modelwright.training.capacity import worker_environment
from modelwright.training.units import Unit

_POLL_S = 0.05
_MEMORY_POLL_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a unit ended. `reason`: empty when done, else memory, deadline, crashed or error."""

    unit: Unit
    reason: str = ""
    message: str = ""


@dataclass(slots=True, kw_only=True)
class _Worker:
    process: subprocess.Popen[bytes]
    log: Path
    unit: Unit | None = None
    ready: bool = False
    folder: Path | None = None
    buffer: bytes = b""
    started_s: float = 0.0

    @property
    def output(self) -> IO[bytes]:
        assert self.process.stdout is not None
        return self.process.stdout


@dataclass(slots=True, kw_only=True)
class Pool:
    """At most `limit` workers, started when there is work for them. Use as a context manager: leaving kills all."""

    folder: Path  # what `bench.lay` wrote
    limit: int
    memory_bytes: int  # for all workers together
    base_dir: Path = field(default_factory=Path)  # where workers run, for the user's own code
    command: tuple[str, ...] = (sys.executable, "-P", "-m", "modelwright.training.worker")
    _workers: list[_Worker] = field(default_factory=list)
    _queue: deque[Unit] = field(default_factory=deque)
    _retried: set[str] = field(default_factory=set)
    _outcomes: list[Outcome] = field(default_factory=list)
    _selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    _memory_checked_s: float = 0.0
    _spawned: int = 0

    def __enter__(self) -> Pool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def share_bytes(self) -> int:
        """What one worker may hold."""
        return self.memory_bytes // max(1, self.limit)

    def warm(self, count: int) -> None:
        """Start workers ahead of the work, so that their imports overlap with planning."""
        while len(self._workers) < min(count, self.limit):
            self._spawn()

    def move(self, folder: Path) -> None:
        """Forget all work and go on at another bench; idle workers keep what they have imported."""
        self.abandon("moved")
        self._outcomes.clear()
        self._retried.clear()
        self.folder = folder
        for worker in self._workers:
            worker.folder = None

    def submit(self, unit: Unit) -> None:
        self._queue.append(unit)
        self._assign()

    @property
    def busy(self) -> int:
        """Units queued or running."""
        return len(self._queue) + sum(worker.unit is not None for worker in self._workers)

    @property
    def free(self) -> int:
        """How many more units would start at once."""
        return max(0, self.limit - self.busy)

    def poll(self, timeout_s: float = _POLL_S) -> list[Outcome]:
        """Wait for news at most this long; the outcomes since the last call, in order of arrival."""
        until = time.monotonic() + timeout_s
        while not self._outcomes:
            for key, _ in self._selector.select(min(_POLL_S, max(0.0, until - time.monotonic()))):
                self._read(key.data)
            self._guard_memory()
            self._assign()
            if time.monotonic() >= until:
                break
        found, self._outcomes = self._outcomes, []
        return found

    def abandon(self, reason: str, keep: Callable[[Unit], bool] = lambda _unit: False) -> None:
        """Drop queued units and kill running ones, except those to keep; each becomes an outcome."""
        queued = [unit for unit in self._queue if not keep(unit)]
        self._queue = deque(unit for unit in self._queue if keep(unit))
        self._outcomes.extend(Outcome(unit=unit, reason=reason) for unit in queued)
        for worker in list(self._workers):
            if worker.unit is not None and not keep(worker.unit):
                self._outcomes.append(Outcome(unit=worker.unit, reason=reason))
                worker.unit = None
                self._remove(worker)

    def close(self) -> None:
        """Kill every worker and wait until each is gone."""
        self._queue.clear()
        for worker in list(self._workers):
            self._remove(worker)
        self._selector.close()

    def pids(self) -> Collection[int]:
        return [worker.process.pid for worker in self._workers]

    # ------------------------------------------------------------ inside

    def _spawn(self) -> _Worker:
        log = self.folder / f"worker-{os.getpid()}-{self._spawned}.log"
        self._spawned += 1
        with log.open("wb") as errors:
            process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [*self.command, str(self.folder.absolute())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=worker_environment(self.share_bytes),
                cwd=self.base_dir,
                start_new_session=True,  # Ctrl-C reaches the parent only, which decides
            )
        worker = _Worker(process=process, log=log, folder=self.folder)
        os.set_blocking(worker.output.fileno(), False)
        self._selector.register(worker.output, selectors.EVENT_READ, worker)
        self._workers.append(worker)
        return worker

    def _assign(self) -> None:
        while self._queue:
            idle = next((worker for worker in self._workers if worker.unit is None), None)
            if idle is None:
                if len(self._workers) >= self.limit:
                    return
                idle = self._spawn()
            idle.unit = self._queue.popleft()
            idle.started_s = time.monotonic()
            try:
                assert idle.process.stdin is not None
                if idle.folder != self.folder:
                    idle.process.stdin.write(msgspec.json.encode({"bench": str(self.folder.absolute())}) + b"\n")
                    idle.folder = self.folder
                idle.process.stdin.write(msgspec.json.encode(idle.unit) + b"\n")
                idle.process.stdin.flush()
            except OSError:
                self._lost(idle)

    def _read(self, worker: _Worker) -> None:
        try:
            chunk = os.read(worker.output.fileno(), 1 << 16)
        except BlockingIOError:
            return
        if not chunk:
            self._lost(worker)
            return
        *lines, worker.buffer = (worker.buffer + chunk).split(b"\n")
        for line in lines:
            self._hear(worker, msgspec.json.decode(line, type=dict[str, str]))

    def _hear(self, worker: _Worker, message: dict[str, str]) -> None:
        if message["event"] == "ready":
            worker.ready = True
            return
        unit = worker.unit
        worker.unit = None
        if unit is None:
            return
        if message["event"] == "done":
            self._outcomes.append(Outcome(unit=unit))
        else:
            reason = "memory" if message["code"] == "memory" else "error"
            self._outcomes.append(Outcome(unit=unit, reason=reason, message=message["message"]))

    def _lost(self, worker: _Worker) -> None:
        """A worker died by itself: its unit gets one more chance on a fresh one."""
        unit = worker.unit
        worker.unit = None
        code = self._remove(worker)
        if unit is None:
            return
        if unit.name in self._retried:
            self._outcomes.append(Outcome(unit=unit, reason="crashed", message=_last_words(worker.log, code)))
            return
        self._retried.add(unit.name)
        self._queue.appendleft(unit)

    def _guard_memory(self) -> None:
        """Kill a worker that holds more than its share; its unit will not be tried again."""
        now = time.monotonic()
        if now - self._memory_checked_s < _MEMORY_POLL_S:
            return
        self._memory_checked_s = now
        for worker in list(self._workers):
            if worker.unit is None or not _holds_more(worker.process.pid, self.share_bytes):
                continue
            limit_mb = self.share_bytes >> 20
            self._outcomes.append(
                Outcome(
                    unit=worker.unit,
                    reason="memory",
                    message=f"needed more than its {limit_mb} MB of memory (training.memory_share gives more)",
                )
            )
            worker.unit = None
            self._remove(worker)

    def _remove(self, worker: _Worker) -> int:
        self._selector.unregister(worker.output)
        self._workers.remove(worker)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(worker.process.pid, signal.SIGKILL)  # some libraries fork helpers of their own
        worker.process.kill()
        for pipe in (worker.process.stdin, worker.process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:
                    continue
        return worker.process.wait()


def _holds_more(pid: int, limit_bytes: int) -> bool:
    """Whether a process holds more than its limit, pages apart that it shares with others or can drop (mapped files).

    The resident set is asked first: it is never smaller, and a hundred times cheaper to ask for."""
    import psutil

    try:
        process = psutil.Process(pid)
        if process.memory_info().rss <= limit_bytes:
            return False
        return int(process.memory_full_info().uss) > limit_bytes
    except psutil.Error:
        return False


def _last_words(log: Path, code: int) -> str:
    """Why a worker died, as far as its exit code and its last line on standard error say."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except OSError:
        lines = []
    how = f"killed by signal {-code}" if code < 0 else f"exit code {code}"
    return f"its process ended ({how})" + (f": {lines[-1][:300]}" if lines else "")

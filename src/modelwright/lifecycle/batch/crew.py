"""Worker processes, one per core, each with one order in hand."""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from modelwright.core.errors import ModelError, ModelwrightError
from modelwright.lifecycle.batch.worker import Done, Order, Scorer, Setup

#: a fit or a score takes one thread; the cores are filled by processes
_ONE_THREAD = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "POLARS_MAX_THREADS",
)


class Crew:
    """For one thread. `give` waits while everybody is busy, which bounds what is in memory."""

    def __init__(self, setup: Setup, size: int) -> None:
        environment = os.environ | dict.fromkeys(_ONE_THREAD, "1")
        self._answers: queue.Queue[tuple[int, Done | None]] = queue.Queue()
        self._workers = [_start(environment) for _ in range(size)]
        self._idle = list(range(size))
        self._busy: dict[int, int] = {}  # worker -> number of its order
        for place, worker in enumerate(self._workers):
            _write(worker, msgspec.json.encode(setup))
            threading.Thread(target=self._listen, args=(place, worker), daemon=True).start()

    def give(self, order: Order) -> list[Done]:
        """Hand an order to whoever is free; returns what was finished meanwhile. Raises ModelwrightError."""
        found = self._collected(wait=not self._idle)
        place = self._idle.pop()
        self._busy[place] = order.number
        _write(self._workers[place], msgspec.json.encode(order))
        return found

    def rest(self) -> list[Done]:
        """Wait for everything that was given."""
        found: list[Done] = []
        while self._busy:
            found += self._collected(wait=True)
        return found

    def _collected(self, *, wait: bool) -> list[Done]:
        found: list[Done] = []
        while True:
            try:
                place, done = self._answers.get(block=wait and not found)
            except queue.Empty:
                return found
            if done is None:
                raise ModelError(
                    "A worker process ended while it scored rows.",
                    code="batch.worker_died",
                    hint="run the same command again: finished chunks are kept; fewer --workers need less memory",
                    subject=f"chunk:{self._busy.get(place, -1)}",
                    retryable=True,
                )
            if done.error is not None:
                raise _raised(done.error)
            self._busy.pop(place, None)
            self._idle.append(place)
            found.append(done)

    def _listen(self, place: int, worker: subprocess.Popen[bytes]) -> None:
        assert worker.stdout is not None
        with contextlib.suppress(ValueError, OSError, msgspec.DecodeError):
            for line in worker.stdout:
                self._answers.put((place, msgspec.json.decode(line, type=Done)))
        if place in self._busy:
            self._answers.put((place, None))

    def close(self) -> None:
        """Those that have nothing to do end by themselves; the others are ended."""
        for place, worker in enumerate(self._workers):
            if worker.stdin is not None:
                with contextlib.suppress(OSError):
                    worker.stdin.close()
            if place in self._busy:
                worker.kill()
        for worker in self._workers:
            try:
                worker.wait(60)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()
            if worker.stdout is not None:
                worker.stdout.close()


class Alone:
    """The same for one worker: in this process, which has the bundle loaded already."""

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer

    def give(self, order: Order) -> list[Done]:
        import polars as pl

        return [self._scorer.score(order.number, pl.read_ipc(order.table), Path(order.part))]

    def rest(self) -> list[Done]:
        return []

    def close(self) -> None:
        self._scorer.close()


def _start(environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "modelwright.lifecycle.batch.worker"]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=dict(environment))  # noqa: S603


def _write(worker: subprocess.Popen[bytes], line: bytes) -> None:
    assert worker.stdin is not None
    with contextlib.suppress(BrokenPipeError):  # its end is told by its output
        worker.stdin.write(line + b"\n")
        worker.stdin.flush()


def _raised(error: Mapping[str, Any]) -> ModelwrightError:
    return ModelError(
        str(error.get("message", "")),
        code=str(error.get("code", "")),
        hint=str(error.get("hint", "")),
        subject=str(error.get("subject", "")),
    )

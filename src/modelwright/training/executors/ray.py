"""A Ray cluster: the same units in the same worker processes, one actor per core. Needs the extra `ray`."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from modelwright.core.digests import digest
from modelwright.core.errors import AdapterError, StateError
from modelwright.core.plugins import require
from modelwright.training import station
from modelwright.training.executing import Executor, Workers, WorkersOrder
from modelwright.training.executors._ray_connection import CONNECTION, last_line
from modelwright.training.pool import Outcome
from modelwright.training.units import Job, Unit, UnitStore

_POLL_S = 0.05
#: how long stations may take to remove their files before they are killed
_LEAVE_S = 3.0
_QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0", "RAY_BACKEND_LOG_LEVEL": "fatal"}


@dataclass(slots=True, eq=False, kw_only=True)
class _Station:
    """An actor, the reference of its first answer, and that of the unit it works on."""

    actor: Any
    hello: Any
    unit: Unit | None = None
    task: Any = None


@dataclass(slots=True, kw_only=True)
class RayPool:
    """`training.pool.Pool`, on a cluster."""

    folder: Path
    limit: int
    memory_share: float  # of a machine's memory, for one unit
    base_dir: Path
    _stations: list[_Station] = field(default_factory=list)
    _leaving: list[tuple[Any, Any]] = field(default_factory=list)
    _queue: deque[Unit] = field(default_factory=deque)
    _retried: set[str] = field(default_factory=set)
    _outcomes: list[Outcome] = field(default_factory=list)
    #: the bench as it was sent: its name by content, its job, its files in the object store
    _sent: tuple[str, Job, dict[str, Any]] | None = None
    _closed: bool = False

    def __enter__(self) -> RayPool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def busy(self) -> int:
        return len(self._queue) + sum(one.unit is not None for one in self._stations)

    @property
    def free(self) -> int:
        return max(0, self.limit - self.busy)

    def warm(self, count: int) -> None:
        while len(self._stations) < min(count, self.limit):
            self._hire()

    def move(self, folder: Path) -> None:
        self.abandon("moved")
        self._outcomes.clear()
        self._retried.clear()
        self.folder, self._sent = folder, None

    def submit(self, unit: Unit) -> None:
        self._queue.append(unit)
        self._assign()

    def poll(self, timeout_s: float = _POLL_S) -> list[Outcome]:
        import ray

        until = time.monotonic() + timeout_s
        while not self._outcomes:
            awaited = {ref: one for one in self._stations for ref in (one.hello, one.task) if ref is not None}
            left_s = max(0.0, until - time.monotonic())
            if awaited:
                ready, _ = ray.wait(list(awaited), num_returns=1, timeout=min(_POLL_S * 4, left_s))
                for ref in ready:
                    self._hear(awaited[ref], ref)
            else:
                time.sleep(min(_POLL_S, left_s))
            self._assign()
            if time.monotonic() >= until:
                break
        found, self._outcomes = self._outcomes, []
        return found

    def abandon(self, reason: str, keep: Callable[[Unit], bool] = lambda _unit: False) -> None:
        queued = [unit for unit in self._queue if not keep(unit)]
        self._queue = deque(unit for unit in self._queue if keep(unit))
        self._outcomes.extend(Outcome(unit=unit, reason=reason) for unit in queued)
        for one in list(self._stations):
            if one.unit is not None and not keep(one.unit):
                self._outcomes.append(Outcome(unit=one.unit, reason=reason))
                self._dismiss(one)

    def close(self) -> None:
        """End our actors and what they run; then the connection, if nobody else in this process uses it."""
        import ray

        if self._closed:
            return
        self._closed = True
        self._queue.clear()
        for one in list(self._stations):
            self._dismiss(one)
        with contextlib.suppress(Exception):  # a cluster that is gone has nothing left to end
            ray.wait([ref for _, ref in self._leaving], num_returns=len(self._leaving), timeout=_LEAVE_S)
        for actor, _ in self._leaving:
            with contextlib.suppress(Exception):
                ray.kill(actor)
        self._leaving.clear()
        self._sent = None
        CONNECTION.release()

    # ------------------------------------------------------------ inside

    def _hire(self) -> _Station:
        actor = _actor_class().options(num_cpus=1, max_restarts=0, max_concurrency=2)
        actor = actor.remote(self.memory_share, str(CONNECTION.folder or ""))
        one = _Station(actor=actor, hello=actor.facts.remote())
        self._stations.append(one)
        return one

    def _dismiss(self, one: _Station) -> None:
        """Ask it to clean up and go, without waiting: `close` makes sure."""
        self._stations.remove(one)
        one.unit = None
        self._leaving.append((one.actor, one.actor.stop.remote()))

    def _assign(self) -> None:
        while self._queue:
            idle = next((one for one in self._stations if one.unit is None), None)
            if idle is None:
                if len(self._stations) >= self.limit:
                    return
                idle = self._hire()
            unit = self._queue.popleft()
            name, job, files = self._bench()
            work = station.Work(bench=name, unit=unit, key=unit.key(job), code=self._code(job, unit))
            idle.unit = unit
            idle.task = idle.actor.run.remote(msgspec.msgpack.encode(work), [[*pair] for pair in files.items()])

    def _bench(self) -> tuple[str, Job, dict[str, Any]]:
        """The bench in the object store, put there once. Plain bytes: Ray stores them as they are."""
        import ray

        if self._sent is None:
            content = (self.folder / "job.json").read_bytes()
            files = {name: self.folder / name for name in station.BENCH_FILES}
            refs = {name: ray.put(file.read_bytes()) for name, file in files.items() if file.exists()}
            self._sent = (digest(content), msgspec.json.decode(content, type=Job), refs)
        return self._sent

    def _code(self, job: Job, unit: Unit) -> dict[str, bytes]:
        """The user's own modules that the unit runs."""
        from modelwright.spec.hooks import hook_files

        named = [name for name in (job.features.custom or "", unit.family) if ":" in name]
        return {path: file.read_bytes() for name in named for path, file in hook_files(name, self.base_dir).items()}

    def _hear(self, one: _Station, ref: Any) -> None:
        import ray

        try:
            said: bytes = ray.get(ref)
        except ray.exceptions.RayTaskError as error:
            if ref == one.hello:
                raise AdapterError(
                    f"Modelwright does not work on the Ray cluster: {last_line(error)}",
                    code="ray.station",
                    hint="install the same modelwright on every machine of it",
                    subject="execution",
                ) from error
            unit, one.unit, one.task = one.unit, None, None
            if unit is not None:
                self._outcomes.append(Outcome(unit=unit, reason="error", message=last_line(error)))
        except ray.exceptions.RayError as error:
            self._lost(one, error)
        else:
            if ref == one.hello:
                one.hello = None
                if CONNECTION.folder is None:  # a Ray that was started here runs what is here
                    _refuse_difference(msgspec.json.decode(said, type=dict[str, str]))
            else:
                self._done(one, msgspec.msgpack.decode(said, type=station.Reply))

    def _done(self, one: _Station, reply: station.Reply) -> None:
        unit, one.unit, one.task = one.unit, None, None
        assert unit is not None
        if not reply.reason:
            try:
                station.adopt(UnitStore(self.folder.parent / "units"), unit.key(self._bench()[1]), reply.files)
            except (OSError, ValueError) as error:
                reply = station.Reply(reason="error", message=f"its result could not be kept: {error}")
        self._outcomes.append(Outcome(unit=unit, reason=reply.reason, message=reply.message))

    def _lost(self, one: _Station, error: Exception) -> None:
        """An actor or its machine is gone: its unit gets one more chance on another."""
        unit = one.unit
        self._stations.remove(one)
        if unit is None:
            return
        if unit.name in self._retried:
            message = f"its place on the cluster was lost twice: {last_line(error)}"
            self._outcomes.append(Outcome(unit=unit, reason="crashed", message=message))
            return
        self._retried.add(unit.name)
        self._queue.appendleft(unit)


class _Ray:
    def open(self, order: WorkersOrder) -> Workers:
        _quietly_there()
        import psutil
        import ray

        CONNECTION.users += 1
        try:
            CONNECTION.make(order)
            limit = min(order.spec.workers or int(ray.cluster_resources().get("CPU", 1)), order.most)
            node_cpus = max((int(node["Resources"].get("CPU", 1)) for node in ray.nodes() if node["Alive"]), default=1)
        except BaseException:
            CONNECTION.release()
            raise
        share = order.memory_bytes / psutil.virtual_memory().total / max(1, node_cpus)
        return RayPool(folder=order.folder, limit=max(1, limit), memory_share=share, base_dir=order.base_dir)

    def held(self) -> contextlib.AbstractContextManager[None]:
        _quietly_there()
        return CONNECTION.used()


def _quietly_there() -> None:
    """Import Ray with its reports, tips and logs off. Raises MissingExtraError.

    Ray puts its own copies of other packages on the path; there they would count as installed, and the bundle's list
    of packages, and with it its digest, would not be that of a run without Ray.
    """
    before = list(sys.path)
    os.environ.update({name: value for name, value in _QUIET.items() if name not in os.environ})
    require("ray", "ray", "`execution: ray`")
    sys.path[:] = before


def _actor_class() -> Any:
    import ray

    return ray.remote(_Actor)


class _Actor:
    """A station inside Ray's process. Two methods may run at a time, so that it can be stopped in the middle."""

    def __init__(self, memory_share: float, root: str) -> None:
        self._station = station.Station(memory_share, root)

    def facts(self) -> bytes:
        return self._station.facts()

    def run(self, work: bytes, files: list[list[Any]]) -> bytes:
        import ray

        return self._station.run(work, lambda: {name: ray.get(ref) for name, ref in files})

    def stop(self) -> None:
        self._station.leave()
        os._exit(0)


def _refuse_difference(theirs: Mapping[str, str]) -> None:
    ours = station.facts()
    for name in sorted({*ours, *theirs}):
        if ours.get(name) != theirs.get(name):
            here, there = (found.get(name, "missing")[:20] for found in (ours, theirs))
            raise StateError(
                f"A machine of the Ray cluster differs: {name} is {there} there and {here} here.",
                code="ray.differs",
                hint="install the same versions on every machine, for instance with one lock file",
                subject="execution",
            )


PLUGIN: Executor = _Ray()

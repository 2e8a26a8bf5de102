"""Numbers that every process of a server writes and any one of them can read: shared memory, no locks, no files.

Each process writes to its own slot only, so nothing is ever lost to a race; a reader sums over the slots. A slot
outlives its process: the next one goes on counting where the last one stopped. What a slot counts is found out as it
happens, so each slot carries the names of its numbers: a name is written before the count of names says it is there.
"""

from __future__ import annotations

import mmap
import time
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

#: upper ends of the latency histogram in microseconds; Prometheus wants seconds
BUCKETS_US = (
    50, 100, 200, 350, 500, 750, 1_000, 1_500, 2_500, 5_000, 10_000, 25_000, 50_000,
    100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000,
)  # fmt: skip
_NAMES = 1_024  # different numbers in one slot
_NAME_BYTES = 248
_HISTOGRAM = len(BUCKETS_US) + 3  # buckets, the one above all, sum, count
_FIXED = 8  # how many names, heartbeat, process, state and a reserve
_USED, _BEAT, _PID, _STATE = range(4)
_VALUES = _FIXED + _HISTOGRAM + _NAMES
_SLOT_BYTES = _VALUES * 8 + _NAMES * (_NAME_BYTES + 8)
_OTHER = "counters_overflow"
#: latencies are told apart for so many models of a slot; of all later ones together after that
_MODELS = 16
_BY_MODEL, OTHER_MODELS = "model_latency", "_other"

#: buckets as labels: in shared memory by number, as Prometheus wants them by their upper end in seconds
_BUCKETS = tuple(str(index) for index in range(len(BUCKETS_US) + 1))
_EDGES = (*(f"{end / 1e6:g}" for end in BUCKETS_US), "+Inf")

STARTING, READY, DRAINING, GONE, REFUSED = 0.0, 1.0, 2.0, 3.0, 4.0


@dataclass(frozen=True, slots=True)
class Family:
    """What a number means. Gauges are summed over living processes, or told apart by `worker`."""

    help: str
    labels: tuple[str, ...] = ()
    kind: str = "counter"
    each: bool = False


FAMILIES: Mapping[str, Family] = {
    "http_requests": Family("HTTP requests by model and status", ("model", "status")),
    "http_refused": Family("Requests refused at the door by reason", ("code",)),
    "grpc_requests": Family("gRPC requests by model and status", ("model", "status")),
    "grpc_refused": Family("gRPC requests refused at the door by reason", ("code",)),
    "predictions": Family(
        "Answered requests by model, version and route (champion, canary, bandit, pinned, fallback; shadow: beside)",
        ("model", "version", "route"),
    ),
    "rows": Family("Answered rows by model and version", ("model", "version")),
    "degraded": Family("Requests answered by a fallback, and by which", ("model", "by")),
    "failed": Family("Requests on which a model failed", ("model", "version", "code")),
    "shed": Family("Requests refused to keep the others quick, by reason", ("why",)),
    "cache_hits": Family("Rows answered from memory", ("model",)),
    "unseen": Family("Values that training never saw", ("model", "version", "column")),
    "log_records": Family("Records appended to the prediction log"),
    "log_bytes": Family("Bytes appended to the prediction log"),
    "log_failures": Family("Commits of the prediction log that failed"),
    "log_unsynced_records": Family("Records that are written and not on the disk yet", kind="gauge"),
    "log_lag_seconds": Family("How long the oldest of them has waited", kind="gauge", each=True),
    "log_unsealed_bytes": Family("Bytes of the prediction log that wait to be sealed", kind="gauge"),
    "swaps": Family("Versions that went live in a worker", ("model", "version")),
    "refused_versions": Family("Versions that did not pass and were not put live", ("model", "version")),
    "worker_restarts": Family("Workers started in place of another, by reason", ("why",)),
    "breaker_opened": Family("Times that a circuit breaker opened", ("model",)),
    "in_flight": Family("Requests that are being answered", kind="gauge"),
    "queued": Family("Requests that wait", kind="gauge"),
    "connections": Family("Open connections", kind="gauge"),
    "memory_bytes": Family("Resident memory", kind="gauge", each=True),
    "load_seconds": Family("Time from the start of a process until it was ready", kind="gauge", each=True),
    "workers": Family("Workers that answer", kind="gauge"),
    _OTHER: Family("Counts whose names found no room in shared memory"),
}


@dataclass(frozen=True, slots=True)
class Reading:
    """One number: `suffix` is `_bucket`, `_sum` or `_count` for histograms."""

    name: str
    kind: str
    help: str
    values: Sequence[tuple[Mapping[str, str], float, str]] = field(default_factory=tuple)


class Board:
    """The shared memory itself: made by the supervisor before it forks, seen by all its children."""

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self._memory = mmap.mmap(-1, slots * _SLOT_BYTES)
        self._view = memoryview(self._memory)

    def numbers(self, slot: int) -> memoryview[float]:
        start = slot * _SLOT_BYTES
        return self._view[start : start + _VALUES * 8].cast("d")  # type: ignore[return-value,unused-ignore]

    def names(self, slot: int) -> memoryview:
        start = slot * _SLOT_BYTES + _VALUES * 8
        return self._view[start : (slot + 1) * _SLOT_BYTES]

    def name(self, slot: int, index: int) -> tuple[str, ...]:
        at = index * (_NAME_BYTES + 8)
        names = self.names(slot)
        size = int.from_bytes(names[at : at + 2], "little")
        return tuple(bytes(names[at + 8 : at + 8 + size]).decode(errors="replace").split("\x1f"))

    # -------------------------------------------------------- the life of processes

    def beat_of(self, slot: int) -> float:
        """`time.monotonic()` of the last sign of life."""
        return self.numbers(slot)[_BEAT]

    def state_of(self, slot: int) -> float:
        return self.numbers(slot)[_STATE]

    def pid_of(self, slot: int) -> int:
        return int(self.numbers(slot)[_PID])

    def set_state(self, slot: int, state: float) -> None:
        self.numbers(slot)[_STATE] = state

    def clear_life(self, slot: int) -> None:
        """Before a new process takes a slot: it has neither lived nor started yet, and what was in flight is gone."""
        numbers = self.numbers(slot)
        numbers[_STATE], numbers[_PID], numbers[_BEAT] = STARTING, 0.0, time.monotonic()
        for index in range(int(numbers[_USED])):
            known = FAMILIES.get(self.name(slot, index)[0])
            if known is not None and known.kind == "gauge":
                numbers[_FIXED + _HISTOGRAM + index] = 0.0

    # -------------------------------------------------------- reading

    def read(self) -> list[Reading]:
        """Every number, summed over all slots, families in a fixed order."""
        sums: dict[tuple[str, tuple[str, ...]], float] = {}
        for slot in range(self.slots):
            numbers = self.numbers(slot)
            for index in range(int(numbers[_USED])):
                name, *labels = self.name(slot, index)
                known = FAMILIES.get(name)
                key = (name, (str(slot),) if known is not None and known.each else tuple(labels))
                sums[key] = sums.get(key, 0.0) + numbers[_FIXED + _HISTOGRAM + index]
        found: dict[str, list[tuple[Mapping[str, str], float, str]]] = {}
        for (name, labels_), value in sorted(sums.items()):
            found.setdefault(name, []).append((_labelled(name, labels_), value, ""))
        found.pop(_BY_MODEL, None)
        readings = [Reading(name, _kind(name), _help(name), tuple(values)) for name, values in sorted(found.items())]
        return [*readings, self._latency(), *_latency_by_model(sums), self._workers()]

    def _workers(self) -> Reading:
        ready = sum(self.state_of(slot) == READY for slot in range(1, self.slots))
        return Reading("workers", "gauge", FAMILIES["workers"].help, (({}, float(ready), ""),))

    def _latency(self) -> Reading:
        sums = [0.0] * _HISTOGRAM
        for slot in range(self.slots):
            numbers = self.numbers(slot)
            for index in range(_HISTOGRAM):
                sums[index] += numbers[_FIXED + index]
        values: list[tuple[Mapping[str, str], float, str]] = []
        total = 0.0
        for edge, count in zip(_EDGES, sums, strict=False):
            total += count
            values.append(({"le": edge}, total, "_bucket"))
        values.append(({}, sums[-2] / 1e6, "_sum"))
        # of the buckets, not of its own number: the two must agree while others write
        values.append(({}, total, "_count"))
        help_ = "Time from the last byte of a request to its answer"
        return Reading("request_duration_seconds", "histogram", help_, tuple(values))


class Counters:
    """The slot of this process. Adding one costs a look-up and an addition."""

    def __init__(self, board: Board, slot: int) -> None:
        self.board, self.slot = board, slot
        self._numbers = board.numbers(slot)
        self._places: dict[tuple[str, tuple[str, ...]], int] = {}
        self._models: set[str] = set()
        for index in range(int(self._numbers[_USED])):  # the process before this one
            name, *labels = board.name(slot, index)
            self._places[name, tuple(labels)] = _FIXED + _HISTOGRAM + index
            if name == _BY_MODEL:
                self._models.add(labels[0])

    def count(self, name: str, labels: tuple[str, ...] = (), by: float = 1.0) -> None:
        place = self._places.get((name, labels))
        if place is None:
            place = self._place(name, labels)
        self._numbers[place] += by

    def put(self, name: str, value: float, labels: tuple[str, ...] = ()) -> None:
        place = self._places.get((name, labels))
        if place is None:
            place = self._place(name, labels)
        self._numbers[place] = value

    def adder(self, name: str, labels: tuple[str, ...] = ()) -> Callable[[float], None]:
        """A function that adds to one number, for where it is added to again and again."""
        place, numbers = self._place(name, labels), self._numbers

        def add(by: float) -> None:
            numbers[place] += by

        return add

    def observe_latency(self, us: int, model: str = "") -> None:
        """Of one request, and of the model that it was for."""
        numbers, bucket = self._numbers, bisect_left(BUCKETS_US, us)
        numbers[_FIXED + bucket] += 1.0
        numbers[_FIXED + _HISTOGRAM - 2] += us
        if model:
            if model not in self._models:
                if len(self._models) >= _MODELS:
                    model = OTHER_MODELS
                self._models.add(model)
            self.count(_BY_MODEL, (model, _BUCKETS[bucket]))
            self.count(_BY_MODEL, (model, "sum"), us)

    def beat(self) -> None:
        """Say that this process turns."""
        self._numbers[_BEAT] = time.monotonic()

    def live(self, pid: int) -> None:
        self._numbers[_PID] = pid
        self.beat()

    @property
    def state(self) -> float:
        return self._numbers[_STATE]

    @state.setter
    def state(self, state: float) -> None:
        self._numbers[_STATE] = state

    def read(self) -> list[Reading]:
        return self.board.read()

    def _place(self, name: str, labels: tuple[str, ...]) -> int:
        found = self._places.get((name, labels))
        if found is not None:
            return found
        used = int(self._numbers[_USED])
        key = "\x1f".join((name, *(label.replace("\x1f", " ") for label in labels))).encode()[:_NAME_BYTES]
        if used >= _NAMES - 1 and name != _OTHER:
            return self._place(_OTHER, ())
        names, at = self.board.names(self.slot), used * (_NAME_BYTES + 8)
        names[at + 8 : at + 8 + len(key)] = key
        names[at : at + 2] = len(key).to_bytes(2, "little")
        place = _FIXED + _HISTOGRAM + used
        self._numbers[_USED] = float(used + 1)
        self._places[name, labels] = place
        return place


def _latency_by_model(sums: Mapping[tuple[str, tuple[str, ...]], float]) -> list[Reading]:
    """Nothing before the first request of any model."""
    by_model: dict[str, dict[str, float]] = {}
    for (name, labels), value in sorted(sums.items()):
        if name == _BY_MODEL:
            by_model.setdefault(labels[0], {})[labels[1]] = value
    values: list[tuple[Mapping[str, str], float, str]] = []
    for model, seen in by_model.items():
        total = 0.0
        for bucket, edge in zip(_BUCKETS, _EDGES, strict=True):
            total += seen.get(bucket, 0.0)
            values.append(({"model": model, "le": edge}, total, "_bucket"))
        values.append(({"model": model}, seen.get("sum", 0.0) / 1e6, "_sum"))
        values.append(({"model": model}, total, "_count"))
    help_ = "The same by model; those beyond the first 16 together"
    return [Reading("model_request_duration_seconds", "histogram", help_, tuple(values))] if values else []


def _kind(name: str) -> str:
    known = FAMILIES.get(name)
    return known.kind if known is not None else "counter"


def _help(name: str) -> str:
    known = FAMILIES.get(name)
    return known.help if known is not None else name.replace("_", " ")


def _labelled(name: str, labels: tuple[str, ...]) -> dict[str, str]:
    known = FAMILIES.get(name)
    if known is not None and known.each:
        return {"worker": labels[0]}
    names = known.labels if known is not None else ()
    return {(names[place] if place < len(names) else f"label{place}"): value for place, value in enumerate(labels)}

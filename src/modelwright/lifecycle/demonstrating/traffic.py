"""Traffic of one caller at a steady rate, with labels that arrive late; nothing is retried, everything is counted."""

from __future__ import annotations

import http.client
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from modelwright.lifecycle.demonstrating.tables import Row
from modelwright.lifecycle.trial_server import Trial, quantile

_PATIENCE_S = 60.0
_LABEL_EVERY_S = 0.25
_FAILURES_KEPT = 5


@dataclass(slots=True, kw_only=True)
class Tally:
    """What happened in one part of the traffic. `repeats`: requests with a row that this part had sent before."""

    requests: int = 0
    failed: int = 0
    repeats: int = 0
    versions: dict[int, int] = field(default_factory=dict)
    right: dict[int, int] = field(default_factory=dict)
    latencies_s: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return {
            "requests": self.requests, "failed": self.failed, "repeats": self.repeats,
            "versions": {str(version): count for version, count in sorted(self.versions.items())},
            "right": {str(version): count for version, count in sorted(self.right.items())},
            "p50_ms": _ms(self.latencies_s, 0.5), "p99_ms": _ms(self.latencies_s, 0.99),
            "failures": self.failures[:_FAILURES_KEPT],
        }  # fmt: skip


def _ms(values: list[float], share: float) -> float | None:
    return round(quantile(values, share) * 1e3, 2) if values else None


class Traffic:
    """A thread that asks and a thread that tells labels `lag_s` later, until the block ends."""

    def __init__(self, server: Trial, name: str, *, per_s: float, lag_s: float) -> None:
        self._server, self._pause_s, self._lag_s = server, 1.0 / per_s, lag_s
        self._predict, self._feedback = f"/v1/models/{name}/predict", f"/v1/models/{name}/feedback"
        self.parts: dict[str, Tally] = {}
        self.labels_told = self.labels_failed = 0
        self._rows: Sequence[Row] = ()
        self._tally, self._at, self._again = Tally(), 0, True
        self._due: deque[tuple[float, str, str]] = deque()
        self._ending, self._lock = threading.Event(), threading.Lock()
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._ask, self._tell)]

    def __enter__(self) -> Traffic:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join(_PATIENCE_S)

    def send(self, part: str, rows: Sequence[Row] | None = None, *, again: bool = True) -> Tally:
        """From now on these rows, once or again and again; without rows, go on with those there are. Counted under
        `part`."""
        with self._lock:
            self._again = again
            if rows is not None:
                self._rows, self._at = rows, 0
            self._tally = self.parts.setdefault(part, Tally())
            return self._tally

    @property
    def failed(self) -> int:
        return sum(each.failed for each in self.parts.values())

    @property
    def requests(self) -> int:
        return sum(each.requests for each in self.parts.values())

    def whole(self) -> Tally:
        """Requests and failures of all parts."""
        failures = [one for each in self.parts.values() for one in each.failures]
        return Tally(requests=self.requests, failed=self.failed, failures=failures)

    # ------------------------------------------------------------ threads

    def _ask(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._server.port, timeout=_PATIENCE_S)
        due = time.monotonic()
        while not self._ending.wait(max(0.0, due - time.monotonic())):
            due = max(due + self._pause_s, time.monotonic() - self._pause_s)
            with self._lock:
                rows, at, tally = self._rows, self._at, self._tally
                wanted = at < len(rows) or (self._again and len(rows) > 0)
                self._at += wanted
            if wanted:
                self._one(connection, rows[at % len(rows)], tally, again=at >= len(rows))
        connection.close()

    def _one(self, connection: http.client.HTTPConnection, row: Row, tally: Tally, *, again: bool) -> None:
        body, began = msgspec.json.encode({"rows": [row.values]}), time.perf_counter()
        try:
            status, reply = self._server.ask(self._predict, body, connection)
        except (OSError, http.client.HTTPException, ValueError) as error:
            connection.close()
            status, reply = 0, f"{type(error).__name__}: {error}"
        with self._lock:
            tally.requests += 1
            tally.repeats += again
            if status != 200:
                tally.failed += 1
                tally.failures.append(f"{status}: {str(reply)[:200]}")
                return
            tally.latencies_s.append(time.perf_counter() - began)
            version = int(reply["model"]["version"])
            tally.versions[version] = tally.versions.get(version, 0) + 1
            tally.right[version] = tally.right.get(version, 0) + (str(reply["predictions"][0]) == row.label)
            self._due.append((time.monotonic() + self._lag_s, str(reply["request_id"]), row.label))

    def _tell(self) -> None:
        while not self._ending.wait(_LABEL_EVERY_S):
            with self._lock:
                ready = []
                while self._due and self._due[0][0] <= time.monotonic():
                    ready.append(self._due.popleft())
            if ready:
                self._label([{"request_id": request, "label": label} for _, request, label in ready])

    def _label(self, labels: list[dict[str, str]]) -> None:
        try:
            status, _ = self._server.ask(self._feedback, msgspec.json.encode({"labels": labels}))
        except (OSError, http.client.HTTPException, ValueError):
            status = 0
        with self._lock:
            if status == 200:
                self.labels_told += len(labels)
            else:
                self.labels_failed += len(labels)

"""A circuit breaker: after repeated failures nobody is made to wait for the next one.

Closed: calls go through, failures in a row are counted. Open: none goes through until a pause is over. Half-open: one
call tries; it closes the circuit, or opens it for twice as long. (Nygard, Release It!, 2nd edition, chapter 5.)
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum


class Circuit(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(slots=True, kw_only=True)
class Breaker:
    """One per model and per outside store; for one thread. `clock` is monotonic, in seconds."""

    failures: int = 5  # in a row, after which the circuit opens
    pause_s: float = 1.0
    longest_pause_s: float = 60.0
    trial_s: float = 30.0  # a trial call that never reports is forgotten after this
    clock: Callable[[], float] = time.monotonic
    changed: Callable[[Circuit], None] = field(default=lambda _state: None)
    _row: int = 0
    _pause: float = 0.0
    _until: float = 0.0
    _state: Circuit = Circuit.CLOSED

    @property
    def state(self) -> Circuit:
        return self._state

    @property
    def closed(self) -> bool:
        """The one look that a request in good times costs."""
        return self._state is Circuit.CLOSED

    def allow(self) -> bool:
        """Whether a call may go through now. A call that was allowed must report `succeeded` or `failed`."""
        if self._state is Circuit.CLOSED:
            return True
        if self.clock() < self._until:
            return False
        # Open and the pause is over, or a trial that never reported: this call is the trial.
        self._until = self.clock() + self.trial_s
        self._become(Circuit.HALF_OPEN)
        return True

    def succeeded(self) -> None:
        self._row = 0
        if self._state is not Circuit.CLOSED:
            self._pause = 0.0
            self._become(Circuit.CLOSED)

    def failed(self) -> None:
        self._row += 1
        if self._state is Circuit.HALF_OPEN or (self._state is Circuit.CLOSED and self._row >= self.failures):
            self._pause = min(self._pause * 2 or self.pause_s, self.longest_pause_s)
            self._until = self.clock() + self._pause
            self._become(Circuit.OPEN)

    def retry_after_s(self) -> float:
        """Seconds until the next trial; 0 where calls go through."""
        return 0.0 if self.closed else max(0.0, self._until - self.clock())

    def _become(self, state: Circuit) -> None:
        if state is not self._state:
            self._state = state
            self.changed(state)

"""Stay quick for some when there are too many: a bounded queue that knows its own pace, and refuses at once.

While the loop keeps up, a request is answered where it was read and all this costs is one comparison. Once the
requests of one turn of the loop have taken longer than a slice, the others of that turn wait in a queue, so that the
loop can go on reading; a request that would wait longer than it may is refused before anything is spent on it. How
many may wait follows from how long answers take now (Little's law), not from a number somebody guessed.

A queue is there for bursts. One that has not been empty for a while helps nobody: every answer is then late by its
length. It is kept short from then on (as CoDel does for packets: Nichols and Jacobson, ACM Queue 2012), which costs no
answer, since it never runs dry.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from modelwright.serving.asking import Refused

#: weight of the newest answer in the average time of one
_NEWEST = 0.05
#: weight of the newest slice in the pace of the queue
_NEWEST_SLICE = 0.2
#: between two slices the loop reads and refuses, so a queue moves this much slower than its answers alone take
_READING = 1.25
#: of the time that is left, so much may be spent in the queue: pace and cost are estimates
_SURE = 0.8
#: a queue that was never empty for this long stands, and from then on it may take this share of the time that is left
_STANDS_S, _SHORT = 0.5, 0.25


@dataclass(slots=True)
class _Waiting:
    work: Callable[[], None]
    refuse: Callable[[Refused], None]
    until: float
    size: int


class Shedder:
    """One per event loop, for its thread only. `later` runs a function in the next turn (`loop.call_soon`)."""

    def __init__(
        self,
        later: Callable[[Callable[[], None]], object],
        *,
        most: int = 1_024,
        most_bytes: int = 64 << 20,
        longest_s: float = 2.0,
        slice_s: float = 0.01,
        clock: Callable[[], float] = time.monotonic,
        shed: Callable[[str], None] = lambda _why: None,
    ) -> None:
        self._later, self._clock, self._shed = later, clock, shed
        self._most, self._most_bytes, self._longest_s, self._slice_s = most, most_bytes, longest_s, slice_s
        self._waiting: deque[_Waiting] = deque()
        self._bytes = 0
        self._turn = 0.0  # when the first request of this turn of the loop began; 0 between turns
        self._running = False
        self.cost_s = 0.0  # what an answer takes, on average
        self._pace_s = 0.0  # what the queue takes for one, with all that is done between its slices
        self._last: tuple[float, int] | None = None  # when the last slice began, and how many it answered
        self._since = 0.0  # when the queue was last empty

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def inline(self, now: float) -> bool:
        """Whether to answer where the request was read; else `defer` it."""
        if self._waiting:
            return False
        if self._turn:
            return now - self._turn < self._slice_s
        self._turn = now
        self._later(self._turned)
        return True

    def defer(
        self,
        work: Callable[[], None],
        refuse: Callable[[Refused], None],
        *,
        deadline: float | None = None,
        size: int = 0,
    ) -> None:
        """Have `work` done soon, or `refuse` called if its time runs out first.

        Raises Refused (`serving.busy`) at once where it would wait too long.
        """
        wait = self.full(deadline, size)
        if wait:
            raise busy(wait)
        now = self._clock()
        until = min(now + self._longest_s, deadline) if deadline is not None else now + self._longest_s
        self._waiting.append(_Waiting(work, refuse, until, size))
        self._bytes += size
        if not self._running:
            self._running, self._since = True, now
            self._later(self._run)

    def full(self, deadline: float | None = None, size: int = 0) -> float:
        """After how many seconds to come back, at least one; 0 where there is room. Counts who is sent away."""
        now, waiting = self._clock(), len(self._waiting)
        left = self._longest_s if deadline is None else min(self._longest_s, deadline - now)
        wait = waiting * max(self.cost_s * _READING, self._pace_s)
        stands = waiting and now - self._since > _STANDS_S
        room = waiting < self._most and self._bytes + size <= self._most_bytes
        if room and wait <= left * (_SHORT if stands else _SURE):
            return 0.0
        self._shed("queue")
        return max(1.0, wait)

    def answered(self, took_s: float) -> None:
        """Learn what an answer costs."""
        self.cost_s += _NEWEST * (took_s - self.cost_s) if self.cost_s else took_s

    def flush(self) -> None:
        """Do everything that waits, now: for the end of the process."""
        while self._waiting:
            self._one(self._clock())

    def _turned(self) -> None:
        self._turn = 0.0

    def _run(self) -> None:
        """One slice of work, then let the loop read again."""
        begun = now = self._clock()
        if self._last is not None:
            pace = (now - self._last[0]) / self._last[1]
            self._pace_s += _NEWEST_SLICE * (pace - self._pace_s) if self._pace_s else pace
        end, before = now + self._slice_s, len(self._waiting)
        while self._waiting and now < end:
            now = self._one(now)
        if self._waiting:
            self._last = begun, max(1, before - len(self._waiting))
            self._later(self._run)
        else:
            self._running, self._last, self._pace_s = False, None, 0.0

    def _one(self, now: float) -> float:
        item = self._waiting.popleft()
        self._bytes -= item.size
        if now >= item.until:
            self._shed("deadline")
            item.refuse(busy(len(self._waiting) * self.cost_s))
            return self._clock()
        item.work()
        done = self._clock()
        self.answered(done - now)
        return done


def busy(wait_s: float) -> Refused:
    """The refusal that says when to come back."""
    return Refused(
        "There are more requests than this server can answer in time.",
        code="serving.busy",
        hint="come back after the seconds that Retry-After says",
        retry_after_s=max(1.0, wait_s),
    )


def expired() -> Refused:
    """The refusal of what came too late to be answered in time."""
    return Refused(
        "The time for this request was over before it could be answered.",
        code="request.deadline",
        hint="allow more time, or send fewer rows at once",
        retry_after_s=1.0,
    )

"""Messages that wait for their next try in this process, for brokers that cannot delay one."""

from __future__ import annotations

import heapq
import itertools
import time
from dataclasses import replace

from modelwright.records.ports import Message


class Held:
    """They stay unacknowledged at the broker, so a killed process gives them back."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Message]] = []
        self._count = itertools.count()

    def __len__(self) -> int:
        return len(self._heap)

    def push(self, message: Message, delay_s: float) -> None:
        later = replace(message, attempts=message.attempts + 1)
        heapq.heappush(self._heap, (time.monotonic() + delay_s, next(self._count), later))

    def due(self, most: int) -> list[Message]:
        now, found = time.monotonic(), list[Message]()
        while self._heap and len(found) < most and self._heap[0][0] <= now:
            found.append(heapq.heappop(self._heap)[2])
        return found

    def wait_s(self, most: float) -> float:
        """How long to wait for others before the next of these is due."""
        return min(most, max(0.0, self._heap[0][0] - time.monotonic())) if self._heap else most

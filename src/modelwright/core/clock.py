"""Time and identity: the only place that asks the machine what time it is."""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """UTC wall time for records, monotonic time for durations and deadlines."""

    def now(self) -> datetime: ...

    def monotonic_s(self) -> float: ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        return time.monotonic()


def timestamp(at: datetime) -> str:
    """RFC 3339 in UTC with milliseconds: sorts as text."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def new_run_id(clock: Clock) -> str:
    """An id that sorts by time and that two processes do not share: `20261121-041530-9f3c`."""
    return f"{clock.now():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"

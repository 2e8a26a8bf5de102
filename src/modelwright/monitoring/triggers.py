"""When the next time of a schedule is: cron's five fields in UTC, or an interval."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from modelwright.core.errors import SpecError
from modelwright.spec.monitoring import seconds

#: minute, hour, day of month, month, day of week (0 and 7 are Sunday)
_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_DAYS = 366 * 8  # 29 February comes back within eight years


def next_after(schedule: str, at: datetime, since: datetime) -> datetime:
    """The first time after `at`; intervals count from `since`. Raises SpecError (`retraining.schedule`)."""
    if re.fullmatch(r"[0-9]+[smhdw]", schedule.strip()):
        step = seconds(schedule)
        if step <= 0:
            raise _bad(schedule, "an interval of nothing")
        passed = max(0.0, (at - since).total_seconds())
        return since + timedelta(seconds=step * (int(passed // step) + 1))
    return _next_of_cron(schedule, at.astimezone(UTC))


def missed(schedule: str, since: datetime, now: datetime) -> bool:
    """Whether a time has come since then."""
    return next_after(schedule, since, since) <= now


def _next_of_cron(schedule: str, at: datetime) -> datetime:
    minutes, hours, days, months, weekdays = fields(schedule)
    parts = schedule.split()
    # by the old rule of cron, a day fits when either of two restricted day fields does
    either = parts[2] != "*" and parts[4] != "*"
    day = at.replace(hour=0, minute=0, second=0, microsecond=0)
    for _ in range(_DAYS):
        by_month, by_week = day.day in days, (day.isoweekday() % 7) in weekdays
        if day.month in months and (by_month or by_week if either else by_month and by_week):
            for hour in sorted(hours):
                for minute in sorted(minutes):
                    found = day.replace(hour=hour, minute=minute)
                    if found > at:
                        return found
        day += timedelta(days=1)
    raise _bad(schedule, "a day that never comes")


def fields(schedule: str) -> tuple[frozenset[int], ...]:
    parts = schedule.split()
    if len(parts) != len(_RANGES):
        raise _bad(schedule, f"{len(parts)} fields where cron has five")
    found = [_field(schedule, part, low, high) for part, (low, high) in zip(parts, _RANGES, strict=True)]
    found[4] = frozenset(day % 7 for day in found[4])
    return tuple(found)


def _field(schedule: str, text: str, low: int, high: int) -> frozenset[int]:
    values: set[int] = set()
    for piece in text.split(","):
        match = re.fullmatch(r"(\*|(\d{1,2})(?:-(\d{1,2}))?)(?:/(\d{1,2}))?", piece)
        if match is None:
            raise _bad(schedule, f"'{piece[:20]}'")
        first = low if match[1] == "*" else int(match[2])
        last = high if match[1] == "*" or (match[4] and not match[3]) else int(match[3] or match[2])
        step = int(match[4] or 1)
        if not (low <= first <= last <= high) or step < 1:
            raise _bad(schedule, f"'{piece[:20]}', which is outside {low} to {high}")
        values |= set(range(first, last + 1, step))
    return frozenset(values)


def _bad(schedule: str, what: str) -> SpecError:
    return SpecError(
        f"retraining.schedule '{schedule[:80]}' has {what}.",
        code="retraining.schedule",
        hint="write cron's five fields in UTC, such as '0 3 * * 1', or an interval such as 24h",
        subject="retraining.schedule",
    )

"""The civil calendar agrees with Python's own, day by day."""

# ruff: noqa: DTZ001 - naive UTC is the storage of a datetime column
from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np

from modelwright.features import calendar
from modelwright.features.values import EPOCH, microseconds


def test_parts_equal_pythons_calendar_over_five_centuries() -> None:
    moments = [
        datetime(1700, 1, 1) + timedelta(days=day, microseconds=day * 997_331_777) for day in range(0, 200_000, 17)
    ]
    moments += [
        datetime(year, month, day, 23, 59, 59, 999_999)
        for year in (1900, 2000, 2023, 2024)
        for month, day in ((2, 28), (12, 31), (1, 1))
    ]
    moments += [EPOCH, EPOCH - timedelta(microseconds=1)]
    us = np.array([microseconds(moment) for moment in moments])
    found = calendar.parts_of(us, calendar.PARTS)
    wanted = np.array([[calendar.part_of(part)(moment) for part in calendar.PARTS] for moment in moments])
    np.testing.assert_array_equal(found, wanted)

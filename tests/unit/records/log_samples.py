"""Records, segments and logs to test with."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from modelwright.records.prediction import Label, Prediction, Schema, encode
from modelwright.records.segments import CLOSED, MAGIC, Header, block, segment_folder

#: 2026-11-21T14:05:00Z
NOW_US = int(datetime(2026, 11, 21, 14, 5, tzinfo=UTC).timestamp() * 1_000_000)
HOUR_US = 3_600 * 1_000_000

SCHEMA = Schema(
    model="churn",
    version=3,
    bundle="b3:0a",
    columns=("age", "plan", "active", "joined", "who"),
    types=("number", "category", "boolean", "datetime", "subject"),
    task="binary",
    classes=("no", "yes"),
)
AMOUNTS = Schema(model="amounts", version=1, bundle="b3:0b", columns=("x",), types=("number",), task="regression")


class StandingClock:
    """A clock that says what it is told."""

    def __init__(self, at: datetime = datetime(2026, 11, 21, 14, 5, tzinfo=UTC)) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def monotonic_s(self) -> float:
        return self.at.timestamp()

    def move(self, **by: float) -> None:
        self.at += timedelta(**by)


def prediction(number: int, of: Schema = SCHEMA, *, count: int = 1, at_us: int = NOW_US, **fields: Any) -> Prediction:
    """A prediction of `count` rows; `fields` replace what it would have."""
    values: dict[str, Any] = {
        "request_id": f"r{number}",
        "at_us": at_us + number,
        "schema": of.number,
        "route": "champion",
        "propensity": 1.0,
        "latency_us": 120,
        "flags": 0,
        "caller": "k1",
        "rows": tuple((20.5 + number, "basic", True, NOW_US, f"hash{number % 3}") for _ in range(count)),
        "answers": (1,) * count,
        "probabilities": ((0.25, 0.75),) * count,
    }
    if of is AMOUNTS:
        values |= {"rows": ((float(number),),) * count, "answers": (0.5 * number,) * count, "probabilities": None}
    return Prediction(**(values | fields))


def label(number: int, value: Any, *, arrived_us: int = NOW_US, row: int = 0) -> Label:
    return Label(f"r{number}", row, value, NOW_US, arrived_us, "billing")


def segment(*blocks: list[Any], name: str = "20261121T140500-1-000001-aa", folder: Path | None = None) -> bytes:
    """The bytes of a segment with these blocks of records; written as a closed one where `folder` is a log's."""
    content = MAGIC + block([msgspec.msgpack.encode(Header(1, "aa", os.getpid(), NOW_US, 1))])
    content += b"".join(block([encode(record) for record in records]) for records in blocks)
    if folder is not None:
        segment_folder(folder).mkdir(parents=True, exist_ok=True)
        (segment_folder(folder) / (name + CLOSED)).write_bytes(content)
    return content

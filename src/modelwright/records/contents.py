"""A segment's records, sorted: predictions by schema, late labels, and what could not be read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from modelwright.records.columns import UnreadableError, labels_frame, predictions_frame
from modelwright.records.prediction import SUBJECT, Label, Schema
from modelwright.records.segments import CLOSED, Scan, scan

_tag, _schema_number = itemgetter(0), itemgetter(3)


@dataclass(slots=True, kw_only=True)
class Contents:
    """`damage` says what was not readable; everything else of the segment is here."""

    id: str
    records: int = 0
    torn_bytes: int = 0
    damage: list[str] = field(default_factory=list)
    schemas: dict[int, Schema] = field(default_factory=dict)
    predictions: dict[int, pl.DataFrame] = field(default_factory=dict)  # by the schema's number
    labels: pl.DataFrame | None = None

    @property
    def rows(self) -> int:
        return sum(frame.height for frame in self.predictions.values())


def contents(path: Path, content: bytes) -> Contents:
    """Everything that is whole in these bytes of the segment at `path`."""
    found = scan(content, closed=path.suffix == CLOSED)
    result = Contents(id=path.stem, torn_bytes=found.torn_bytes, damage=list(found.damage))
    records = _records(found, result)
    result.records = len(records)
    by_tag: dict[Any, list[list[Any]]] = {}
    for tag, group in groupby(records, _tag):
        by_tag.setdefault(tag, []).extend(group)
    for record in by_tag.pop("s", []):
        schema = _typed(record, Schema, result)
        if schema is not None:
            result.schemas[schema.number] = schema
    _predictions(by_tag.pop("p", []), result)
    labels = [_typed(record, Label, result) for record in by_tag.pop("l", [])]
    if labels:
        result.labels = labels_frame([label for label in labels if label is not None])
    result.damage += [f"{len(rest)} records of the unknown kind {tag!r}" for tag, rest in by_tag.items()]
    return result


def _records(found: Scan, result: Contents) -> list[list[Any]]:
    try:
        return found.records()
    except msgspec.DecodeError:
        pass
    whole: list[list[Any]] = []
    for one in found.blocks:  # a block that was written wrongly must not hide the others
        try:
            whole += Scan(header=None, blocks=[one]).records()
        except msgspec.DecodeError as error:
            result.damage.append(f"a block of {one[0]} records is not readable: {error}")
    return whole


def _typed(record: list[Any], kind: type[Any], result: Contents) -> Any:
    try:
        return msgspec.convert(record, kind)
    except msgspec.ValidationError as error:
        result.damage.append(f"a record of kind {record[0]!r} is not readable: {error}")
        return None


def _predictions(records: list[list[Any]], result: Contents) -> None:
    by_schema: dict[Any, list[list[Any]]] = {}
    for number, group in groupby((one for one in records if len(one) > 3), _schema_number):
        by_schema.setdefault(number, []).extend(group)
    if (short := len(records) - sum(map(len, by_schema.values()))) > 0:
        result.damage.append(f"{short} predictions are too short")
    for number, found in by_schema.items():
        schema = result.schemas.get(number)
        if schema is None:
            result.damage.append(f"{len(found)} predictions of a schema that the segment does not hold")
            continue
        frames = _frames(schema, found, result)
        if frames:
            result.predictions[number] = pl.concat(frames, how="diagonal_relaxed") if len(frames) > 1 else frames[0]


def _frames(schema: Schema, records: list[list[Any]], result: Contents) -> list[pl.DataFrame]:
    """All rows; where they do not fit the schema together, those that do, found by halving."""
    try:
        return [predictions_frame(schema, records)]
    except UnreadableError as error:
        if len(records) == 1:
            result.damage.append(f"a prediction does not fit its schema: {error}")
            return []
    middle = len(records) // 2
    return _frames(schema, records[:middle], result) + _frames(schema, records[middle:], result)


def without(erasures: Mapping[str, int], frames: Iterable[pl.DataFrame]) -> list[pl.DataFrame]:
    """Predictions but for those of persons whose rows are to be gone, by hash and up to a time."""
    if not erasures:
        return list(frames)
    return [frame.filter(~erased(erasures)) for frame in frames]


def erased(erasures: Mapping[str, int]) -> pl.Expr:
    """Rows that are to be gone."""
    until = pl.DataFrame(
        {"hash": list(erasures), "until": list(erasures.values())}, schema={"hash": pl.String, "until": pl.Int64}
    )
    at = pl.col("at").dt.epoch("us")
    gone = [
        at <= pl.col(name).replace_strict(until["hash"], until["until"], default=None, return_dtype=pl.Int64)
        for name in (SUBJECT, "row_id")
    ]
    return pl.any_horizontal(*(each.fill_null(value=False) for each in gone))

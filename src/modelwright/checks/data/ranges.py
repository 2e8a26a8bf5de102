"""Values that their column's name rules out: negative ages, shares above one hundred per cent, days to come."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import polars as pl

from modelwright.checks.evidence import DataEvidence
from modelwright.checks.findings import undecided
from modelwright.checks.strengths import table
from modelwright.core.nouns import Column, ColumnType, Finding, Role, Severity
from modelwright.core.ports import Check, Example
from modelwright.core.tables import Dataset

_CODE = "data.impossible"
#: names whose meaning bounds the value, whatever the source. A name is a weak hint: where more than this share of rows
#: lies outside, the name means something else
MOST = 0.2
_BOUNDS: tuple[tuple[re.Pattern[str], float, float, str], ...] = (
    (re.compile(r"(^|[_ .-])age([_ .-]?(years|yrs|in[_ ]years))?$", re.I), 0.0, 125.0, "an age in years"),
    (re.compile(r"(^|[_ .-])lat(itude)?$", re.I), -90.0, 90.0, "a latitude"),
    (re.compile(r"(^|[_ .-])(lon|lng|longitude)$", re.I), -180.0, 360.0, "a longitude"),
    (re.compile(r"(^|[_ .-])(hour|hour_of_day)$", re.I), 0.0, 24.0, "an hour of the day"),
    (re.compile(r"(^|[_ .-])(month|month_of_year|mnth)$", re.I), 0.0, 12.0, "a month of the year"),
    (re.compile(r"(^|[_ .-])day[_ ]?of[_ ]?month$", re.I), 1.0, 31.0, "a day of the month"),
    (re.compile(r"(^|[_ .-])probability$", re.I), 0.0, 100.0, "a probability"),
    (re.compile(r"(^|[_ .-])(height|weight|width|length|area|volume|distance|quantity|n_items)"
                r"([_ .-]?(cm|mm|m|km|kg|g|lb|lbs|ft|in))?$", re.I), 0.0, float("inf"), "a size or a count"),
)  # fmt: skip
_NONE_CODES = (-1.0, -9.0, -99.0, -999.0, -9999.0, 999.0, 9999.0, 99999.0)
_BORN = re.compile(r"birth|(^|[_ .-])(dob|born)($|[_ .-])", re.I)


class _Ranges:
    codes = (_CODE,)
    examples = (
        Example(make=lambda: table({"age": [float(20 + i % 50) for i in range(199)] + [-4.0]}), codes=(_CODE,)),
        Example(make=lambda: table({"latitude": [40.0 + i / 1e3 for i in range(199)] + [400.0]}), codes=(_CODE,)),
        Example(make=lambda: table({"age": [float(i % 100) for i in range(200)], "package": [-1.0, 400.0] * 100})),
    )

    def run(self, evidence: DataEvidence) -> Iterator[Finding]:
        dataset = evidence.dataset
        if dataset is None:
            yield undecided(_CODE, "data", "there is no table to look at")
            return
        there = frozenset(dataset.frame.columns)
        for column in dataset.schema.columns:
            if column.role is Role.IGNORED or column.name not in there:
                continue
            if column.type is ColumnType.NUMBER:
                yield from _numbers(dataset, column)
            elif column.type is ColumnType.DATETIME and _BORN.search(column.name):
                yield from _births(dataset, column)


def _numbers(dataset: Dataset, column: Column) -> Iterator[Finding]:
    for form, low, high, meaning in _BOUNDS:
        if not form.search(column.name):
            continue
        values = dataset.frame[column.name]
        outside = values.filter((values < low) | (values > high))
        known = values.len() - values.null_count()
        # Codes for none have a rule of their own, and a scaled column has half its values below zero.
        outside = outside.filter(~outside.cast(pl.Float64).is_in(_NONE_CODES))
        if 0 < outside.len() <= MOST * known:
            limits = f"{low:g} to {high:g}" if high < float("inf") else f"at least {low:g}"
            worst = sorted({float(outside.min()), float(outside.max())})  # type: ignore[arg-type]
            yield _finding(column.name, outside.len(), known, f"{meaning} ({limits}) cannot be", worst)
        return


def _births(dataset: Dataset, column: Column) -> Iterator[Finding]:
    values = dataset.frame[column.name]
    now = datetime.now(UTC).replace(tzinfo=None)
    late = int((values > now).sum() or 0)
    if late:
        yield _finding(column.name, late, values.len() - values.null_count(), "a birth cannot be later than today:", [])


def _finding(name: str, count: int, known: int, what: str, worst: list[float]) -> Finding:
    shown = " and ".join(f"{value:g}" for value in worst)
    return Finding(
        code=_CODE,
        severity=Severity.LOW,
        subject=f"column:{name}",
        message=f"{count:,} of {known:,} values of '{name}' are impossible: {what} {shown}".rstrip(": ")
        + f". Left alone they pull means and linear models; made missing, {count / max(known, 1):.2%} of rows lose it.",
        observed=count / max(known, 1),
        threshold=0.0,
        evidence={"rows": count, "known": known},
        advice=f"correct '{name}' at the source, or make such values missing in data.prepare; rename it if it means "
        "something else",
    )


PLUGIN: Check = _Ranges()

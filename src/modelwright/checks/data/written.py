"""Numbers and dates that a text column hides: units beside them, several units, several ways to write a date."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from modelwright.checks.data._values import sampled, text_columns
from modelwright.checks.evidence import DataEvidence
from modelwright.checks.findings import listing, undecided
from modelwright.checks.strengths import table
from modelwright.core.nouns import Finding, Role, Severity
from modelwright.core.ports import Check, Example

#: share of a column's values from which it is one of numbers or dates
LIMIT = 0.9
#: a second unit or way of writing counts from this share
SECOND = 0.01
_MIN_ROWS, _MIN_DISTINCT = 20, 10
_NUMBER = r"^[<>~≈]?\s*[+-]?[$€£¥]?\s*(?:\d{1,3}(?:[ ,.']\d{3})+|\d+)(?:[.,]\d+)?\s*"
_WITH_UNIT = _NUMBER + r"([A-Za-zµ°%€$£¥/²³]{0,8}[²³23]?)\.?$"
_DATES = {
    "year-month-day": r"^\d{4}-\d{1,2}-\d{1,2}$",
    "year-month-day and time, without a zone": r"^\d{4}-\d{1,2}-\d{1,2}[T ]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?$",
    "year-month-day and time, with a zone": r"^\d{4}-\d{1,2}-\d{1,2}[T ]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)? ?"
    r"(Z|UTC|GMT|[A-Z]{3,4}|[+-]\d{2}:?\d{2})$",
    "year/month/day": r"^\d{4}/\d{1,2}/\d{1,2}( \d{1,2}:\d{2}(:\d{2})?)?$",
    "day and month with slashes": r"^\d{1,2}/\d{1,2}/\d{2,4}( \d{1,2}:\d{2}(:\d{2})?( ?[AaPp][Mm])?)?$",
    "day and month with dots": r"^\d{1,2}\.\d{1,2}\.\d{2,4}( \d{1,2}:\d{2}(:\d{2})?)?$",
    "day and month with dashes": r"^\d{1,2}-\d{1,2}-\d{2,4}( \d{1,2}:\d{2}(:\d{2})?)?$",
    "month as a word": r"^(\d{1,2}[ -][A-Za-z]{3,9}\.?[ -,]+\d{2,4}|[A-Za-z]{3,9}\.? \d{1,2},? \d{4})"
    r"( \d{1,2}:\d{2}(:\d{2})?)?$",
    "seconds since 1970": r"^1\d{9}(\d{3})?$",
}


def _lengths(second: str) -> DataEvidence:
    return table({"length": [f"{100 + i} {second if i % 4 == 0 else 'cm'}" for i in range(100)], "n": range(100)})


class _Written:
    codes = ("data.number_as_text", "data.mixed_units", "data.mixed_dates")
    examples = (
        Example(make=lambda: _lengths("cm"), codes=("data.number_as_text",)),
        Example(make=lambda: _lengths("in"), codes=("data.mixed_units",)),
        Example(
            make=lambda: table({"day": [f"2020-01-{1 + i % 28:02d}" for i in range(50)] + ["03/04/2020"] * 30}),
            codes=("data.mixed_dates",),
        ),
        Example(make=lambda: table({"room": [f"{1 + i % 30}{'ABC'[i % 3]}" for i in range(60)], "n": range(60)})),
    )

    def run(self, evidence: DataEvidence) -> Iterator[Finding]:
        dataset = evidence.dataset
        if dataset is None:
            yield undecided("data.mixed_units", "data", "there is no table to look at")
            return
        for column in text_columns(dataset):
            if column.role is Role.TARGET:
                continue
            values = sampled(dataset, column.name).drop_nulls()
            # Words are the rule: what a column's first values look like decides whether all are read.
            head = values.head(200)
            if (
                values.len() < _MIN_ROWS
                or int(head.str.contains(r"^\W{0,2}\d|[A-Za-z]{3} \d").sum()) < 0.5 * head.len()
            ):
                continue
            yield from _dates(column.name, values) or _numbers(column.name, values)


def _dates(name: str, values: pl.Series) -> list[Finding]:
    shares = {kind: float(values.str.contains(form).mean() or 0.0) for kind, form in _DATES.items()}  # type: ignore[arg-type]
    found = {kind: share for kind, share in shares.items() if share >= SECOND}
    if sum(found.values()) < LIMIT or len(found) < 2:
        return []
    zones = {"year-month-day and time, with a zone", "year-month-day and time, without a zone"} <= set(found)
    ordered = sorted(found, key=lambda kind: -found[kind])
    return [
        Finding(
            code="data.mixed_dates",
            severity=Severity.MEDIUM,
            subject=f"column:{name}",
            message=f"'{name}' holds dates written in {len(found)} ways: "
            f"{listing([f'{kind} ({found[kind]:.0%})' for kind in ordered])}. It is kept as text, so no order, no age "
            f"and no split by time can be taken from it"
            f"{'; times with and without a zone cannot be compared at all' if zones else ''}.",
            observed=1.0 - found[ordered[0]],
            threshold=SECOND,
            evidence={kind: round(found[kind], 4) for kind in ordered},
            advice=f"write '{name}' as 2024-01-31T12:00:00Z at the source, or parse each way in data.prepare; read as "
            f"{ordered[0]} alone, {1.0 - found[ordered[0]]:.1%} of rows would be lost",
        )
    ]


def _numbers(name: str, values: pl.Series) -> list[Finding]:
    units = values.str.extract(_WITH_UNIT, 1)
    share = 1.0 - units.null_count() / values.len()
    read = units.drop_nulls()
    if share < LIMIT or values.n_unique() < _MIN_DISTINCT:
        return []
    counts = read.rename("unit").value_counts(sort=True, normalize=True)
    often = {unit: part for unit, part in counts.iter_rows() if part >= SECOND}
    named = {unit.lower(): part for unit, part in often.items() if unit}
    # Letters beside a number are a unit only where they belong together: three and more say codes such as 12A.
    bare = values.str.contains(r"^\d+[A-Z]$").mean() or 0.0
    if len(named) > 4 or float(bare) > 0.5 or (not named and values.n_unique() > 0.99 * values.len()):  # type: ignore[arg-type]
        return []
    if len(named) >= 2 or (named and often.get("", 0.0) >= SECOND):
        return [_mixed(name, often)]
    if named or bool(values.str.contains("[.,]").any()) or share < 0.995:
        return [_text(name, share, next(iter(named), ""))]
    return []


def _mixed(name: str, units: dict[str, float]) -> Finding:
    shown = [f"{unit or 'no unit'} ({part:.0%})" for unit, part in units.items()]
    return Finding(
        code="data.mixed_units",
        severity=Severity.MEDIUM,
        subject=f"column:{name}",
        message=f"'{name}' mixes units: {listing(shown)}. It is kept as text; read as plain numbers, "
        f"{1.0 - max(units.values()):.0%} of rows would be wrong by the factor between the units.",
        observed=1.0 - max(units.values()),
        threshold=SECOND,
        evidence={unit or "none": round(part, 4) for unit, part in units.items()},
        advice=f"convert '{name}' to one unit in data.prepare, and put the unit into the column's name",
    )


def _text(name: str, share: float, unit: str) -> Finding:
    with_unit = f" with '{unit}' beside them" if unit else ""
    return Finding(
        code="data.number_as_text",
        severity=Severity.LOW,
        subject=f"column:{name}",
        message=f"{share:.1%} of the values of '{name}' are numbers{with_unit}, but they are kept as text: a model "
        f"sees names without order or size; read as numbers, {1.0 - share:.1%} of rows would become missing.",
        observed=share,
        threshold=LIMIT,
        advice=f"strip what is not a number in data.prepare, or declare data.types: {{{name}: number}} if the rest "
        "may become missing",
    )


PLUGIN: Check = _Written()

"""Personal data: names, e-mail, postal and IP addresses, telephone, card and identity numbers, dates of birth."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from modelwright.checks.data._personal_forms import BIRTH_NAME, FORMS, PERSON_NAME, is_person, named
from modelwright.checks.evidence import DataEvidence
from modelwright.checks.findings import undecided
from modelwright.checks.strengths import table
from modelwright.core.nouns import Column, ColumnType, Finding, Level, Role, Severity
from modelwright.core.ports import Check, Example

#: rows from which values are taken, and values that are looked at
_ROWS, _SAMPLE = 20_000, 300
_MIN_VALUES = 5
#: share of name-like values in a column that is named like one
_PEOPLE = 0.6


class _PersonalData:
    codes = ("data.personal",)
    sample_rows = _ROWS
    examples = (
        Example(make=lambda: table({"contact": [f"user{i}@example.org" for i in range(60)]}), codes=("data.personal",)),
        Example(make=lambda: table({"phone": [f"+44 20 7946 {i:04d}" for i in range(60)]}), codes=("data.personal",)),
        Example(make=lambda: table({"seen_from": [f"10.0.{i}.7" for i in range(60)]}), codes=("data.personal",)),
        Example(
            make=lambda: table({"name": [("Grand Hotel", "Park Inn", "Sea View")[i % 3] for i in range(60)]}),
        ),
        Example(make=lambda: table({"day": [f"2020-01-{1 + i % 28:02d}" for i in range(60)], "v": range(60)})),
    )

    def run(self, evidence: DataEvidence) -> Iterator[Finding]:
        dataset = evidence.dataset
        if dataset is None:
            yield undecided("data.personal", "data", "there is no table to look at")
            return
        there = frozenset(dataset.frame.columns)
        for column in dataset.schema.columns:
            declared = column.role is Role.IGNORED and not column.reason.startswith("every ")
            if declared or column.name not in there:
                continue
            known = dataset.frame[column.name].head(_ROWS).drop_nulls()
            found = _kind(column, known)
            if found is not None:
                yield _finding(column, *found)


def _kind(column: Column, known: pl.Series) -> tuple[str, float, str] | None:
    """What the values are, their share among those looked at, and what it rests on."""
    if column.type is ColumnType.DATETIME or (known.dtype == pl.String and BIRTH_NAME.search(column.name)):
        return ("dates of birth", 1.0, "its name") if BIRTH_NAME.search(column.name) and known.len() else None
    is_number = column.type is ColumnType.NUMBER and known.dtype.is_integer()
    if column.type not in (ColumnType.CATEGORY, ColumnType.TEXT) and not is_number:
        return None
    if is_number and (known.len() == 0 or int(known.max()) < 10**12):  # type: ignore[arg-type]
        # Only card numbers are told from a plain number, and they have 13 digits at least.
        said = named(column.name)
        return (said, 1.0, "its name") if said in _NUMBERS_BY_NAME and known.n_unique() > 20 else None
    values = [str(value) for value in known.unique(maintain_order=True).head(_SAMPLE).to_list()]
    if len(values) < _MIN_VALUES:
        return None
    for kind, test, least in FORMS:
        share = sum(map(test, values)) / len(values)
        if share > least:
            return kind, share, "the form of its values"
    people = sum(map(is_person, values)) / len(values)
    if people > _PEOPLE and PERSON_NAME.search(column.name) and len(values) > 20:
        return "names of people", people, "its name and the form of its values"
    said = named(column.name)
    return (said, 1.0, "its name") if said and len(values) > 20 else None


_NUMBERS_BY_NAME = ("telephone numbers", "national identity numbers")


def _finding(column: Column, kind: str, share: float, basis: str) -> Finding:
    used = column.role in (Role.FEATURE, Role.TARGET, Role.TIME)
    return Finding(
        code="data.personal",
        severity=Severity.MEDIUM if used else Severity.LOW,
        confidence=Level.MEDIUM if basis == "its name" else Level.HIGH,
        subject=f"column:{column.name}",
        message=f"'{column.name}' holds {kind}, by {basis}"
        f"{'' if basis == 'its name' else f' ({share:.0%} of those looked at)'}. Left in, "
        f"{'the model, its bundle and reports may repeat them' if used else 'every copy of the table holds them'}; "
        "left out, a model loses nothing that holds for people it has not seen.",
        observed=share,
        threshold=None,
        advice=f"leave '{column.name}' out (features.ignore), or have its use allowed and documented",
        source="GDPR, articles 4(1) and 5(1)(c)",
    )


PLUGIN: Check = _PersonalData()

"""One category written in several ways: Yes, yes and YES, or with doubled blanks."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from modelwright.checks.data._values import SAMPLE_ROWS, counted, sampled, text_columns
from modelwright.checks.evidence import DataEvidence
from modelwright.checks.findings import listing, undecided
from modelwright.checks.strengths import table
from modelwright.core.nouns import ColumnType, Finding, Role, Severity
from modelwright.core.ports import Check, Example

_CODE = "data.category_variants"
#: columns whose values hardly repeat hold codes, in which upper and lower case may differ on purpose
_MAX_DISTINCT_SHARE = 0.2
_MIN_ROWS = 20


def _answers(values: list[str]) -> DataEvidence:
    return table({"answer": values * 20, "n": range(20 * len(values))})


class _CategoryVariants:
    codes = (_CODE,)
    sample_rows = SAMPLE_ROWS
    examples = (
        Example(make=lambda: _answers(["Yes", "yes", "YES", "no", "no"]), codes=(_CODE,)),
        Example(make=lambda: _answers(["New York", "New  York", "Rome"]), codes=(_CODE,)),
        Example(make=lambda: _answers(["Yes", "no", "yes, twice"])),
    )

    def run(self, evidence: DataEvidence) -> Iterator[Finding]:
        dataset = evidence.dataset
        if dataset is None:
            yield undecided(_CODE, "data", "there is no table to look at")
            return
        for column in text_columns(dataset, ColumnType.CATEGORY):
            values = counted(sampled(dataset, column.name))
            known = int(values["rows"].sum())
            if known < _MIN_ROWS or not 2 <= values.height <= max(_MAX_DISTINCT_SHARE * known, 3):
                continue
            found = _variants(values)
            if found.height:
                yield _finding(column.name, column.role is Role.TARGET, found, known)


def _variants(values: pl.DataFrame) -> pl.DataFrame:
    """Groups of values that differ in case, blanks or the form of accented letters only; single letters apart."""
    key = (
        pl.col("value")
        .str.normalize("NFKC")
        .str.to_lowercase()
        .str.replace_all(r"[\s\u00a0\u200b]+", " ")
        .str.strip_chars()
        .alias("key")
    )
    return (
        values.with_columns(key)
        .filter(pl.col("key").str.len_chars() > 1)
        .group_by("key", maintain_order=True)
        .agg(pl.col("value"), pl.col("rows"), pl.col("rows").sum().alias("all"))
        .filter(pl.col("value").list.len() > 1)
        .sort(["all", "key"], descending=[True, False])
    )


def _finding(name: str, is_target: bool, found: pl.DataFrame, known: int) -> Finding:
    # All but the most frequent writing of each group are rows that a model counts as something else.
    rows = int((found["all"] - found["rows"].list.max()).sum())
    split = int((found["value"].list.len() - 1).sum())
    shown = [" / ".join(repr(value) for value in group[:4]) for group in found["value"].head(3).to_list()]
    return Finding(
        code=_CODE,
        severity=Severity.MEDIUM if is_target else Severity.LOW,
        subject=f"column:{name}",
        message=f"'{name}' writes the same thing in several ways: {listing(shown, 3)}. Left alone, {rows / known:.1%} "
        f"of rows stand in {split} categor{'y' if split == 1 else 'ies'} of {'its' if split == 1 else 'their'} own"
        f"{', and a model learns them as different answers' if is_target else ''}.",
        observed=rows / known,
        threshold=0.0,
        evidence={"groups": found.height, "extra_categories": split, "rows_looked_at": known},
        advice=f"write '{name}' in one way at the source, or lower its case and trim it in data.prepare; "
        "no row is lost",
    )


PLUGIN: Check = _CategoryVariants()

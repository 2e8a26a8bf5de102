"""Texts that were read in the wrong encoding: cafÃ© for café, or replacement characters."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from modelwright.checks.data._values import SAMPLE_ROWS, sampled, text_columns
from modelwright.checks.evidence import DataEvidence
from modelwright.checks.findings import undecided
from modelwright.checks.strengths import table
from modelwright.core.nouns import Finding, Severity
from modelwright.core.ports import Check, Example

_CODE = "data.encoding"
#: UTF-8 read as Latin-1 or Windows-1252 (the first byte of a two- or three-byte letter, then a second), replacement
#: characters and control characters
_BROKEN = (
    "[\u00c2\u00c3\u00c4\u00c5\u00d0\u00d1][\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc"
    "\u201a\u201e\u2020-\u2022\u2026\u2030\u2039\u203a\u20ac\u2122]"
    "|\u00e2\u20ac|\u00ef\u00bb\u00bf|\ufffd|[\u0001-\u0008\u000e-\u001f]"
)


class _Encoding:
    codes = (_CODE,)
    sample_rows = SAMPLE_ROWS
    examples = (
        Example(make=lambda: table({"place": ["caf\u00c3\u00a9", "bar"] * 20}), codes=(_CODE,)),
        Example(
            make=lambda: table({"place": ["caf\u00e9", "\u00c5ngstr\u00f6m", "M\u00fcnchen", "\u4eac\u90fd"] * 10})
        ),
    )

    def run(self, evidence: DataEvidence) -> Iterator[Finding]:
        dataset = evidence.dataset
        if dataset is None:
            yield undecided(_CODE, "data", "there is no table to look at")
            return
        for column in text_columns(dataset):
            values = sampled(dataset, column.name)
            broken = values.str.contains(_BROKEN).fill_null(value=False)
            count = int(broken.sum())
            if not count:
                continue
            known = values.len() - values.null_count()
            distinct = values.filter(broken).n_unique()
            yield Finding(
                code=_CODE,
                severity=Severity.LOW,
                subject=f"column:{column.name}",
                message=f"{count:,} of {known:,} values of '{column.name}' hold letters of a wrong encoding, in "
                f"{distinct:,} different texts. Left alone, each is a category or word that no correct text matches.",
                observed=count / known,
                threshold=0.0,
                evidence={"rows": count, "texts": distinct},
                advice="export the table as UTF-8 again, or mend the letters in data.prepare; no row is lost",
            )
        yield from _names(dataset.frame.columns)


def _names(names: list[str]) -> Iterator[Finding]:
    broken = pl.Series(names, dtype=pl.String).str.contains(_BROKEN)
    for name in pl.Series(names, dtype=pl.String).filter(broken).to_list()[:5]:
        yield Finding(
            code=_CODE,
            severity=Severity.LOW,
            subject=f"column:{name}",
            message=f"The column name '{name}' holds letters of a wrong encoding: a correct table will not match it.",
            advice="export the table as UTF-8 again before a model is built on this name",
        )


PLUGIN: Check = _Encoding()

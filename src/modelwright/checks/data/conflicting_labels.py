"""Rows that agree in every feature and disagree in the target."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl
from numpy.typing import NDArray

from modelwright.checks.data._rows import cells
from modelwright.checks.evidence import DataEvidence
from modelwright.checks.findings import undecided
from modelwright.checks.once import row_keys
from modelwright.checks.strengths import feature_columns, has_no_target, table, task_of
from modelwright.core.nouns import Finding, Severity
from modelwright.core.ports import Check, Example
from modelwright.core.tables import Dataset
from modelwright.stats import natural

#: shares of rows that conflict beyond what coarse columns explain, from which it is doubted and condemned
LIMIT, HIGH = 0.01, 0.05
_NATURAL = 0.05
_SAMPLE = 200_000
_WIDEST = 200


def _rows(conflict: bool) -> DataEvidence:
    values = [float(i // 2) * 1.37 for i in range(200)]
    classes = [str((i + i // 2) % 2) if conflict else str((i // 2) % 2) for i in range(200)]
    return table({"a": values, "b": [value**2 for value in values], "y": classes}, target="y")


class _ConflictingLabels:
    codes = ("data.conflicting_labels",)
    examples = (
        Example(make=lambda: _rows(True), codes=("data.conflicting_labels",)),
        Example(make=lambda: _rows(False)),
    )

    def run(self, evidence: DataEvidence) -> Iterator[Finding]:
        if has_no_target(evidence):
            return
        dataset, task = evidence.dataset, task_of(evidence)
        target = dataset.schema.target if dataset is not None else None
        if dataset is None or task is None or target is None:
            yield undecided("data.conflicting_labels", "data", "there is no target to compare")
            return
        names = [column.name for column in feature_columns(dataset)]
        if not task.is_classification or not names or dataset.n_rows < 2:
            return
        if row_keys(dataset, names).n_unique() == dataset.n_rows:
            return
        keys = pl.DataFrame({"key": row_keys(dataset, names), "y": dataset.frame[target]})
        repeated = keys.filter(pl.col("key").is_duplicated() & pl.col("y").is_not_null())
        if repeated.height == 0:
            return
        pairs = repeated.group_by("key", "y").len()
        clash = pairs.group_by("key").agg(pl.col("len").sum().alias("rows"), pl.col("len").max().alias("agreeing"))
        rows = int((clash["rows"] - clash["agreeing"]).sum())
        share = rows / dataset.n_rows
        if rows == 0:
            return
        torn = clash.filter(pl.col("rows") > pl.col("agreeing"))
        groups = torn.height
        beyond = _beyond_nature(dataset, names, torn["key"].to_numpy(), keys["key"].to_numpy()) * share
        yield Finding(
            code="data.conflicting_labels",
            severity=Severity.HIGH if beyond > HIGH else Severity.MEDIUM if beyond > LIMIT else Severity.INFO,
            subject=f"column:{target}",
            message=f"{rows:,} rows ({share:.1%}) have the same features as others but another '{target}': no model "
            "can get these right without getting the others wrong.",
            observed=share,
            threshold=LIMIT,
            evidence={"rows": rows, "groups": groups, "share_beyond_nature": beyond},
            advice="check how these rows were labelled; this bounds what any model can reach",
        )


def _beyond_nature(dataset: Dataset, names: list[str], torn: NDArray[np.uint64], keys: NDArray[np.uint64]) -> float:
    """Of the rows whose twins disagree, the share that coarse columns alone would not have made twins."""
    n = dataset.n_rows
    rows = np.flatnonzero(np.isin(keys, torn))
    others = np.arange(n) if n <= _SAMPLE else np.union1d(rows[:_SAMPLE], np.arange(0, n, n // _SAMPLE + 1))
    expected = natural.expected_twins(cells(dataset.frame[others], names[:_WIDEST])) * (n / others.size)
    at = np.searchsorted(others, rows[np.isin(rows, others)])
    return float((expected[at] < _NATURAL).mean()) if at.size else 0.0


PLUGIN: Check = _ConflictingLabels()

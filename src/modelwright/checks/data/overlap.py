"""Rows of the sealed test part that also stand, with the same features, among the rows to learn from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from modelwright.checks.evidence import DataEvidence
from modelwright.checks.findings import undecided
from modelwright.checks.once import row_keys
from modelwright.checks.strengths import feature_columns, table
from modelwright.core.nouns import Finding, Severity
from modelwright.core.ports import Check, Example

LIMIT = 0.01


@dataclass(frozen=True)
class _Halves:
    """A split by hand, for the examples."""

    train: NDArray[np.int64]
    val: NDArray[np.int64]
    test: NDArray[np.int64]
    kind: str = "random"


def _example(repeat: int) -> DataEvidence:
    values = [float((i * 7919) % 1_000_003 if i < 100 else ((i - 100 * repeat) * 7919) % 1_000_003) for i in range(200)]
    evidence = table({"a": values, "b": [value**0.5 for value in values], "c": [i % 2 for i in range(200)]}, target="c")
    order = np.arange(200)
    return replace(evidence, split=_Halves(train=order[:100], val=order[:0], test=order[100:]))


class _Overlap:
    codes = ("leak.overlap",)
    examples = (
        Example(make=lambda: _example(1), codes=("leak.overlap",)),
        Example(make=lambda: _example(0)),
    )

    def run(self, evidence: DataEvidence) -> Iterator[Finding]:
        dataset, split = evidence.dataset, evidence.split
        if dataset is None or split is None:
            yield undecided("leak.overlap", "split", "there is no split to look at")
            return
        names = [column.name for column in feature_columns(dataset)]
        if not names or split.test.size == 0 or split.train.size + split.val.size == 0:
            return
        keys = row_keys(dataset, names)
        hashes = keys.to_numpy()
        seen = np.concatenate([split.train, split.val])
        learned = hashes[seen]
        shared = keys[split.test].is_in(pl.Series(learned).implode()).to_numpy()
        count, share = int(shared.sum()), float(shared.mean())
        twins = split.test[shared][:3]
        pairs = [[int(row), int(seen[np.flatnonzero(learned == hashes[row])[0]])] for row in twins]
        shown = "".join(f"; row {row + 1} is row {other + 1}" for row, other in pairs)
        # With coarse columns rows agree by chance: what repeats among the learned rows is no sign of copying.
        natural = 1.0 - pl.Series(learned).n_unique() / learned.size
        if count == 0 or (share <= LIMIT and share <= natural + LIMIT):
            return
        copied = share > max(LIMIT, 1.5 * natural + LIMIT)
        yield Finding(
            code="leak.overlap",
            severity=Severity.HIGH if copied else Severity.MEDIUM if len(names) > 3 and share > 0.05 else Severity.LOW,
            blocking=copied and share > 0.2,
            subject="split:test",
            message=f"{count:,} of {split.test.size:,} sealed test rows ({share:.1%}) have a twin with the same "
            f"features among the rows to learn from{shown}.",
            observed=share,
            threshold=LIMIT,
            evidence={"twins": count, "repeats_among_learned_rows": natural, "examples": pairs},
            advice="keep twins on one side of the split (data.split.kind: group, or remove repeated rows)",
        )


PLUGIN: Check = _Overlap()

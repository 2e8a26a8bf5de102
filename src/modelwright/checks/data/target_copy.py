"""A column that alone tells the target nearly perfectly, while all the others together cannot."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from modelwright.checks.data._accused import accused, finding
from modelwright.checks.evidence import DataEvidence
from modelwright.checks.findings import undecided
from modelwright.checks.strengths import has_no_target, table
from modelwright.core.nouns import Finding
from modelwright.core.ports import Check, Example


def _leaky(kind: str) -> DataEvidence:
    rng = np.random.default_rng(3)
    n = 400
    a, b = rng.normal(size=n), rng.normal(size=n)
    y = (a + b + rng.normal(0, 1, n) > 0).astype(int)
    copy = {"copy": y * 3 + 1.0, "honest": a + b + rng.normal(0, 2, n)}[kind]
    return table({"a": a, "b": b, "c": copy, "y": y}, target="y")


class _TargetCopy:
    """A bare threshold would flag 5 of the 30 honest columns of breast cancer data; `checks.suspects` asks whether
    the column is sure everywhere, errs anywhere, and stands alone."""

    codes = ("leak.target_copy",)
    examples = (
        Example(make=lambda: _leaky("copy"), codes=("leak.target_copy",)),
        Example(make=lambda: _leaky("honest")),
    )

    def run(self, evidence: DataEvidence) -> Iterator[Finding]:
        if has_no_target(evidence):
            return
        found, suspects = accused(evidence)
        if found is None:
            yield undecided(
                "leak.target_copy",
                "data",
                "no feature column can be measured against the target (too few rows or texts only)",
            )
            return
        yield from (finding(found, one, "leak.target_copy") for one in suspects if one.kind == "copy")


PLUGIN: Check = _TargetCopy()

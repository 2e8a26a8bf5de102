"""How well each column alone tells the target: evidence beside the importances, never a verdict."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from modelwright.checks.evidence import DataEvidence
from modelwright.checks.findings import undecided
from modelwright.checks.strengths import has_no_target, strengths
from modelwright.checks.strengths import table as with_target
from modelwright.core.nouns import Finding, Severity
from modelwright.core.ports import Check, Example

_MOST = 10
#: an error from which on a column alone tells nothing beyond chance
_NOTHING = 0.98


class _Relevance:
    """Out of fold, so that a column of many kinds looks no better than it is. What tells nothing alone may
    still matter together with others."""

    codes = ("feature.relevance",)
    examples = (
        Example(make=lambda: _example(600), codes=("feature.relevance",)),
        Example(make=lambda: _example(600, target=None)),
    )

    def run(self, evidence: DataEvidence) -> Iterator[Finding]:
        if evidence.dataset is None:
            yield undecided("feature.relevance", "data", "there is no table to look at")
            return
        found = strengths(evidence) if not has_no_target(evidence) else None
        if found is None:
            return
        ranked = sorted(found.alone, key=lambda name: (found.alone[name], name))
        idle = sum(error > _NOTHING for error in found.alone.values())
        best = ", ".join(f"{name} {found.value(found.alone[name]):.3f}" for name in ranked[:3])
        yield Finding(
            code="feature.relevance",
            severity=Severity.INFO,
            subject="data",
            message=f"Alone and out of fold, the columns that tell the target best are {best} ({found.metric}); "
            f"{idle} of {len(ranked)} tell nothing alone.",
            observed={name: round(found.value(found.alone[name]), 4) for name in ranked[:_MOST]},
            evidence={"metric": found.metric, "tell_nothing_alone": idle, "all_together": found.score(found.full)},
            advice="read the importances too before leaving a column out: it may matter only together with others",
        )


def _example(n: int, target: str | None = "y") -> DataEvidence:
    rng = np.random.default_rng(29)
    x = rng.normal(size=n)
    y = (x + rng.normal(size=n) > 0).astype(int)
    return with_target({"x": x, "noise": rng.normal(size=n), "y": y}, target=target)


PLUGIN: Check = _Relevance()

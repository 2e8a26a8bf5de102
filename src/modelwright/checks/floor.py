"""What an answer that costs nothing reaches by the report's metric: the floor under every model."""

from __future__ import annotations

from modelwright.core.nouns import Estimate
from modelwright.core.report import Report

#: baselines that learn nothing: a model that cannot beat them is none
FREE = frozenset({"dummy", "always_the_same", "always_the_commonest", "guess_by_share", "always_the_average"})


def floor_of(report: Report) -> Estimate | None:
    """The strongest of them; None where none was measured."""
    known = [
        found[report.metric] for name, found in report.baselines.items() if name in FREE and report.metric in found
    ]
    best = max if report.greater_is_better else min
    return best(known, key=lambda one: one.value, default=None)

"""What model rules share: safe ways into the report, and records made by hand for examples."""

from __future__ import annotations

from typing import Any

from modelwright.checks.evidence import ModelEvidence
from modelwright.checks.wording import figure, metric_name, shown, sign
from modelwright.core.judgement import Judgement
from modelwright.core.nouns import Estimate, LeaderboardRow, Task
from modelwright.core.report import Comparison, Report, SliceResult
from modelwright.core.run import Problem, RunRecord

__all__ = ["estimate", "example", "figure", "metric_name", "primary", "report_of", "shown", "sign"]


def report_of(evidence: ModelEvidence) -> Report | None:
    return evidence.record.report if evidence.record is not None else None


def primary(report: Report) -> Estimate | None:
    try:
        return report.primary
    except KeyError:
        return None


def estimate(value: float, half: float = 0.02, n: int = 2000) -> Estimate:
    return Estimate(value=value, low=value - half, high=value + half, n=n, method="example")


def example(
    *,
    metric: str = "roc_auc",
    test: Estimate | None = None,
    train: float | None = None,
    difference: Estimate | None = None,
    against: str = "dummy",
    classes: dict[str, int] | None = None,
    extra: dict[str, Estimate] | None = None,
    leaderboard: tuple[LeaderboardRow, ...] = (),
    family: str = "lightgbm",
    slices: tuple[SliceResult, ...] = (),
    asked: str = "auto",
    judgement: Judgement | None = None,
    **report: Any,
) -> ModelEvidence:
    """A record of a binary run with a good model, changed as asked."""
    measured = test or estimate(0.85)
    metrics = {"test": {metric: measured, **(extra or {})}}
    if train is not None:
        metrics["train"] = {metric: estimate(train, 0.005, 10_000)}
        metrics["val"] = {metric: measured}
    comparisons: tuple[Comparison, ...] = ()
    if difference is not None:
        comparisons = (Comparison(against=against, metric=metric, difference=difference, n=measured.n),)
    counts = classes or {"no": 6000, "yes": 4000}
    made = Report(
        task=Task.BINARY,
        metric=metric,
        greater_is_better=report.pop("greater_is_better", True),
        metrics=metrics,
        comparisons=comparisons,
        slices=slices,
        n_rows={"test": measured.n},
        **report,
    )
    problem = Problem(
        task=Task.BINARY, reason="two classes", metric=metric, metric_reason="example", target="y", classes=counts
    )
    record = RunRecord(
        run_id="r",
        name="example",
        status="done",
        started_at="2026-01-01T00:00:00Z",
        n_rows=10_000,
        problem=problem,
        report=made,
        spec={"model": {"type": asked}},
        leaderboard=leaderboard,
        chosen_family=family,
        judgement=judgement,
    )
    return ModelEvidence(record=record)

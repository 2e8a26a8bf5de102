"""Whether the rows justify the chosen family: a simpler one that does as well, and what the learning curve says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from modelwright.checks.evidence import ModelEvidence
from modelwright.checks.findings import undecided
from modelwright.checks.model._shared import estimate, example, metric_name, primary, report_of, sign
from modelwright.core.nouns import Finding, LeaderboardRow, Severity
from modelwright.core.ports import Check, Example
from modelwright.core.run import RunRecord

SIMPLE = frozenset({"dummy", "rule", "rule_of_one_feature", "one_rule", "logistic", "linear", "ridge", "lasso",
                    "elastic_net", "naive_bayes", "decision_tree"})  # fmt: skip


def _board(simple: float) -> tuple[LeaderboardRow, ...]:
    return (
        LeaderboardRow(
            name="a", family="lightgbm", params={}, status="done", score=0.850, low=0.84, high=0.86, chosen=True
        ),
        LeaderboardRow(
            name="b", family="logistic", params={}, status="done", score=simple, low=simple - 0.01, high=1.0
        ),
    )


class _Complexity:
    codes = ("model.complexity",)
    examples = (
        Example(make=lambda: example(leaderboard=_board(0.851)), codes=("model.complexity",)),
        Example(make=lambda: example(leaderboard=_board(0.80), test=estimate(0.85))),
    )

    def run(self, evidence: ModelEvidence) -> Iterator[Finding]:
        report, record = report_of(evidence), evidence.record
        if report is not None and not report.task.has_target:
            return
        if report is None or record is None or not record.leaderboard or primary(report) is None:
            yield undecided("model.complexity", "model", "no simpler family was tried on the same folds")
            return
        chosen = next((row for row in record.leaderboard if row.chosen), None)
        if chosen is None or chosen.score is None or chosen.family in SIMPLE:
            return
        rivals = [
            row for row in record.leaderboard if row.family in SIMPLE and row.score is not None and row.status == "done"
        ]
        if not rivals:
            return
        best = max(rivals, key=lambda row: sign(report) * (row.score or 0.0))
        gain = sign(report) * (chosen.score - (best.score or 0.0))
        if gain > 0.002 * max(abs(chosen.score), 1e-12):
            return
        yield Finding(
            code="model.complexity",
            severity=Severity.LOW,
            subject="model",
            message=f"'{best.family}' reaches {metric_name(report.metric)} {best.score:.4g} in "
            f"cross-validation, '{chosen.family}' "
            f"{chosen.score:.4g}: the larger model buys nothing{_at_rows(record)}.",
            observed=gain,
            threshold=0.002,
            evidence=_evidence(record, best.family),
            advice=f"set model.type: {best.family}; it is faster and easier to explain"
            + ("; try the larger one again when there are twice as many rows" if _rising(record) else ""),
        )


def _rising(record: RunRecord) -> bool:
    """Whether the chosen family still gains from more rows, as larger ones do longer than simple ones."""
    curve = record.judgement.learning_curve if record.judgement is not None else None
    gain = curve.last_gain if curve is not None else None
    return gain is not None and gain.low is not None and gain.low > 0


def _at_rows(record: RunRecord) -> str:
    curve = record.judgement.learning_curve if record.judgement is not None else None
    if curve is None or not curve.points:
        return ""
    return f" at {curve.points[-1].n:,} rows" + (" yet" if _rising(record) else "")


def _evidence(record: RunRecord, simple: str) -> dict[str, Any]:
    """The paired comparison on sealed rows and the gain of the last doubling, where they were measured."""
    found: dict[str, Any] = {}
    for one in record.report.comparisons if record.report is not None else ():
        if one.against == simple:
            found["difference on sealed rows"] = one.difference
    curve = record.judgement.learning_curve if record.judgement is not None else None
    if curve is not None and curve.last_gain is not None:
        found["gain of the last doubling of rows"] = curve.last_gain
    return found


PLUGIN: Check = _Complexity()

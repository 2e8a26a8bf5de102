"""The verdict and the documents of one record that is written out by hand."""

from __future__ import annotations

import msgspec
import pytest

from modelwright.core.nouns import (
    Column,
    ColumnType,
    Estimate,
    Finding,
    LeaderboardRow,
    Role,
    Schema,
    Severity,
    Signature,
    SignatureField,
    Task,
)
from modelwright.core.report import Comparison, Importance, Report, SliceResult
from modelwright.core.run import Problem, RunRecord, ScorerRecord, SplitSummary
from modelwright.documents import card, report
from modelwright.lifecycle.stages.conclude import review
from tests.golden.goldens import check, plain

CLASSES = ("stays", "leaves")


def measured(value: float, half: float, n: int = 900) -> Estimate:
    return Estimate(value=value, low=value - half, high=value + half, n=n, method="bootstrap (BCa)")


def record(*, value: float = 0.62, against_logistic: float = 0.03) -> RunRecord:
    """A churn model judged by F1, with a goal of 0.6, a weak group and a repeated row or two."""
    names = {"contract": ColumnType.CATEGORY, "tenure": ColumnType.NUMBER}
    features = [Column(name=name, type=kind, reason="declared") for name, kind in names.items()]
    target = Column(name="churn", type=ColumnType.CATEGORY, role=Role.TARGET)
    ident = Column(name="customer", type=ColumnType.CATEGORY, role=Role.ID, reason="every value is another")
    judged = Report(
        task=Task.BINARY,
        metric="f1",
        greater_is_better=True,
        metrics={
            "train": {"f1": measured(0.70, 0.01, 4200), "roc_auc": measured(0.88, 0.01, 4200)},
            "val": {"f1": measured(0.63, 0.02, 5100), "roc_auc": measured(0.85, 0.01, 5100)},
            "test": {"f1": measured(value, 0.03), "roc_auc": measured(0.84, 0.02)},
        },
        baselines={"dummy": {"f1": measured(0.42, 0.02)}, "logistic": {"f1": measured(value - against_logistic, 0.03)}},
        comparisons=(
            Comparison(against="dummy", metric="f1", difference=measured(value - 0.42, 0.03), p_value=0.001, n=900),
            Comparison(
                against="logistic", metric="f1", difference=measured(against_logistic, 0.02), p_value=0.1, n=900
            ),
        ),
        slices=(
            SliceResult(
                condition="contract = yearly",
                n=210,
                share=0.2333,
                estimate=measured(0.55, 0.04, 210),
                difference=-0.22,
                metric="balanced_accuracy",
                whole=0.77,
            ),
        ),
        importances=(
            Importance(column="contract", value=0.11, low=0.09, high=0.13),
            Importance(column="tenure", value=0.05, low=0.03, high=0.07),
        ),
        goal=0.6,
        n_rows={"train": 4200, "val": 900, "test": 900},
        decision_threshold=0.31,
        notes=("decision threshold 0.310: cross-fitted f1 rises from 0.570 at 0.5 to 0.630",),
    )
    board = (("lightgbm", 0.63, True), ("logistic", 0.61, False), ("dummy", 0.42, False))
    repeats = Finding(
        code="data.duplicates",
        severity=Severity.LOW,
        subject="data",
        message="22 of 6,000 rows (0.4%) repeat an earlier row in everything but ids.",
        observed=22 / 6000,
        threshold=0.05,
        advice="find out whether these are real repeats",
    )
    return RunRecord(
        run_id="20260102-030405-abcd",
        name="churn",
        status="done",
        started_at="2026-01-02T03:04:05.000Z",
        finished_at="2026-01-02T03:05:05.000Z",
        spec={"model": {"type": "auto"}},
        spec_text="data: {source: churn.csv}\nfeatures: {target: churn}\nevaluation: {metric: f1, threshold: 0.6}\n",
        source="churn.csv",
        data_digest="b3:" + "ab" * 32,
        n_rows=6000,
        n_columns=4,
        schema=Schema(columns=(ident, *features, target)),
        profile={"rows": 6000, "columns": []},
        problem=Problem(
            task=Task.BINARY,
            reason="'churn' has two values",
            metric="f1",
            metric_reason="declared in evaluation.metric",
            target="churn",
            classes={"stays": 4400, "leaves": 1600},
            positive="leaves",
        ),
        split=SplitSummary(
            kind="stratified",
            reason="no time or group column is known; each part keeps the class shares",
            rows={"train": 4200, "val": 900, "test": 900},
        ),
        pipeline=("numeric (1 column): tenure", "codes (1 column): contract"),
        leaderboard=tuple(
            LeaderboardRow(
                name=name,
                family=name,
                params={},
                status="done",
                score=score,
                low=score - 0.02,
                high=score + 0.02,
                fit_s=1.0,
                predict_us_per_row=10.0,
                size_bytes=1000,
                chosen=chosen,
            )
            for name, score, chosen in board
        ),
        chosen_family="lightgbm",
        signature=Signature(
            inputs=tuple(SignatureField(name=name, type=kind) for name, kind in names.items()),
            task=Task.BINARY,
            target="churn",
            classes=CLASSES,
            positive="leaves",
        ),
        report=judged,
        findings=(repeats,),
        scorers=(ScorerRecord(name="compiled", passed=True, chosen=True, rows_tried=900, us_per_row=8.0),),
        environment={"python": "3.11", "packages": {"lightgbm": "4.7.0", "not-told": "1.0"}},
        seed=7,
        plan=("dummy/fold-0",),
        version=1,
        timings_s={"train": 30.0, "total": 60.0},
    )


CASES = {
    "approve": {"value": 0.68, "against_logistic": 0.05},
    "conditional": {"value": 0.62, "against_logistic": 0.01},
    "rework": {"value": 0.50, "against_logistic": 0.03},
}


@pytest.mark.parametrize("name", list(CASES))
def test_verdict(name: str) -> None:
    made = record(**CASES[name])
    findings, verdict = review(made, made.findings)
    check(f"verdict-{name}.json", plain({"findings": findings, "verdict": verdict}))


@pytest.mark.parametrize("name", list(CASES))
def test_documents(name: str) -> None:
    made = record(**CASES[name])
    findings, verdict = review(made, made.findings)
    whole = msgspec.structs.replace(made, findings=findings, verdict=verdict)
    check(f"report-{name}.md", report.markdown(whole))
    check(f"card-{name}.md", card.markdown(whole))


def test_report_as_data() -> None:
    check("report.json", plain(record().report))

"""Run records with real numbers from scikit-learn's bundled tables, in the shape a run leaves them."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from sklearn import metrics as sk
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from modelwright.core.nouns import (
    ChecklistItem,
    Column,
    ColumnType,
    Decision,
    Estimate,
    Finding,
    LeaderboardRow,
    Level,
    Role,
    Schema,
    Severity,
    Signature,
    SignatureField,
    Task,
    Verdict,
)
from modelwright.core.report import Comparison, Importance, Report, SliceResult
from modelwright.core.run import Problem, RunRecord, ScorerRecord, SplitSummary, StepRecord

SPEC = """\
data:
  source: sklearn:breast_cancer
features:
  target: target
model:
  type: auto
evaluation:
  metric: roc_auc
  threshold: 0.95
"""


def estimate(value: float, half: float, n: int = 86) -> Estimate:
    return Estimate(value=value, low=value - half, high=min(value + half, 1.0), n=n, method="bootstrap")


@functools.cache
def _cancer() -> dict[str, Any]:
    X, y = load_breast_cancer(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X, 1 - y, test_size=0.4, random_state=0, stratify=y)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.02)).fit(X_train[:, :6], y_train)
    p = model.predict_proba(X_test[:, :6])[:, 1]
    fpr, tpr, _ = sk.roc_curve(y_test, p)
    precision, recall, _ = sk.precision_recall_curve(y_test, p)
    edges = np.linspace(0, 1, 11)
    place = np.clip(np.digitize(p, edges) - 1, 0, 9)
    filled = [b for b in range(10) if (place == b).any()]
    matrix = sk.confusion_matrix(y_test, p >= 0.41)
    grid = np.linspace(0.05, 0.95, 19)
    scored = {
        "precision": [float(sk.precision_score(y_test, p >= t, zero_division=1)) for t in grid],
        "recall": [float(sk.recall_score(y_test, p >= t)) for t in grid],
        "f1": [float(sk.f1_score(y_test, p >= t)) for t in grid],
    }
    bins = np.linspace(0, 1, 21)
    return {
        "roc": {"false_positive_rate": fpr.tolist(), "true_positive_rate": tpr.tolist(), "auc": 0.974},
        "precision_recall": {
            "precision": precision.tolist(),
            "recall": recall.tolist(),
            "base_rate": float(y_test.mean()),
        },
        "calibration": {
            "predicted": [float(p[place == b].mean()) for b in filled],
            "observed": [float(y_test[place == b].mean()) for b in filled],
            "rows": [int((place == b).sum()) for b in filled],
        },
        "confusion": {"classes": ["benign", "malignant"], "counts": matrix.tolist()},
        "scores": {
            "edges": bins.tolist(),
            "counts": {
                "benign": np.histogram(p[y_test == 0], bins)[0].tolist(),
                "malignant": np.histogram(p[y_test == 1], bins)[0].tolist(),
            },
        },
        "threshold": {"threshold": grid.tolist(), **scored},
    }


@functools.cache
def _diabetes() -> dict[str, Any]:
    X, y = load_diabetes(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.4, random_state=0)
    predicted = Ridge(alpha=0.1).fit(X_train, y_train).predict(X_test)
    left = y_test - predicted
    edges = np.linspace(left.min(), left.max(), 31)
    levels = [0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99]
    return {
        "predicted_vs_actual": {"actual": y_test.tolist(), "predicted": predicted.tolist()},
        "residuals": {
            "predicted": predicted.tolist(),
            "residual": left.tolist(),
            "edges": edges.tolist(),
            "counts": np.histogram(left, edges)[0].tolist(),
            "mean": float(left.mean()),
        },
        "error_quantiles": {"share": levels, "absolute_error": np.quantile(np.abs(left), levels).tolist()},
    }


FINDINGS = (
    Finding(
        code="model.goal",
        severity=Severity.MEDIUM,
        subject="split:test",
        message="the lower bound of ROC AUC is 0.943, below the goal of 0.95",
        observed=0.943,
        threshold=0.95,
        evidence={"value": 0.974, "low": 0.943, "high": 0.993, "rows": 86},
        advice="collect more rows, or lower the goal knowingly; 86 test rows cannot show more",
        source="evaluation.threshold in pipeline.yaml",
    ),
    Finding(
        code="data.duplicates",
        severity=Severity.LOW,
        subject="data",
        message="4 rows are exact copies of others",
        observed=4,
        threshold=0,
        evidence={"rows": [12, 40, 41, 388]},
        advice="check whether the copies are real; they are kept on one side of the split",
    ),
    Finding(
        code="data.correlated",
        severity=Severity.INFO,
        subject="column:mean perimeter",
        message="mean perimeter and mean radius say nearly the same",
        observed=0.998,
        threshold=0.98,
        advice="drop one to make importances easier to read",
    ),
    Finding(
        code="model.fairness",
        severity=Severity.INFO,
        subject="model",
        message="no column names a group of people, so that fairness could not be judged",
        undecided=True,
    ),
)

CHECKLIST = (
    ChecklistItem(
        question="Is it better than the simplest thing?",
        answer="yes",
        evidence="ROC AUC 0.974 against 0.921 of one rule on the same rows",
        codes=("model.baseline",),
    ),
    ChecklistItem(
        question="Does it meet its goal?", answer="partly", evidence="the value does, its lower bound does not"
    ),
    ChecklistItem(question="Did anything leak?", answer="no", evidence="the best single column reaches 0.921"),
    ChecklistItem(question="Is it fair?", answer="could not judge", evidence="no column names a group of people"),
)


def _leaderboard() -> tuple[LeaderboardRow, ...]:
    rows = [
        ("extra_trees", 0.9871, 0.009, 1.9, 96.0, 1_900_000, {"n_estimators": 300}, "done", ""),
        ("logistic", 0.9862, 0.008, 0.04, 1.2, 2_100, {"C": 0.02}, "done", ""),
        ("lightgbm", 0.9855, 0.010, 0.9, 6.9, 310_000, {"learning_rate": 0.05, "num_leaves": 31}, "done", ""),
        ("random_forest", 0.9829, 0.011, 1.6, 88.0, 1_400_000, {"n_estimators": 300}, "done", ""),
        ("knn", 0.9702, 0.015, 0.02, 210.0, 96_000, {"k": 11}, "done", ""),
        ("naive_bayes", 0.9641, 0.018, 0.01, 2.0, 3_000, {}, "done", ""),
        ("decision_tree", 0.921, 0.026, 0.02, 0.8, 9_000, {"max_depth": 4}, "done", ""),
        ("rule", 0.9105, 0.028, 0.01, 0.3, 400, {}, "done", "one column: worst perimeter"),
        ("dummy", 0.5, 0.0, 0.0, 0.1, 200, {}, "done", ""),
    ]
    done = [
        LeaderboardRow(
            name=name,
            family=name,
            params=params,
            status=status,
            score=score,
            low=score - half,
            high=min(1.0, score + half),
            fit_s=fit,
            predict_us_per_row=us,
            size_bytes=size,
            note=note,
            chosen=name == "logistic",
        )
        for name, score, half, fit, us, size, params, status, note in rows
    ]
    failed = LeaderboardRow(name="svm", family="svm", params={}, status="skipped", note="no time left in the budget")
    return (*done, failed)


def binary(**changes: Any) -> RunRecord:
    """A CONDITIONAL run on breast cancer, with everything a run can say."""
    names = load_breast_cancer().feature_names
    columns = [Column(name=str(n), type=ColumnType.NUMBER, reason="numbers, 480 distinct values") for n in names]
    target = Column(name="target", type=ColumnType.CATEGORY, role=Role.TARGET, reason="named in the file")
    patient = Column(name="patient", type=ColumnType.NUMBER, role=Role.ID, reason="every value is different")
    report = Report(
        task=Task.BINARY,
        metric="roc_auc",
        greater_is_better=True,
        metrics={
            "train": {
                "roc_auc": estimate(0.991, 0.005, 398),
                "log_loss": estimate(0.12, 0.02),
                "f1": estimate(0.95, 0.02),
            },
            "val": {
                "roc_auc": estimate(0.983, 0.016, 85),
                "log_loss": estimate(0.17, 0.05),
                "f1": estimate(0.93, 0.04),
            },
            "test": {"roc_auc": estimate(0.974, 0.031), "log_loss": estimate(0.19, 0.06), "f1": estimate(0.92, 0.05)},
        },
        baselines={
            "dummy": {"roc_auc": Estimate(value=0.5, low=0.5, high=0.5), "log_loss": estimate(0.66, 0.01)},
            "rule": {"roc_auc": estimate(0.921, 0.052), "log_loss": estimate(0.34, 0.08), "f1": estimate(0.86, 0.07)},
        },
        comparisons=(
            Comparison(against="rule", metric="roc_auc", difference=estimate(0.053, 0.031), p_value=0.003, n=86),
        ),
        slices=(
            SliceResult(
                condition="mean radius ≤ 11.7", n=21, share=0.24, estimate=estimate(0.91, 0.12), difference=-0.064
            ),
            SliceResult(
                condition="mean radius > 15.8", n=22, share=0.26, estimate=estimate(0.96, 0.06), difference=-0.014
            ),
            SliceResult(
                condition="mean texture > 21.8", n=22, share=0.26, estimate=estimate(0.98, 0.03), difference=0.006
            ),
        ),
        importances=tuple(
            Importance(column=str(name), value=value, low=value - half, high=value + half)
            for name, value, half in zip(
                names[[22, 27, 20, 7, 23, 26, 21, 1, 6, 28]],
                [0.061, 0.048, 0.031, 0.022, 0.015, 0.009, 0.006, 0.004, 0.001, -0.001],
                [0.02, 0.018, 0.014, 0.01, 0.009, 0.006, 0.005, 0.004, 0.003, 0.002],
                strict=True,
            )
        ),
        goal=0.95,
        n_rows={"train": 398, "val": 85, "test": 86},
        decision_threshold=0.41,
        curves=_cancer(),
    )
    split = SplitSummary(
        kind="stratified",
        reason="the target is a class and no column tells time or group",
        rows={"train": 398, "val": 85, "test": 86},
        notes=("4 duplicated rows were kept on the training side",),
    )
    problem = Problem(
        task=Task.BINARY,
        reason="the target has two values",
        metric="roc_auc",
        metric_reason="ranks cases without choosing a threshold",
        target="target",
        classes={"benign": 357, "malignant": 212},
        positive="malignant",
        split=split,
        simpler="A rule on worst perimeter alone reaches ROC AUC 0.92: consider whether a model is worth its keep.",
    )
    verdict = Verdict(
        decision=Decision.CONDITIONAL,
        confidence=Level.MEDIUM,
        reasons=(
            "the model ranks cases well, but 86 test rows cannot prove that it meets the goal of 0.95",
            "it is better than the best baseline, a rule on one column, by 0.053 (0.022 to 0.084)",
            "no leak was found, and training and test agree",
        ),
        conditions=("accept a goal of 0.94, or judge again on at least 400 test rows",),
        findings=FINDINGS,
        checklist=CHECKLIST,
        undecided=("model.fairness",),
    )
    rng = np.random.default_rng(3)
    scores = 0.97 + 0.018 * (1 - np.exp(-np.arange(40) / 8)) - rng.exponential(0.006, 40)
    everything: dict[str, Any] = {
        "run_id": "20260201-140501-3f9a",
        "name": "breast-cancer",
        "status": "done",
        "started_at": "2026-02-01T14:05:01Z",
        "finished_at": "2026-02-01T14:05:33Z",
        "spec_text": SPEC,
        "source": "sklearn:breast_cancer",
        "data_digest": "blake3:1f0c6a0be9d74bb6ce4e9c3ce7e0ab77e82e40a1f5cc5bd13da0b93f0de5a27b",
        "n_rows": 569,
        "n_columns": 32,
        "schema": Schema(columns=(*columns, patient, target)),
        "profile": {"columns": {"mean texture": {"missing_share": 0.12}, "worst area": {"missing_share": 0.034}}},
        "problem": problem,
        "split": split,
        "pipeline": (
            "30 numbers: missing values become the training median, with a flag where any was missing",
            "30 numbers: scaled to mean 0 and deviation 1, since logistic regression needs it",
        ),
        "leaderboard": _leaderboard(),
        "trials": tuple(
            {"number": n, "score": float(s), "params": {"C": float(10 ** rng.uniform(-4, 2))}, "state": "complete"}
            for n, s in enumerate(scores)
        ),
        "chosen_family": "logistic",
        "chosen_params": {"C": 0.02},
        "signature": Signature(
            inputs=tuple(
                SignatureField(name=str(n), type=ColumnType.NUMBER, low=0.0, high=float(i + 1))
                for i, n in enumerate(names)
            ),
            task=Task.BINARY,
            target="target",
            classes=("benign", "malignant"),
            positive="malignant",
        ),
        "report": report,
        "findings": FINDINGS,
        "verdict": verdict,
        "scorers": (
            ScorerRecord(
                name="compiled",
                passed=True,
                chosen=True,
                rows_tried=5120,
                worst_difference=0.0,
                us_per_row=6.8,
                size_bytes=2_100,
            ),
            ScorerRecord(
                name="onnx",
                passed=False,
                chosen=False,
                reason="differs by 0.31 on rows with values near 1e9",
                rows_tried=5120,
                worst_difference=0.31,
                decision_flips=12,
                us_per_row=9.1,
                size_bytes=11_200,
            ),
            ScorerRecord(
                name="reference", passed=True, chosen=False, rows_tried=5120, worst_difference=0.0, us_per_row=812.0
            ),
        ),
        "steps": tuple(
            StepRecord(name=name, key="k", parts={}, reused=reused, reason=reason, seconds=seconds)
            for name, seconds, reused, reason in (
                ("read", 0.21, True, "same bytes as run 20260201-135912-77ab"),
                ("profile", 0.35, True, "same data"),
                ("check data", 0.41, False, "the rule data.correlated is new"),
                ("split", 0.05, False, "first time with this seed"),
                ("train", 24.8, False, "model.type changed from lightgbm to auto"),
                ("evaluate", 2.6, False, "the model changed"),
                ("bundle", 1.9, False, "the model changed"),
            )
        ),
        "timings_s": {"total": 30.32, "train": 24.8},
        "environment": {
            "python": "3.12.4",
            "platform": "Linux x86_64",
            "packages": {"numpy": "2.4.1", "scikit-learn": "1.9.1"},
        },
        "commit": "7c90c67",
        "seed": 0,
        "version": 3,
        "bundle_digest": "sha256:9a53c0a7b1f4c28df1b5c0a43cbd07e2",
        "paths": {"run": ".modelwright/runs/x", "bundle": ".modelwright/runs/x/bundle", "report": "x/report.html"},
    }
    return RunRecord(**{**everything, **changes})


def regression() -> RunRecord:
    """An approved run on diabetes, split by time."""
    report = Report(
        task=Task.REGRESSION,
        metric="rmse",
        greater_is_better=False,
        metrics={
            "val": {"rmse": Estimate(value=54.1, low=49.0, high=59.8), "r2": Estimate(value=0.46, low=0.33, high=0.57)},
            "test": {
                "rmse": Estimate(value=55.9, low=51.0, high=61.2, n=177),
                "r2": Estimate(value=0.43, low=0.3, high=0.54),
            },
        },
        baselines={"dummy": {"rmse": Estimate(value=75.4, low=70.1, high=80.3)}},
        goal=65.0,
        looks=3,
        n_rows={"train": 200, "val": 65, "test": 177},
        curves=_diabetes(),
    )
    split = SplitSummary(
        kind="time",
        reason="the column seen_at tells when each row was known",
        rows={"train": 200, "val": 65, "test": 177},
        spans={
            "train": ("2024-01-01T00:00:00", "2024-08-31T00:00:00"),
            "val": ("2024-09-01T00:00:00", "2024-10-12T00:00:00"),
            "test": ("2024-10-13T00:00:00", "2024-12-31T00:00:00"),
        },
    )
    verdict = Verdict(decision=Decision.APPROVE, confidence=Level.HIGH, reasons=("the goal is met by its upper bound",))
    return RunRecord(
        run_id="r2",
        name="progression",
        status="done",
        started_at="2026-02-01T14:05:01Z",
        source="data/diabetes.csv",
        n_rows=442,
        n_columns=12,
        split=split,
        report=report,
        verdict=verdict,
        chosen_family="ridge",
        timings_s={"read": 0.2, "train": 6.0, "total": 7.0},
    )


def refused() -> RunRecord:
    """Data that was refused before anything was trained."""
    finding = Finding(
        code="data.leak",
        severity=Severity.CRITICAL,
        subject="column:duration",
        message="duration alone predicts the target almost perfectly and is only known afterwards",
        blocking=True,
        observed={"roc_auc": 0.97},
        threshold={"roc_auc": 0.95},
        advice="remove duration from the features, or say in the file that it is known in time",
    )
    verdict = Verdict(
        decision=Decision.NEEDS_REWORK,
        confidence=Level.HIGH,
        reasons=("a column gives the answer away",),
        findings=(finding,),
    )
    return RunRecord(
        run_id="r3",
        name="bank",
        status="done",
        started_at="2026-02-01T14:05:01Z",
        source="bank.csv",
        n_rows=41188,
        n_columns=21,
        findings=(finding,),
        verdict=verdict,
    )


def empty() -> RunRecord:
    return RunRecord(run_id="", name="nothing", status="failed", started_at="")


def huge() -> RunRecord:
    """200 columns, 200 findings, 500 trials, and curves that nobody thinned."""
    line = np.linspace(0, 1, 20_000).tolist()
    base = binary()
    names = [f"a rather long column name number {i:03d}" for i in range(200)]
    assert base.report is not None
    report = Report(
        task=Task.BINARY,
        metric="roc_auc",
        greater_is_better=True,
        metrics=base.report.metrics,
        baselines=base.report.baselines,
        importances=tuple(Importance(column=n, value=0.01, low=0.0, high=0.02) for n in names),
        slices=tuple(
            SliceResult(condition=f"{n} = yes", n=50, share=0.1, estimate=estimate(0.9, 0.1), difference=-0.01)
            for n in names
        ),
        curves={
            "roc": {"false_positive_rate": line, "true_positive_rate": line},
            "precision_recall": {"precision": line, "recall": line},
            "predicted_vs_actual": {"actual": line, "predicted": line},
            "residuals": {"edges": [*line, 1.1], "counts": line},
        },
    )
    findings = tuple(
        Finding(
            code=f"data.rule_{i}",
            severity=list(Severity)[i % 5],
            subject=f"column:{names[i]}",
            message=f"something is the matter with {names[i]} " * 3,
            evidence={"rows": list(range(500)), "text": "x" * 5_000},
            advice="do something sensible about it " * 4,
            blocking=i % 20 == 0,
        )
        for i in range(200)
    )
    return binary(
        report=report,
        findings=findings,
        schema=Schema(columns=tuple(Column(name=n, type=ColumnType.NUMBER, reason="because " * 8) for n in names)),
        trials=tuple(
            {"number": i, "score": i / 500, "params": {f"p{k}": k * 1.5 for k in range(30)}} for i in range(500)
        ),
        leaderboard=tuple(
            LeaderboardRow(name=f"m{i}", family="m", params={"a": 1}, status="done", score=i / 500, low=0.0, high=1.0)
            for i in range(500)
        ),
        pipeline=tuple(f"{n}: filled and scaled" for n in names),
    )

"""How checks and the review put numbers: values with their intervals, and which way is better."""

from __future__ import annotations

from modelwright.core.nouns import Estimate
from modelwright.core.report import Report
from modelwright.core.run import RunRecord

#: names that title case would spoil
METRIC_NAMES = {
    "accuracy": "accuracy",
    "average_precision": "average precision",
    "balanced_accuracy": "balanced accuracy",
    "brier": "Brier score",
    "brier_score": "Brier score",
    "f1": "F1",
    "f1_macro": "macro F1",
    "f1_weighted": "weighted F1",
    "log_loss": "log loss",
    "mae": "mean absolute error",
    "mape": "mean absolute percentage error",
    "matthews": "Matthews correlation",
    "matthews_corrcoef": "Matthews correlation",
    "mcc": "Matthews correlation",
    "mean_absolute_error": "mean absolute error",
    "median_absolute_error": "median absolute error",
    "mse": "mean squared error",
    "pr_auc": "PR AUC",
    "r2": "R²",
    "rmse": "RMSE",
    "rmsle": "RMSLE",
    "roc_auc": "ROC AUC",
    "roc_auc_ovr": "ROC AUC (one against the rest)",
}


def sign(report: Report) -> float:
    return 1.0 if report.greater_is_better else -1.0


def shown(estimate: Estimate) -> str:
    """`0.812 (0.79 to 0.83)`."""
    if estimate.low is None or estimate.high is None:
        return figure(estimate.value)
    return f"{figure(estimate.value)} ({figure(estimate.low)} to {figure(estimate.high)})"


def figure(value: float) -> str:
    """Three digits that count, and never an exponent for a large number: `0.638`, `67,585`."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def metric_name(name: str) -> str:
    """`roc_auc` -> `ROC AUC`; unknown names lose their underscores."""
    return METRIC_NAMES.get(name, name.replace("_", " "))


def families_of(record: RunRecord) -> tuple[str, ...]:
    """The families a model is made of: the chosen one, or those of an ensemble's members."""
    members = record.chosen_params.get("members")
    if not isinstance(members, dict):
        return (record.chosen_family,)
    return tuple(dict.fromkeys(row.family for row in record.leaderboard if row.name in members))

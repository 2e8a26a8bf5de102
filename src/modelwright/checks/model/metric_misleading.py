"""A metric that looks good, or bad, for the wrong reason: what the same predictions say by another one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from modelwright.checks.evidence import ModelEvidence
from modelwright.checks.findings import undecided
from modelwright.checks.model._shared import estimate, example, figure, metric_name, report_of
from modelwright.core.nouns import Finding, Severity
from modelwright.core.ports import Check, Example
from modelwright.core.report import Report
from modelwright.core.run import Problem

MAJORITY = 0.75
RARE, VERY_RARE = 0.05, 0.02
#: F1 of always answering yes is 0.75 at this share of positives
POSITIVES = 0.6
#: macro F1 this far below the weighted one: some class is served much worse than the others
APART = 0.15
#: share of the squared error in the worst 1 % of rows: 0.08 for normal errors, 0.2 for Laplace ones
DOMINATED = 0.4
#: share of rows whose target is below 1 % of the usual size, where relative errors explode
NEAR_ZERO = 0.005
Rule = Callable[[Report, Problem], Iterator[Finding]]


class _Misleading:
    codes = ("metric.misleading",)
    examples = (
        Example(
            make=lambda: example(metric="accuracy", classes={"no": 9000, "yes": 1000}), codes=("metric.misleading",)
        ),
        Example(make=lambda: example(metric="roc_auc", classes={"no": 9000, "yes": 90}), codes=("metric.misleading",)),
        Example(
            make=lambda: example(metric="f1", classes={"yes": 8000, "no": 2000}, extra={"mcc": estimate(0.1)}),
            codes=("metric.misleading",),
        ),
        Example(
            make=lambda: example(metric="rmse", greater_is_better=False, curves=_tails(0.7)),
            codes=("metric.misleading",),
        ),
        Example(make=lambda: example(metric="accuracy")),
        Example(make=lambda: example(metric="rmse", greater_is_better=False, curves=_tails(0.1))),
    )

    def run(self, evidence: ModelEvidence) -> Iterator[Finding]:
        report, problem = report_of(evidence), evidence.record.problem if evidence.record is not None else None
        if report is None or problem is None:
            yield undecided("metric.misleading", "metric", "there is no report")
            return
        rule = _RULES.get(report.metric)
        if rule is not None:
            yield from rule(report, problem)


def _tails(share: float) -> dict[str, Any]:
    return {"tails": {"squared_error": share, "target": 0.1, "relative_error": 0.1, "near_zero": 0.0}}


def _finding(report: Report, severity: Severity, says: str, advice: str, facts: dict[str, Any]) -> Finding:
    """facts: what was measured, the decisive number first; `other` metrics of the same predictions are added."""
    value, threshold = facts.pop("observed"), facts.pop("threshold")
    return Finding(
        code="metric.misleading",
        severity=severity,
        subject=f"metric:{report.metric}",
        message=says,
        observed=value,
        threshold=threshold,
        evidence=facts,
        advice=advice,
        source=facts.pop("source", ""),
    )


def _value(report: Report, name: str) -> float | None:
    found = report.metrics.get("test", {}).get(name)
    return None if found is None else found.value


def _others(report: Report, *names: str) -> tuple[str, dict[str, Any]]:
    """`; by mcc it is 0.02 (the constant 0)`, and the same as data: what other metrics say of these predictions."""
    texts, facts = [], {}
    for name in names:
        value = _value(report, name)
        if value is None:
            continue
        rival = report.baselines.get("dummy", {}).get(name)
        facts[name] = {"value": value, "baseline": None if rival is None else rival.value}
        texts.append(
            f"{metric_name(name)} is {figure(value)}"
            + ("" if rival is None else f" (the constant: {figure(rival.value)})")
        )
    return (f"; of the same answers {' and '.join(texts)}" if texts else ""), {"other": facts}


def _shares(problem: Problem) -> dict[str, float]:
    total = sum(problem.classes.values())
    return {label: rows / total for label, rows in problem.classes.items()} if total else {}


def _accuracy(report: Report, problem: Problem) -> Iterator[Finding]:
    shares = _shares(problem)
    if not shares:
        return
    label, largest = max(shares.items(), key=lambda one: one[1])
    found = report.metrics.get("test", {}).get("accuracy")
    no_better = found is not None and found.low is not None and found.low <= largest and largest > POSITIVES
    if largest > MAJORITY or no_better:
        told, facts = _others(report, "balanced_accuracy", "mcc", "f1_macro" if len(shares) > 2 else "f1")
        value = "" if found is None else f" ({found.value:.1%} here)"
        yield _finding(
            report,
            Severity.MEDIUM,
            f"Accuracy{value} flatters: always answering '{label}' is right in {largest:.1%} of rows{told}.",
            "set evaluation.metric to balanced_accuracy, f1 or average_precision",
            {"observed": largest, "threshold": MAJORITY, **facts},
        )
    yield from _weighted(report, problem)


def _roc_auc(report: Report, problem: Problem) -> Iterator[Finding]:
    shares = _shares(problem)
    if len(shares) != 2 or min(shares.values()) >= RARE:
        return
    rarest = min(shares.values())
    told, facts = _others(report, "average_precision", "precision")
    yield _finding(
        report,
        Severity.MEDIUM if rarest < VERY_RARE else Severity.LOW,
        f"With {rarest:.1%} of rows in the rarer class, ROC AUC can be high while most alarms are false{told}.",
        "set evaluation.metric to average_precision",
        {"observed": rarest, "threshold": RARE, "source": "Saito and Rehmsmeier (2015), PLOS ONE 10", **facts},
    )


def _f1(report: Report, problem: Problem) -> Iterator[Finding]:
    shares = _shares(problem)
    label = problem.positive or (sorted(shares)[-1] if len(shares) == 2 else None)
    if len(shares) != 2 or label not in shares or shares[label] <= POSITIVES:
        return
    share = shares[label]
    always = 2 * share / (1 + share)
    value = _value(report, report.metric)
    told, facts = _others(report, "mcc", "balanced_accuracy")
    yield _finding(
        report,
        Severity.MEDIUM,
        f"'{label}' makes up {share:.1%} of rows, so always answering it has F1 {always:.3f}"
        + ("" if value is None else f" where the model has {value:.3f}")
        + f"{told}.",
        "set evaluation.metric to mcc or balanced_accuracy, or model.positive to the rarer label",
        {"observed": always, "threshold": POSITIVES, **facts},
    )


def _recall(report: Report, problem: Problem) -> Iterator[Finding]:
    """Recall alone is perfect for a model that always says yes."""
    precision, shares = _value(report, "precision"), _shares(problem)
    if precision is None or problem.positive not in shares or len(shares) != 2:
        return
    share = shares[problem.positive]
    if precision < 1.2 * share:
        told, facts = _others(report, "precision", "f1")
        yield _finding(
            report,
            Severity.MEDIUM,
            f"Recall alone is 1 for a model that always answers '{problem.positive}', and this one is hardly more "
            f"precise than that ({share:.1%} of rows are){told}.",
            "set evaluation.metric to f1 or average_precision, or give evaluation.cost",
            {"observed": precision, "threshold": 1.2 * share, **facts},
        )


def _weighted(report: Report, problem: Problem) -> Iterator[Finding]:
    """Weighted and plain shares look at common classes; the macro mean looks at all alike."""
    macro, weighted = _value(report, "f1_macro"), _value(report, "f1_weighted")
    if macro is None or weighted is None or len(problem.classes) < 3 or weighted - macro <= APART:
        return
    told, facts = _others(report, "f1_macro", "balanced_accuracy")
    yield _finding(
        report,
        Severity.MEDIUM,
        f"{metric_name(report.metric)} hides the rare classes: F1 weighted by rows is {figure(weighted)}, and "
        f"{figure(macro)} when "
        f"every class counts the same{told}.",
        "set evaluation.metric to f1_macro or balanced_accuracy where rare classes matter; read the confusion table",
        {"observed": weighted - macro, "threshold": APART, **facts},
    )


def _squared(report: Report, problem: Problem) -> Iterator[Finding]:
    tails = report.curves.get("tails", {})
    share = max(float(tails.get("squared_error", 0.0)), float(tails.get("target", 0.0)) * (report.metric == "r2"))
    if share > DOMINATED:
        what = "squared error" if share == tails.get("squared_error") else "target's variance"
        told, facts = _others(report, "mae", "median_absolute_error")
        yield _finding(
            report,
            Severity.MEDIUM if share > 0.5 else Severity.LOW,
            f"The 1 % of rows that are farthest off make up {share:.0%} of the {what}: "
            f"{metric_name(report.metric)} tells of those "
            f"few rows{told}.",
            "set evaluation.metric to mae or median_absolute_error, predict the logarithm, or look at these rows first",
            {"observed": share, "threshold": DOMINATED, **facts},
        )
    relative, value = _value(report, "mape"), _value(report, "r2")
    if report.metric == "r2" and relative is not None and value is not None and relative < 0.05 and value < 0.5:
        told, facts = _others(report, "mape", "mae")
        yield _finding(
            report,
            Severity.LOW,
            f"R2 is {figure(value)} because the target hardly varies, not because the errors are large{told}.",
            "set evaluation.metric to mae or mape and judge it against what an error costs",
            {"observed": relative, "threshold": 0.05, **facts},
        )


def _relative(report: Report, problem: Problem) -> Iterator[Finding]:
    tails = report.curves.get("tails", {})
    near, share = float(tails.get("near_zero", 0.0)), float(tails.get("relative_error", 0.0))
    if near > NEAR_ZERO or (near > 0 and share > 0.5):
        told, facts = _others(report, "mae", "r2")
        yield _finding(
            report,
            Severity.MEDIUM,
            f"The target is zero or close to it in {near:.1%} of rows, and the 1 % of rows with the largest relative "
            f"errors make up {share:.0%} of the mean: mape tells of those{told}.",
            "set evaluation.metric to mae or rmsle",
            {"observed": near, "threshold": NEAR_ZERO, **facts},
        )


_RULES: dict[str, Rule] = {
    "accuracy": _accuracy,
    "roc_auc": _roc_auc,
    "f1": _f1,
    "recall": _recall,
    "f1_weighted": _weighted,
    "rmse": _squared,
    "mse": _squared,
    "r2": _squared,
    "mape": _relative,
}
PLUGIN: Check = _Misleading()

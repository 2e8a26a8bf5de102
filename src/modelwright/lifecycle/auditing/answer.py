"""What an audit says in words: is the figure any good, would another cut do better, what to ask for next."""

from __future__ import annotations

from typing import Any

from modelwright.core.report import Comparison, Report
from modelwright.lifecycle.auditing.claim import Audited, Claim
from modelwright.lifecycle.auditing.measuring import AVERAGE, CONSTANT, GUESS, REPEAT


def headline(audited: Audited) -> str:
    """Is the claimed figure any good: in two sentences, against the best answer that costs nothing."""
    report = audited.record.report
    assert report is not None
    found, name = report.primary, report.metric.replace("_", " ")
    said = f"{name} is {found.value:.4g}{_bounds(found)} on {found.n:,} rows."
    against = _hardest(report)
    if against is None:
        return said
    rival = report.baselines[against.against][report.metric].value
    words = {CONSTANT: f"always answering '{_commonest(audited)}'", AVERAGE: "always answering the average"}
    words[GUESS] = "guessing each class as often as it happens"
    words[REPEAT] = "repeating the last known truth"
    other = words.get(against.against, f"'{against.against}'")
    low, high = against.difference.low, against.difference.high
    if low is not None and low > 0:
        perfect = 1.0 if report.greater_is_better else 0.0
        room = abs(perfect - rival)
        share = f", {abs(found.value - rival) / room:.0%} of the way to perfect" if room > 0 and rival <= 1 else ""
        return f"{said} That is better than {other} ({rival:.4g}) by {abs(against.difference.value):.3g}{share}."
    verdict = "worse than" if high is not None and high < 0 else "not measurably better than"
    return f"{said} That is {verdict} {other}, which reaches {rival:.4g} and costs nothing."


def _hardest(report: Report) -> Comparison | None:
    return min(report.comparisons, key=lambda one: one.difference.value, default=None)


def _bounds(found: Any) -> str:
    return "" if found.low is None or found.high is None else f" ({found.low:.4g} to {found.high:.4g})"


def _commonest(audited: Audited) -> str:
    import numpy as np

    classes = audited.predicted.classes
    return classes[int(np.bincount(audited.y, minlength=len(classes)).argmax())] if classes else ""


def threshold_of(audited: Audited) -> dict[str, Any] | None:
    """What another cut would give, chosen on four fifths and judged on the fifth; None where there is no score."""
    from modelwright.stats.thresholds import objective_for, tune

    report, p = audited.record.report, audited.predicted.probabilities
    assert report is not None
    if p is None or len(audited.predicted.classes) != 2 or not audited.probabilities:
        return None
    found = tune(audited.y, p[:, 1], objective_for(report.metric))
    return {
        "used": report.decision_threshold,
        "better": found.value,
        "objective": found.objective,
        "score_at_half": found.default_score,
        "score_at_better": found.score,
        "reason": found.reason,
    }


def ask_next(audited: Audited, claim: Claim) -> list[str]:
    """What the claim leaves open: the questions to take back to whoever made the predictions."""
    asked = [
        "Which rows are these, and how were they kept from everything that was learned, tuned or chosen with?",
        "How many models were tried on these rows before this one? The best of many looks better than it is.",
        "What does the model score on the rows it learned from? A wide gap is overfitting.",
        "Is every input known at the moment of prediction? Which column could have been written afterwards?",
    ]
    if claim.time is None:
        asked.append("When was each row known (--time COL)? Only later rows tell how it does tomorrow.")
    if audited.record.problem is not None and audited.record.problem.task.is_classification and not claim.scores:
        asked.append(
            "What are the probabilities behind the labels (--score COL)? Without them neither ranking, "
            "calibration nor another threshold can be judged."
        )
    if not claim.segments:
        asked.append("Which groups matter (--segment COL)? One figure hides whom it serves badly.")
    if not claim.fairness:
        asked.append("Who could be harmed by it (--fairness COL)?")
    if not claim.against:
        asked.append("What is used today (--against COL)? That, and not a constant, is what has to be beaten.")
    if claim.goal is None:
        asked.append("What would be good enough (--goal VALUE)?")
    return asked

"""From a suspect to a finding: the score that survives, its interval, and the counter-proofs beside it."""

from __future__ import annotations

from typing import Any

import numpy as np

from modelwright.checks import questions, suspects
from modelwright.checks.evidence import DataEvidence
from modelwright.checks.findings import listing
from modelwright.checks.strengths import Strengths, strengths
from modelwright.checks.suspects import Suspect
from modelwright.core.nouns import Finding, Level, Severity
from modelwright.stats import association, resampled

_SOURCE = (
    "errors out of fold (3 folds) of a small boosted forest; interval: percentile bootstrap over rows (Efron 1979); "
    "the permuted target as control (Ojala and Garriga 2010)"
)

#: error of missingness alone from which that rule names the column
BY_MISSINGNESS = 0.15


def accused(evidence: DataEvidence) -> tuple[Strengths | None, list[Suspect]]:
    """Measured once per table: all rules on single columns read the same list."""
    found, dataset = strengths(evidence), evidence.dataset
    if found is None or dataset is None:
        return None, []
    if "suspects" not in found.notes:
        target = dataset.schema.target or ""
        condemned = suspects.find(found, target)
        found.notes["suspects"] = condemned + questions.find(found, target, condemned)
    return found, found.notes["suspects"]


def giving_away(evidence: DataEvidence) -> frozenset[str]:
    """Columns condemned by their values or by being filled: other rules measure without them."""
    found, listed = accused(evidence)
    if found is None:
        return frozenset()
    filled = {name for name, error in found.missing.items() if error <= BY_MISSINGNESS}
    return frozenset({one.column for one in listed if one.high} | filled)


def surviving(found: Strengths, columns: tuple[str, ...]) -> dict[str, Any]:
    """The score without these columns, with its bootstrap interval, as JSON; higher is better."""
    key = "surviving\0" + "\0".join(sorted(columns))
    if key not in found.notes:
        predicted = found.predicted_without(*columns)
        worst, best = sorted(resampled.error_interval(found.y, predicted, found.n_classes), reverse=True)
        found.notes[key] = _measured(found, found.without(*columns)) | {
            "low": found.value(worst),
            "high": found.value(best),
            "level": 0.95,
            "n": int(found.y.size),
        }
    kept: dict[str, Any] = found.notes[key]
    return kept


def said(score: dict[str, Any]) -> str:
    """`AUC 0.801 (0.790 to 0.812)`."""
    return f"{score['metric']} {score['value']:.3f} ({score['low']:.3f} to {score['high']:.3f})"


def counter_proof(found: Strengths, column: str, columns: tuple[str, ...]) -> dict[str, Any]:
    """`dropped`: the score without the suspects; `shuffled_target`: the column against a shuffled target."""
    shuffled = np.random.default_rng(1).permutation(found.y)
    single = association.single(found.codes[column], shuffled, found.n_classes, found.fold)
    chance = min(association.error(shuffled, single, found.n_classes), 2.0)
    return {
        "dropped": surviving(found, columns),
        "shuffled_target": _measured(found, chance),
        "later_rows": _measured(found, _later(found, column)),
    }


def _later(found: Strengths, column: str) -> float:
    """The column's error on the last 30 % of rows in file order, learned on the rows before them."""
    late = (np.arange(found.y.size) >= 0.7 * found.y.size).astype(np.int64)
    if found.n_classes and np.unique(found.y[late == 1]).size < 2:
        return 1.0
    single = association.single(found.codes[column], found.y, found.n_classes, late)
    y = found.y[late == 1]
    return min(association.error(y, single[late == 1], found.n_classes), 1.0)


def _measured(found: Strengths, error: float) -> dict[str, Any]:
    return {"metric": found.metric, "value": found.value(error), "error": error}


def finding(found: Strengths, one: Suspect, code: str) -> Finding:
    left = surviving(found, one.group)
    others = tuple(name for name in one.group if name != one.column)
    beside = f" (and without {listing(others)}, which look alike)" if others else ""
    severity = Severity.CRITICAL if one.blocking else Severity.HIGH if one.high else Severity.MEDIUM
    return Finding(
        code=code,
        severity=severity,
        blocking=one.blocking,
        confidence=Level.HIGH if one.blocking else Level.MEDIUM if one.high else Level.LOW,
        subject=f"column:{one.column}",
        message=_message(found, one, said(left), beside),
        observed={"alone": one.alone, "all": found.full, "all_others": one.without},
        threshold={"jump": suspects.JUMP, "gap_with_a_telling_name": suspects.GAP_HINTED},
        evidence={
            "scale": "errors: 0 perfect, 1 no better than knowing nothing",
            "score_with": found.score(found.full),
            "score_without": left,
            "dropped_together": list(one.group),
            "second_best": _second(found, one),
            "reasons": list(one.reasons),
            "name_hint": bool(one.hint),
            "unsure_share": None if one.view is None or not found.n_classes else one.view.grey,
            "counter_proof": counter_proof(found, one.column, one.group),
        },
        advice=f"list '{one.column}' under features.ignore unless it is truly known before the prediction; expect "
        f"about {said(left)} without it{beside}",
        source=_SOURCE,
    )


def _message(found: Strengths, one: Suspect, left: str, beside: str) -> str:
    reasons = "; ".join(one.reasons)
    if one.kind == "copy":
        start = f"'{one.column}' alone gives the target away ({found.score(one.alone)} on rows it was not fitted on)"
        return f"{start}: {reasons}. All other columns{beside} reach {left}. It is probably made from the target."
    if not one.high:
        return (
            f"Is '{one.column}' known when the prediction is made? There is reason to ask: {reasons}. A quick model "
            f"reaches {found.score(found.full)} with it and {left} without it{beside}."
        )
    return (
        f"'{one.column}' was probably written during or after the event: {reasons}. A quick model reaches "
        f"{found.score(found.full)} with it and {left} without it{beside}."
    )


def _second(found: Strengths, one: Suspect) -> dict[str, Any] | None:
    """The best column outside the group: how far the suspect jumps over it."""
    for name in found.names:
        if name not in one.group:
            return {"column": name, **_measured(found, found.alone[name])}
    return None

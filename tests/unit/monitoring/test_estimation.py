"""Estimates without labels are near the truth under covariate shift, and an audit sees what they cannot."""

from __future__ import annotations

import numpy as np
import pytest

from modelwright.monitoring.audit import concept_drift, draw, judge_audit
from modelwright.monitoring.estimation import LIMIT, METRICS, Reference, estimate, estimate_error


def _known(rng: np.random.Generator, n: int = 4_000) -> Reference:
    true = rng.beta(1, 2, n)
    squeezed = 1 / (1 + np.exp(-2 * np.log(true / (1 - true))))  # overconfident scores
    return Reference(y=(rng.random(n) < true).astype(int), scores=squeezed)


@pytest.mark.parametrize("metric", METRICS)
def test_overconfident_scores_are_calibrated_first(metric: str) -> None:
    from sklearn.metrics import f1_score, log_loss, roc_auc_score

    rng = np.random.default_rng(4)
    known = _known(rng)
    true = rng.beta(2, 2, 3_000)
    s = 1 / (1 + np.exp(-2 * np.log(true / (1 - true))))
    y = (rng.random(3_000) < true).astype(int)
    actual = {
        "accuracy": float(((s >= 0.5) == y).mean()), "f1": f1_score(y, s >= 0.5),
        "log_loss": log_loss(y, s), "roc_auc": roc_auc_score(y, s),
    }[metric]  # fmt: skip
    found = estimate(known, s, metric)
    assert found.value == pytest.approx(actual, abs=0.05 if metric == "log_loss" else 0.03)
    assert found.low < found.value < found.high
    assert found.limit == LIMIT
    assert "covariate shift only" in found.limit


def test_missing_scores_are_left_out() -> None:
    rng = np.random.default_rng(5)
    s = rng.random(500)
    s[::5] = np.nan
    assert estimate(_known(rng), s).rows == 400


def test_errors_of_numbers_follow_the_rows() -> None:
    rng = np.random.default_rng(6)
    X, later = rng.normal(size=(2_000, 2)), rng.normal([1.0, 0.0], 1.0, size=(1_000, 2))
    errors = np.abs(rng.normal(size=2_000) * (0.5 + np.abs(X[:, 0])))
    actual = float(np.abs(rng.normal(size=1_000) * (0.5 + np.abs(later[:, 0]))).mean())
    found = estimate_error(errors, X, later)
    assert found.value == pytest.approx(actual, rel=0.15)
    assert abs(found.value - actual) < abs(float(errors.mean()) - actual)


def test_an_audit_sees_eight_points_and_names_concept_drift() -> None:
    rng, caught, wrongly = np.random.default_rng(7), 0, 0
    for _ in range(30):
        base = (rng.random(2_000) < 0.12).astype(float)
        caught += judge_audit(base, [(rng.random(150) < 0.2).astype(float) for _ in range(4)]).alarm
        wrongly += judge_audit(base, [(rng.random(150) < 0.12).astype(float) for _ in range(4)]).alarm
    assert caught >= 25
    assert wrongly <= 1
    audited = judge_audit((240, 2_000), [(np.arange(600) < 150).astype(float)])
    assert concept_drift(audited, 0.12, 0.10, 0.14) == "concept_drift"
    assert concept_drift(audited, 0.24, 0.21, 0.27) == "covariate_shift"
    quiet = judge_audit((240, 2_000), [(np.arange(600) < 72).astype(float)])
    assert concept_drift(quiet, 0.12, 0.10, 0.14) == "agree"


def test_a_sample_is_uniform_and_knows_its_probability() -> None:
    rows, probability = draw(1_000, 150, seed=1)
    assert rows.size == np.unique(rows).size == 150
    assert probability == pytest.approx(0.15)
    assert draw(3, 150, seed=1)[1] == 1.0
    assert draw(0, 150, seed=1)[0].size == 0

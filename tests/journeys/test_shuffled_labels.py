"""Whole runs on targets that no column knows anything of: none is ever approved, whatever the metric."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from modelwright.core.nouns import Decision
from modelwright.lifecycle.operation import Context
from modelwright.lifecycle.pipeline import Order, execute
from modelwright.spec.load import load_spec_text

pytestmark = pytest.mark.soak

SPEC = """\
data: {{source: table.csv}}
features: {{target: y}}
model: {{type: [{family}]}}
evaluation: {{metric: {metric}, cv: {{folds: 3}}}}
training: {{budget_s: 600, workers: 1, proof_share: 0.0, seed: {seed}}}
"""
LABELLED = ["f1_macro", "f1", "f1_weighted", "balanced_accuracy", "accuracy", "recall", "precision", "mcc"]
RANKED = ["roc_auc", "average_precision", "log_loss", "brier"]
TARGETS = {
    "ten equal": ("logistic", [*LABELLED, "roc_auc", "log_loss"]),
    "two, one rare": ("logistic", [*LABELLED, *RANKED]),
    "skewed": ("ridge", ["mae", "median_absolute_error", "mape", "rmse", "rmsle", "r2"]),
}


def target(kind: str, rng: np.random.Generator, n: int) -> list[str]:
    if kind == "skewed":
        return [f"{one:.6g}" for one in np.exp(1.5 * rng.normal(size=n))]
    if kind == "ten equal":
        return [f"c{one}" for one in rng.permutation(np.arange(n) % 10)]
    return ["yes" if one else "no" for one in rng.permutation(np.arange(n) % 8 == 0)]


@pytest.mark.parametrize(("kind", "metric"), [(kind, one) for kind, (_, names) in TARGETS.items() for one in names])
def test_luck_is_never_approved(kind: str, metric: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    n = 1200
    columns = {f"x{at}": rng.normal(size=n) for at in range(5)}
    pl.DataFrame({**columns, "y": target(kind, rng, n)}).write_csv(tmp_path / "table.csv")
    text = SPEC.format(family=TARGETS[kind][0], metric=metric, seed=1)
    spec = load_spec_text(text, "pipeline.yaml").spec
    order = Order(spec=spec, text=text, base_dir=tmp_path, name="luck", commit="none")
    record = execute(order, Context(workspace=tmp_path / "workspace"))
    assert record.verdict is not None
    assert record.verdict.decision is not Decision.APPROVE
    assert record.leaderboard[0].status == "done"

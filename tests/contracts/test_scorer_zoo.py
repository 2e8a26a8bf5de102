"""Families, encodings and missing values together: no scorer that is chosen ever differs from the training path."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from modelwright.core.nouns import Task
from modelwright.registry import adversarial, gate, parity
from modelwright.registry.graph import build_graph
from modelwright.registry.model import from_files, to_files
from modelwright.registry.scorers import CompiledScorer, OnnxScorer, ReferenceScorer, Scorer
from tests.unit.registry import bundle_parts as parts

CLASSIFIERS = ["dummy", "rule", "logistic", "knn", "naive_bayes", "svm", "decision_tree", "random_forest",
               "extra_trees", "hist_gb", "lightgbm", "xgboost", "mlp"]  # fmt: skip
REGRESSORS = ["linear", "ridge", "lasso", "elastic_net", "lightgbm", "random_forest", "xgboost"]


def with_gaps(table: parts.Table, share: float) -> parts.Table:
    """The same table with values of every column gone at random."""
    rng = np.random.default_rng(11)
    frame = table.frame.with_columns(
        pl.when(pl.Series(rng.random(table.frame.height) >= share)).then(pl.col(name)).alias(name)
        for name in table.frame.columns
    )
    return parts.Table(frame=frame, types=table.types, task=table.task, y=table.y, classes=table.classes)


@pytest.mark.parametrize(
    ("family", "task", "gaps"),
    [
        *((family, Task.BINARY, 0.1) for family in CLASSIFIERS),
        *((family, Task.REGRESSION, 0.0) for family in REGRESSORS),
        *((family, Task.MULTICLASS, 0.0) for family in ("lightgbm", "logistic", "random_forest")),
    ],
)
def test_every_chosen_scorer_agrees_on_rows_the_gate_has_not_seen(family: str, task: Task, gaps: float) -> None:
    table = parts.mixed(task)
    if gaps:
        table = with_gaps(table, gaps)
    made = parts.model(table, [family], decision_threshold=0.45 if task is Task.BINARY else None)
    passed = gate.pass_gate(made, table.frame.tail(150))
    print(family, task, [(r.name, r.passed, r.us_per_row, r.size_bytes, r.reason) for r in passed.records])
    model = from_files(to_files(made))
    fresh = adversarial.rows_by_kind(table.frame.head(300), model.signature, seed=99)
    truth = {kind: made.predict(frame) for kind, frame in fresh.items()}
    scorers: dict[str, Scorer] = {"reference": ReferenceScorer(model)}
    for record in passed.records:
        if record.passed and record.name == "compiled":
            scorers["compiled"] = CompiledScorer(model)
        if record.passed and record.name == "onnx":
            scorers["onnx"] = OnnxScorer(*build_graph(model), model.signature)
        assert record.passed or record.reason
    for name, scorer in scorers.items():
        evidence = parity.judge(scorer, fresh, truth, made.decision_threshold, singles=20)
        assert evidence.passed, f"{name}: {evidence.reason}"

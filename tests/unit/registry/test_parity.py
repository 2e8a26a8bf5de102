"""The gate lets right scorers through and catches each fault that real converters were measured to have."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from modelwright.core.errors import ModelError
from modelwright.core.nouns import ColumnType, Task
from modelwright.core.tables import Predictions
from modelwright.registry import adversarial, parity
from modelwright.registry.graph import OnnxBuilder, build_graph
from modelwright.registry.manifest import ScorerEvidence
from modelwright.registry.model import Model
from modelwright.registry.scorers import CompiledScorer, OnnxScorer, ReferenceScorer, Scorer
from tests.unit.registry import bundle_parts as parts

_TEXT = (ColumnType.CATEGORY, ColumnType.TEXT)


class Faulty(OnnxBuilder):
    """Builds the graph right but for one fault in how a column is taken in."""

    def __init__(self, fault: str) -> None:
        super().__init__()
        self.fault = fault
        self._spoilt: dict[str, str] = {}

    def column(self, name: str, kind: ColumnType) -> str:
        if name not in self._spoilt:
            self._spoilt[name] = self._spoil(super().column(name, kind), kind)
        return self._spoilt[name]

    def _spoil(self, x: str, kind: ColumnType) -> str:
        if kind in _TEXT:
            tables = {"null kind": {"": "red"}, "unseen": {"never seen before": "red"}, "": {}}
            table = tables.get(self.fault, {})
            if not table:
                return x
            known = ["red", "green", "blue, dark", "\u00fcber", "a", "b", "", *table]
            keys = list(dict.fromkeys(known))
            return self.op("LabelEncoder", x, domain="ai.onnx.ml", keys_strings=keys,
                           values_strings=[table.get(key, key) for key in keys], default_string="red")  # fmt: skip
        if kind is not ColumnType.NUMBER:
            return x
        if self.fault == "single precision":
            return self.op("Cast", self.op("Cast", x, to=1), to=11)
        if self.fault == "null number":
            return self.op("Where", self.op("IsNaN", x), self.constant(np.array(0.0)), x)
        if self.fault == "nudged threshold":
            return self.op("Mul", x, self.constant(np.array(1 + 1e-13)))
        return x


def tried(made: Model, scorer: Scorer, table: parts.Table) -> ScorerEvidence:
    kinds = adversarial.rows_by_kind(table.frame.tail(200), made.signature)
    kinds["threshold"] = adversarial.threshold_rows(table.frame.tail(200), made.signature, made.predict)
    truth = {kind: made.predict(frame) for kind, frame in kinds.items()}
    return parity.judge(scorer, kinds, truth, made.decision_threshold)


def onnx(made: Model, fault: str = "") -> OnnxScorer:
    return OnnxScorer(*build_graph(made, Faulty(fault)), made.signature)


@pytest.mark.parametrize("task", [Task.BINARY, Task.MULTICLASS, Task.REGRESSION])
def test_right_scorers_pass(task: Task) -> None:
    table = parts.mixed(task)
    made = parts.model(table, ["lightgbm"])
    for scorer in (onnx(made), CompiledScorer(made), ReferenceScorer(made)):
        evidence = tried(made, scorer, table)
        assert evidence.passed, evidence.reason
        assert evidence.worst_difference is not None
        assert evidence.worst_difference < 1e-9
        assert set(evidence.rows_by_kind) >= {"validation", "random", "null", "unseen", "extreme", "huge", "threshold"}


@pytest.mark.parametrize("task", [Task.BINARY, Task.MULTICLASS, Task.REGRESSION])
def test_trees_walked_together_score_as_those_taken_in_turn(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    table = parts.mixed(task)
    families = ["lightgbm", "ridge" if task is Task.REGRESSION else "logistic", "extra_trees", "xgboost"]
    made = parts.model(table, families)
    in_turn = CompiledScorer(made)
    monkeypatch.setattr("modelwright.registry.scorers._CACHED", 0)
    together = CompiledScorer(made)
    for row in table.frame.tail(60).to_dicts():
        np.testing.assert_array_equal(together.scores(row), in_turn.scores(row))
    assert tried(made, together, table).passed


FAULTS = ["single precision", "null number", "null kind", "unseen", "nudged threshold"]


# scikit-learn's forests read single precision themselves: there the first fault is none
@pytest.mark.parametrize(
    ("family", "fault"),
    [*(("lightgbm", fault) for fault in FAULTS), *(("random_forest", fault) for fault in FAULTS[1:])],
)
def test_each_measured_fault_is_caught(family: str, fault: str) -> None:
    table = parts.mixed()
    made = parts.model(table, [family], decision_threshold=0.4)
    evidence = tried(made, onnx(made, fault), table)
    assert not evidence.passed
    assert "differs from the training path" in evidence.reason


def test_validation_rows_alone_would_not_have_caught_a_nudged_threshold() -> None:
    table = parts.mixed()
    made = parts.model(table, ["lightgbm"])
    clean = {"validation": table.frame.tail(200)}
    truth = {"validation": made.predict(clean["validation"])}
    assert parity.judge(onnx(made, "nudged threshold"), clean, truth, None).passed


def test_a_linear_model_passes_in_double_and_not_in_single_precision() -> None:
    table = parts.mixed()
    made = parts.model(table, ["logistic"])
    assert tried(made, onnx(made), table).passed
    assert not tried(made, onnx(made, "single precision"), table).passed


def test_a_scorer_that_crashes_is_refused_with_its_reason() -> None:
    table = parts.mixed()
    made = parts.model(table, ["lightgbm"])

    class Crashing(ReferenceScorer):
        name = "crashing"

        def row(self, values: Any) -> Predictions:
            if values["kind"] is None:
                raise KeyError("no such kind")
            return super().row(values)

    evidence = parity.judge(
        Crashing(made), {"null": table.frame.head(60)}, {"null": made.predict(table.frame.head(60))}, None
    )
    assert not evidence.passed
    assert "no such kind" in evidence.reason


def test_threshold_rows_stand_on_both_sides_of_real_splits() -> None:
    table = parts.mixed()
    made = parts.model(table, ["decision_tree"])
    rows = adversarial.threshold_rows(table.frame, made.signature, made.predict)
    p = made.predict(rows).probabilities
    assert p is not None
    n = rows.height // 12
    low, high = p[:n, 1], p[n : 2 * n, 1]
    assert (low != high).mean() > 0.5


def test_ties_at_the_threshold_are_not_flips_but_anything_further_is() -> None:
    expected = Predictions(probabilities=np.array([[0.6, 0.4], [0.59, 0.41]]), labels=np.array([1, 1]))
    found = Predictions(probabilities=np.array([[0.6 + 1e-16, 0.4 - 1e-16], [0.59, 0.41]]), labels=np.array([0, 0]))
    _, wrong, tied = parity.compare(found, expected, 0.4)
    assert wrong.tolist() == [True, True]
    assert tied.tolist() == [True, False]


def test_large_values_are_compared_relatively_and_nan_only_with_nan() -> None:
    expected = Predictions(values=np.array([1e9, np.nan, 1.0, np.inf]))
    difference, _, _ = parity.compare(Predictions(values=np.array([1e9 + 100, 1.0, np.nan, np.inf])), expected, None)
    assert difference[0] == pytest.approx(1e-7)
    assert np.isinf(difference[1:3]).all()
    assert difference[3] == 0


def test_the_choice_is_stable_and_can_be_replayed() -> None:
    assert parity.choose({"compiled": 14.0, "onnx": 10.0, "reference": 900.0}) == "compiled"
    assert parity.choose({"compiled": 40.0, "onnx": 10.0, "reference": 900.0}) == "onnx"
    assert parity.choose({"onnx": 800.0, "reference": 700.0}) == "onnx"
    assert parity.choose({"reference": 700.0}) == "reference"
    assert parity.choose({"compiled": 40.0, "onnx": 10.0}, "compiled") == "compiled"
    with pytest.raises(ModelError) as caught:
        parity.choose({"reference": 1.0}, "onnx")
    assert caught.value.code == "scorer.refused"


def test_adversarial_rows_are_the_same_each_time_and_hold_no_row_of_the_data() -> None:
    table = parts.mixed()
    one = adversarial.rows_by_kind(table.frame, table.signature)
    two = adversarial.rows_by_kind(table.frame, table.signature)
    for kind, frame in one.items():
        assert frame.equals(two[kind])
    joined = one["random"].join(table.frame, on=table.frame.columns, nulls_equal=True)
    assert joined.height == 0
    assert isinstance(one["null"], pl.DataFrame)

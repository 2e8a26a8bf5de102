"""Scores on shared folds, and the choice among near ties."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from modelwright.core.digests import child_seed
from modelwright.core.nouns import Task
from modelwright.evaluation.catalog import resolve
from modelwright.training import finishing
from modelwright.training.scoring import Judge, Standing, as_predictions, rank

sys.path.insert(0, str(Path(__file__).parent))
import _tables

RNG = np.random.default_rng(0)
Y = (RNG.random(200) < 0.2).astype(np.int64)
FOLDS = [(np.arange(100, 200), np.arange(100)), (np.arange(100), np.arange(100, 200))]


def judge(
    metric: str = "roc_auc", task: Task = Task.BINARY, y: np.ndarray = Y, threshold: float | None = None
) -> Judge:
    name, found = resolve(metric, task)
    return Judge(
        task=task, classes=("no", "yes"), y=y, folds=FOLDS, metric_name=name, metric=found, decision_threshold=threshold
    )


def probabilities(strength: float) -> list[np.ndarray]:
    p = np.clip(0.1 + strength * Y + RNG.normal(0, 0.05, 200), 0.01, 0.99)
    both = np.column_stack([1 - p, p])
    return [both[:100], both[100:]]


def test_label_metrics_are_judged_at_thresholds_of_other_folds() -> None:
    raw = probabilities(0.25)  # all below one half: at 0.5 nobody would be found
    assert min(judge("f1").fold_scores(raw)) > 0.8
    assert max(judge("f1", threshold=0.5).fold_scores(raw)) == 0.0


def test_out_of_fold_averages_repeats() -> None:
    repeated = judge()
    twice = Judge(
        task=repeated.task,
        classes=repeated.classes,
        y=Y,
        folds=[*FOLDS, *FOLDS],
        metric_name="roc_auc",
        metric=repeated.metric,
    )
    raw = probabilities(0.5)
    rows, pooled = twice.out_of_fold([*raw, *[1 - part for part in raw]])
    assert rows.tolist() == list(range(200))
    np.testing.assert_allclose(pooled, 0.5)


def test_ties_within_noise_go_to_the_simpler() -> None:
    simple = Standing(name="logistic", complexity=1, scores=(0.80, 0.84, 0.82))
    complicated = Standing(name="forest", complexity=9, scores=(0.81, 0.83, 0.83))
    assert [one.name for one in rank([complicated, simple], judge())] == ["logistic", "forest"]


def test_a_clear_winner_wins_though_complicated_and_errors_count_down() -> None:
    simple = Standing(name="ridge", complexity=1, scores=(10.0, 12.0, 11.0))
    strong = Standing(name="boost", complexity=9, scores=(7.0, 9.1, 8.0))
    task = judge("rmse", Task.REGRESSION, RNG.normal(size=200))
    assert [one.name for one in rank([simple, strong], task)] == ["boost", "ridge"]


def test_predictions_by_task() -> None:
    raw = np.array([[0.7, 0.3], [0.4, 0.6]])
    assert as_predictions(Task.BINARY, ("a", "b"), raw, 0.2).labels.tolist() == [1, 1]
    assert as_predictions(Task.MULTICLASS, ("a", "b"), raw).labels.tolist() == [0, 1]
    assert as_predictions(Task.REGRESSION, (), raw[:, 0]).values.tolist() == [0.7, 0.4]


def test_no_row_has_a_say_in_the_threshold_it_is_judged_by() -> None:
    raw = probabilities(0.08)
    for folds, parts in (
        (FOLDS, raw),  # two folds
        ([*FOLDS, *FOLDS], [*raw, *raw]),  # repeated: each row is judged twice
        (FOLDS[:1], raw[:1]),  # a holdout
    ):
        before = replace(judge("f1"), folds=folds).thresholds(parts)
        changed = 0
        for row in range(0, 100, 7):
            flipped = Y.copy()
            flipped[row] = 1 - flipped[row]
            after = replace(judge("f1", y=flipped), folds=folds).thresholds(parts)
            for (_, rows), own, others in zip(folds, before, after, strict=True):
                assert (own == others)[rows == row].all()
                changed += int((own != others).any())
        assert changed


def test_labels_out_of_fold_are_those_of_cross_fitted_thresholds(tmp_path: Path) -> None:
    raw = probabilities(0.25)
    both = judge("f1")
    asked = _tables.request(tmp_path, metric="f1", folds=FOLDS, y=Y)
    found = finishing.finish(asked, both, raw, calibrate=False)
    seed = child_seed(asked.seed, "calibration")
    assert found.oof.labels is not None
    expected = np.concatenate(raw)[:, 1] >= np.concatenate(both.thresholds(raw, seed))
    np.testing.assert_array_equal(found.oof.labels, expected)

"""Training end to end on a small table: the promises on order, determinism, resumption, replay and time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from modelwright.core.errors import SpecError
from modelwright.core.nouns import Task
from modelwright.spec.model import EvaluationSpec, ModelSpec, TuningSpec
from modelwright.training.engine import train
from modelwright.training.request import Trained

sys.path.insert(0, str(Path(__file__).parent))
import _tables

SCRIPT = Path(_tables.__file__)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("undisturbed")


@pytest.fixture(scope="module")
def undisturbed(cache: Path) -> Trained:
    return train(_tables.request(cache))


def test_baselines_first_then_candidates_on_all_folds(undisturbed: Trained) -> None:
    assert undisturbed.plan[0] == "dummy/fold-0"
    assert undisturbed.plan.index("logistic/fold-0") < undisturbed.plan.index("decision_tree/fold-0")
    assert set(undisturbed.baselines) == {"dummy", "logistic"}
    rows = {row.name: row for row in undisturbed.leaderboard}
    assert {row.status for row in rows.values()} == {"done"}
    assert rows["dummy"].score == pytest.approx(0.5)
    assert sum(row.chosen for row in rows.values()) == 1
    assert undisturbed.chosen_family in ("decision_tree", "naive_bayes")
    assert not undisturbed.interrupted


def test_out_of_fold_predictions_cover_the_judged_rows(undisturbed: Trained) -> None:
    assert undisturbed.oof_rows.tolist() == list(range(_tables.N))
    assert undisturbed.oof.probabilities is not None
    assert undisturbed.oof.probabilities.shape == (_tables.N, 2)
    answers = undisturbed.model.predict(_tables.request(Path()).frame)
    assert answers.probabilities is not None
    np.testing.assert_allclose(answers.probabilities.sum(axis=1), 1.0)


def test_the_target_is_no_input(undisturbed: Trained) -> None:
    assert {field.name for field in undisturbed.model.signature.inputs} == {"a", "b", "kind"}
    assert undisturbed.model.signature.classes == ("no", "yes")


def test_a_killed_training_resumes_and_ends_as_an_undisturbed_one(undisturbed: Trained, tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, str(SCRIPT), str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    workers: list[psutil.Process] = []
    for line in process.stdout:
        if line.startswith("logistic/refit"):
            workers = psutil.Process(process.pid).children(recursive=True)
            os.kill(process.pid, signal.SIGKILL)
            break
    process.stdout.close()
    process.wait()
    _, alive = psutil.wait_procs(workers, timeout=20)
    assert workers
    assert not [one for one in alive if one.status() != psutil.STATUS_ZOMBIE]
    before = {folder.name: folder.stat().st_mtime_ns for folder in (tmp_path / "units").iterdir()}
    resumed = train(_tables.request(tmp_path))
    assert _tables.fingerprint(resumed) == _tables.fingerprint(undisturbed)
    kept = {name: (tmp_path / "units" / name).stat().st_mtime_ns for name in before if not name.startswith(".")}
    assert kept == {name: at for name, at in before.items() if not name.startswith(".")}


def test_a_replayed_plan_runs_exactly_its_units(undisturbed: Trained, cache: Path) -> None:
    again = train(_tables.request(cache, replay=undisturbed.plan, budget_s=0.001))
    assert _tables.fingerprint(again) == _tables.fingerprint(undisturbed)
    shorter = tuple(name for name in undisturbed.plan if not name.startswith(undisturbed.chosen_family))
    other = train(_tables.request(cache, replay=shorter))
    assert other.plan == shorter
    assert other.chosen_family != undisturbed.chosen_family


def test_a_tiny_budget_still_gives_a_model_in_time(tmp_path: Path) -> None:
    found = train(_tables.request(tmp_path, budget_s=1.0))  # how long it takes is for the benchmark of budgets
    assert found.model.predict(_tables.request(Path()).frame).n_rows == _tables.N
    assert found.plan[0] == "dummy/fold-0"


def test_an_endless_fit_ends_with_the_budget(tmp_path: Path) -> None:
    endless = ModelSpec(type="lightgbm", params={"n_estimators": 100_000, "learning_rate": 0.0001, "num_leaves": 255})
    started = time.monotonic()
    found = train(_tables.request(tmp_path, model=endless, budget_s=3.0))
    assert time.monotonic() - started < 60  # the fit alone would take most of an hour
    assert found.chosen_family in ("dummy", "logistic")
    assert any("could be finished" in note for note in found.notes)


def test_ctrl_c_keeps_the_best_finished_model(tmp_path: Path) -> None:
    def interrupt(event: object) -> None:
        if getattr(event, "done", 0) >= 4:
            signal.raise_signal(signal.SIGINT)

    assert threading.current_thread() is threading.main_thread()
    found = train(_tables.request(tmp_path, progress=interrupt))
    assert found.interrupted
    assert "interrupted" in found.notes
    assert found.model.predict(_tables.request(Path()).frame).n_rows == _tables.N


def test_too_little_memory_fails_units_and_not_the_training(tmp_path: Path) -> None:
    found = train(_tables.request(tmp_path, memory_bytes=2 << 20))
    assert found.chosen_family == "dummy"
    failed = [row for row in found.leaderboard if row.status == "failed"]
    assert failed
    assert all("memory" in row.note for row in failed)


def test_tuning_is_documented_and_repeats_itself(cache: Path, tmp_path: Path) -> None:
    asked = _tables.request(
        cache,
        model=ModelSpec(type="decision_tree"),
        tuning=TuningSpec(method="random", trials=6, space={"max_depth": [2, 6]}),
    )
    found = train(asked)
    assert [one["number"] for one in found.trials] == list(range(6))
    assert {one["state"] for one in found.trials} <= {"done", "pruned"}
    assert all(2 <= one["params"]["max_depth"] <= 6 for one in found.trials)
    assert _tables.fingerprint(train(replace(asked, workers=1))) == _tables.fingerprint(found)


def test_a_tuned_range_of_an_unknown_parameter_is_refused(cache: Path) -> None:
    with pytest.raises(SpecError, match="not a parameter") as caught:
        train(
            _tables.request(cache, model=ModelSpec(type="decision_tree"), tuning=TuningSpec(space={"max_dept": [1, 2]}))
        )
    assert "max_depth" in caught.value.hint


def test_thresholds_follow_the_metric_or_the_file(cache: Path) -> None:
    tuned = train(_tables.request(cache, metric="f1", model=ModelSpec(type="logistic")))
    assert tuned.model.decision_threshold is not None
    assert any("threshold" in note for note in tuned.notes)
    fixed = EvaluationSpec(decision_threshold=0.3)
    assert (
        train(_tables.request(cache, evaluation=fixed, model=ModelSpec(type="logistic"))).model.decision_threshold
        == 0.3
    )


def test_regression_prefers_what_is_better(tmp_path: Path) -> None:
    found = train(_tables.request(tmp_path, task=Task.REGRESSION, model=ModelSpec(type="lightgbm"), workers=1))
    rows = {row.name: row for row in found.leaderboard}
    assert rows["lightgbm"].score < rows["dummy"].score
    assert found.model.calibrator is None
    assert set(found.baselines) == {"dummy", "ridge"}

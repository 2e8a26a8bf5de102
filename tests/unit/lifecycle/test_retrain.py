"""Retraining for real, in seconds: promoted, held, poisoned, cut off at every stage, two at once."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from modelwright.core.errors import AdapterError, StateError
from modelwright.core.nouns import Estimate, Event
from modelwright.core.report import Comparison
from modelwright.lifecycle.declared import declared
from modelwright.lifecycle.operation import Context
from modelwright.lifecycle.pipeline import Order, execute
from modelwright.lifecycle.retraining.comparing import judge
from modelwright.lifecycle.retraining.fencing import FencedJournal
from modelwright.lifecycle.retraining.running import leases, retrain
from modelwright.lifecycle.workspace import Workspace
from modelwright.monitoring import policy
from modelwright.registry import versions
from modelwright.spec.load import load_spec
from modelwright.spec.monitoring import RetrainingSpec

PIPELINE = """\
data: {source: t.csv}
features: {target: y}
model: {type: logistic, name: churn}
evaluation: {metric: roc_auc}
training: {budget_s: 60, proof_share: 0.0, workers: 1}
retraining: {cool_down: 0s, max_per_day: 1000%s}
"""
#: where something is done and not noted yet
INNER = {
    "trained": ("run.written", "run.registered", "retrain.trained.run"),
    "promoted": ("retrain.promoted.moved",),
}
STAGES = ["started", *policy.STAGES, "finished"]


def table(n: int, seed: int, *, turned: bool = False, noise: float = 1.0, flipped: float = 0.0) -> pl.DataFrame:
    """Two measured columns; `turned` is a world in which one of them means the opposite."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, n))
    y = (a * (-1 if turned else 1) + b + noise * rng.normal(size=n) > 0) ^ (rng.random(n) < flipped)
    return pl.DataFrame({"a": a.round(4), "b": b.round(4), "y": np.where(y, "yes", "no")})


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a pipeline and its first version; copied for each test."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "pipeline.yaml").write_text(PIPELINE % "")
    table(700, 1).write_csv(folder / "t.csv")
    loaded = load_spec(folder / "pipeline.yaml")
    context = Context(workspace=folder / "ws")
    record = execute(Order(spec=loaded.spec, text=loaded.text, base_dir=folder, name="churn"), context)
    journal = Workspace(folder / "ws").journal()
    assert record.version == 1
    versions.promote(journal, "churn", 1, force=True)
    return folder


@pytest.fixture
def home(trained: Path, tmp_path: Path) -> Path:
    shutil.copytree(trained, tmp_path / "home")
    return tmp_path / "home"


def go(home: Path, *more: pl.DataFrame, said: str = "", trigger: str = "test") -> policy.Job:
    if more:
        pl.concat([pl.read_csv(home / "t.csv"), *more]).write_csv(home / "t.csv")
    (home / "pipeline.yaml").write_text(PIPELINE % said)
    workspace = Workspace(home / "ws")
    known = declared(workspace, "churn", str(home / "pipeline.yaml"))
    return retrain(known, Context(workspace=home / "ws", actor="watch"), trigger)


def events(home: Path) -> list[Event]:
    return list(Workspace(home / "ws").journal().read())


def champion(home: Path) -> int:
    return versions.aliases(Workspace(home / "ws").journal(), "churn")["champion"]


def promotions(home: Path) -> list[int]:
    return [e.payload["version"] for e in events(home) if e.kind == "alias.set" and e.payload["alias"] == "champion"]


def test_a_better_challenger_is_promoted_and_never_saw_the_frozen_rows(home: Path) -> None:
    job = go(home, table(2_500, 2, turned=True), said=", frozen_loss: 1.0, noise_jump: 1.0")
    assert (job.outcome, champion(home)) == ("promoted", 2), job.reason
    assert "better on recent rows" in job.reason
    frozen = pl.read_parquet(home / "ws" / "retraining" / "churn" / "holdout.parquet")
    train = pl.read_parquet(home / "ws" / "retraining" / "churn" / job.id / "train.parquet")
    assert frozen.height == job.stages["gathered"]["frozen"] > 50
    assert train.join(frozen, on=["a", "b", "y"], how="semi").height == 0
    recent = pl.read_parquet(home / "ws" / "retraining" / "churn" / job.id / "recent.parquet")
    assert train.join(recent, on=["a", "b", "y"], how="semi").height == 0
    again = go(home)  # the second one starts from the source again, not from the first one's tables
    assert (again.outcome, again.stages["gathered"]["frozen"]) == ("nothing_new", frozen.height)


@pytest.mark.soak
def test_one_that_is_worse_on_the_frozen_rows_is_held(home: Path) -> None:
    job = go(home, table(2_500, 4, turned=True), said=", noise_jump: 1.0")
    assert (job.outcome, champion(home)) == ("held", 1)
    assert "worse on the frozen rows" in job.reason


def test_poisoned_labels_are_held_before_anything_is_learned(home: Path) -> None:
    job = go(home, table(1_500, 5, noise=0.3, flipped=0.25))
    assert (job.outcome, champion(home)) == ("held", 1)
    assert "trained" not in job.stages
    assert "poisoned" in job.reason


def test_what_needs_rework_is_never_promoted(home: Path) -> None:
    """A challenger whose target has become a column: the run's own review says NEEDS REWORK."""
    both = pl.concat([pl.read_csv(home / "t.csv"), table(1_500, 6)])
    told = pl.when(pl.col("y") == "yes").then(3.0).otherwise(-3.0) + pl.col("a") / 10
    both.with_columns(told.alias("a")).write_csv(home / "t.csv")
    job = go(home, said=", noise_jump: 1.0, duplicate_share: 1.0, bar: not_worse")
    assert (job.outcome, champion(home)) == ("held", 1)
    assert job.stages["trained"]["decision"] == "NEEDS REWORK"


@pytest.mark.soak
def test_a_person_decides_where_the_strategy_says_hold(home: Path) -> None:
    job = go(home, table(300, 7), said=", strategy: hold, bar: not_worse")
    assert (job.outcome, champion(home)) == ("held", 1)
    assert "a person promotes it" in job.reason


@pytest.mark.soak
def test_a_canary_is_begun_and_begun_once(home: Path) -> None:
    job = go(home, table(300, 7), said=", strategy: canary, bar: not_worse")
    assert (job.outcome, champion(home)) == ("rolling_out", 1)
    assert [event.kind for event in events(home)].count("rollout.started") == 1


_AGAIN = """
import sys
from pathlib import Path
from modelwright.lifecycle.declared import declared
from modelwright.lifecycle.operation import Context
from modelwright.lifecycle.retraining.running import retrain
from modelwright.lifecycle.workspace import Workspace
if __name__ == "__main__":
    home = Path(sys.argv[1])
    known = declared(Workspace(home / "ws"), "churn", str(home / "pipeline.yaml"))
    print(retrain(known, Context(workspace=home / "ws", actor="watch"), "test").outcome)
"""


def _killed_at(home: Path, point: str) -> None:
    program = home / "again.py"
    program.write_text(_AGAIN)
    done = subprocess.run(
        [sys.executable, str(program), str(home)], capture_output=True, text=True, timeout=300, check=False,
        env={**os.environ, "MODELWRIGHT_FAILPOINT": f"{point}=kill"},
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr


def _killed_everywhere(home: Path, points: list[str]) -> None:
    """One retraining, killed at each point in turn; the next attempt goes on, and the last one ends it."""
    (home / "pipeline.yaml").write_text(PIPELINE % ", bar: not_worse")
    pl.concat([pl.read_csv(home / "t.csv"), table(300, 7)]).write_csv(home / "t.csv")
    for point in points:
        _killed_at(home, point)
        assert champion(home) in (1, 2)
    job = policy.fold(events(home), "churn")[-1]
    if not job.outcome:
        job = go(home, said=", bar: not_worse")
    assert (job.outcome, promotions(home)) == ("promoted", [1, 2])
    kinds = [event.kind for event in events(home) if event.subject == "retraining:churn"]
    assert [kinds.count(f"retraining.{stage}") for stage in STAGES] == [1] * len(STAGES)
    registered = [event for event in events(home) if event.kind == "version.registered"]
    assert [event.payload["version"] for event in registered] == [1, 2]
    made = Workspace(home / "ws").read_run(registered[1].payload["run_id"])
    assert (made.status, made.version, made.report is not None) == ("done", 2, True)


def test_killed_after_training_and_after_promoting_it_goes_on_and_promotes_once(home: Path) -> None:
    _killed_everywhere(home, ["run.registered", "retrain.promoted.moved"])


@pytest.mark.soak
def test_killed_at_every_point_it_goes_on_and_promotes_once(home: Path) -> None:
    """`MODELWRIGHT_TRIALS` rounds of all points; 1,000 kills are 63 rounds."""
    points = ["retrain.started.done"]
    for stage in policy.STAGES:
        points += [f"retrain.{stage}", *INNER.get(stage, ()), f"retrain.{stage}.done"]
    for trial in range(int(os.environ.get("MODELWRIGHT_TRIALS", "2"))):
        copy = home.with_name(f"trial{trial}")
        shutil.copytree(home, copy)
        _killed_everywhere(copy, [*points, "retrain.finished.done"])
        shutil.rmtree(copy)


def test_a_second_one_is_refused_while_the_first_is_at_it(home: Path) -> None:
    context = Context(workspace=home / "ws")
    with leases(Workspace(home / "ws"), context).held("retraining:churn", 60), pytest.raises(StateError) as told:
        go(home)
    assert told.value.code == "lease.held"


def test_who_lost_the_lease_can_write_nothing(home: Path) -> None:
    from modelwright.registry import promotion

    journal = Workspace(home / "ws").journal()
    old, new = (FencedJournal(journal, "churn", token) for token in (7, 8))
    old.stage(policy.CLAIMED, {"job": "x"})
    new.stage(policy.CLAIMED, {"job": "x"})
    for attempt in (
        lambda: old.stage("retraining.trained", {"job": "x"}),
        lambda: promotion.promote(old, home / "ws", promotion.Promotion(name="churn", version=1, alias="challenger")),
    ):
        with pytest.raises(StateError) as told:
            attempt()
        assert told.value.code == "lease.lost"


def test_a_full_disk_is_said_and_a_challenger_that_is_no_better_is_held(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELWRIGHT_FAILPOINT", "retrain.gathered=full")
    with pytest.raises(AdapterError) as full:
        go(home, table(300, 3))
    assert (full.value.code, champion(home)) == ("disk.full", 1)
    monkeypatch.delenv("MODELWRIGHT_FAILPOINT")
    job = go(home)
    assert (job.outcome, champion(home), promotions(home)) == ("held", 1, [1])
    assert "not measurably better" in job.reason
    assert len(policy.fold(events(home), "churn")) == 1
    file = home / "ws" / "retraining" / "churn" / "holdout.parquet"
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(StateError) as touched:
        go(home, table(300, 8))
    assert (touched.value.code, champion(home)) == ("retraining.holdout", 1)
    assert policy.fold(events(home), "churn")[-1].outcome == "failed"


def compared(value: float, half: float) -> Comparison:
    difference = Estimate(value=value, low=value - half, high=value + half, n=500)
    return Comparison(against="version 1", metric="roc_auc", difference=difference, n=500)


BETTER, SAME, WORSE = compared(0.05, 0.02), compared(0.0, 0.02), compared(-0.05, 0.02)


@pytest.mark.parametrize(
    ("frozen", "recent", "said", "passed"),
    [
        (BETTER, SAME, {}, True),
        (SAME, BETTER, {}, True),
        (SAME, SAME, {}, False),
        (SAME, SAME, {"bar": "not_worse"}, True),
        (None, None, {"bar": "not_worse"}, False),
        (None, BETTER, {}, True),
        (BETTER, WORSE, {}, False),
        (WORSE, BETTER, {}, False),
        (WORSE, BETTER, {"frozen_loss": 0.1}, True),
        (WORSE, SAME, {"frozen_loss": 0.1, "bar": "not_worse"}, False),
    ],
)
def test_worse_anywhere_is_held_and_better_has_to_be_shown(
    frozen: Comparison | None, recent: Comparison | None, said: dict[str, Any], passed: bool
) -> None:
    found = judge(frozen, recent, RetrainingSpec(**said))
    assert found.passed is passed, found.reason


def test_a_job_that_never_gets_on_fails_and_makes_room(home: Path) -> None:
    journal = Workspace(home / "ws").journal()
    FencedJournal(journal, "churn", 0).stage(policy.STARTED, {"job": "churn-r1", "trigger": "drift", "champion": 1})
    for _ in range(10):
        FencedJournal(journal, "churn", 0).stage(policy.CLAIMED, {"job": "churn-r1"})
    with pytest.raises(StateError) as told:
        go(home)
    assert told.value.code == "retraining.stuck"
    assert policy.fold(events(home), "churn")[-1].outcome == "failed"
    assert go(home).outcome == "nothing_new"

"""From log rows to arms: who is counted for what, and what a rollout is told of shadows, bandits and experiments."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from modelwright.lifecycle.rolling_out import bandit, evidence, experiment, shadow
from modelwright.registry.rollout_plan import plan
from modelwright.registry.rollout_rules import ArmRows, Evidence
from modelwright.registry.rollout_state import Rollout
from modelwright.serving import routing

BEGAN = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def rollout(strategy: str, **more: Any) -> Rollout:
    made = plan(strategy, (2,), steps=more.pop("steps", None), stops=("error_rate>0.5",), min_rows=10, **more)
    weights = {0: 0.5, 2: 0.5} if strategy == "bandit" else {}
    at = BEGAN.isoformat()
    return Rollout(id="m-1", name="m", plan=made, started_at=at, step_at=at, due_at=at, by="a", weights=weights)


def row(number: int, version: int, route: str, propensity: float = 0.5, **more: Any) -> dict[str, Any]:
    missed = route == "failed"
    return {
        "request_id": f"r{number}", "row": 0, "at": BEGAN + timedelta(seconds=number), "version": version,
        "route": route,
        "propensity": propensity, "latency_us": 2_000, "degraded": route == "fallback",
        "prediction": None if missed else "yes", "value": None, "p_no": None if missed else 0.4,
        "p_yes": None if missed else 0.6, "f_size": float(number % 7), "label": None, "label_value": None, **more,
    }  # fmt: skip


def frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    kinds = {"value": pl.Float64, "label": pl.String, "label_value": pl.Float64, "prediction": pl.String}
    return pl.DataFrame(rows, schema_overrides=kinds, infer_schema_length=None)


def test_a_failure_counts_for_whom_the_route_chose_and_not_for_who_stood_in() -> None:
    rows = [row(n, 0, "champion") for n in range(10)] + [row(n, 2, "canary") for n in range(10, 18)]
    rows += [row(18, 2, "failed"), row(18, 0, "fallback", 1.0)]  # the champion answered in its place
    rows += [row(19, 2, "fallback", 1.0)]  # a constant, in the challenger's own name
    rows += [row(20, 2, "pinned", 1.0)]  # chosen by the caller
    found = evidence.from_rows(frame(rows), rollout("canary", steps="50"), {})
    assert (found.whole[0].requests, found.whole[0].failed.sum()) == (10, 0)
    assert (found.whole[2].requests, found.whole[2].failed.sum()) == (10, 2)
    assert found.whole[2].score == pytest.approx(np.full(8, 0.6))
    assert found.whole[2].latency_ms == pytest.approx(np.full(8, 2.0))


def test_requests_of_another_share_are_not_compared() -> None:
    rows = [row(n, 2, "canary", 0.05) for n in range(5)] + [row(n, 2, "canary", 0.5) for n in range(5, 9)]
    found = evidence.from_rows(frame(rows), rollout("canary", steps="50"), {})
    assert (found.whole[2].requests, found.step[2].requests) == (9, 4)


def test_late_labels_become_outcomes() -> None:
    labelled = [row(n, 2, "canary", label="yes" if n % 4 else "no", label_value=None) for n in range(8)]
    found = evidence.from_rows(frame([*labelled, row(9, 2, "canary")]), rollout("canary", steps="50"), {})
    assert found.whole[2].outcomes["wrong"].sum() == 2
    assert found.whole[2].outcomes["wrong"].size == 8
    assert found.whole[0].requests == 0


def test_a_shadow_is_compared_row_by_row() -> None:
    rows = [row(n, 0, "champion", 1.0, label="yes") for n in range(40)]
    rows += [row(n, 2, "shadow", 1.0, prediction="no" if n % 4 == 0 else "yes", p_yes=0.5) for n in range(38)]
    rows += [row(38, 2, "failed", 1.0)]
    found = evidence.from_rows(frame(rows), rollout("shadow"), {})
    assert found.whole[2].outcomes["disagreement"].sum() == 10
    assert found.whole[2].failed.sum() == 1
    report = shadow.of_rows(frame(rows), 0, 2)
    assert (report["rows"], report["failed"], report["unanswered"]) == (38, 1, 2)
    assert report["agreement"]["value"] == pytest.approx(28 / 38)
    assert report["difference"]["max"] == pytest.approx(0.1)
    assert report["labelled"]["correct"] == {"champion": 1.0, "shadow": pytest.approx(28 / 38)}
    assert shadow.of_rows(frame(rows[:3]), 0, 2)["rows"] == 0


@pytest.mark.parametrize("policy", ["thompson", "ucb", "epsilon"])
def test_a_bandit_goes_to_the_better_arm_and_leaves_no_propensity_at_zero(policy: str) -> None:
    now = rollout("bandit", policy=policy)
    arms = {0: ArmRows(outcomes={"correct": np.tile([1.0, 0.0], 200)}), 2: ArmRows(outcomes={"correct": np.ones(400)})}
    weights = bandit.new_weights(now, Evidence(whole=arms, step=arms))
    assert weights is not None
    assert weights[2] > 0.9
    assert weights[0] > 0
    assert sum(weights.values()) == pytest.approx(1.0)
    few = {version: ArmRows(outcomes={"correct": np.ones(9)}) for version in (0, 2)}
    assert bandit.new_weights(now, Evidence(whole=few, step=few)) is None


def test_ucb_tries_what_it_has_not_tried() -> None:
    assert routing.weights_by_ucb({1: (90.0, 10.0), 2: (0.0, 0.0)})[2] > 0.9


def test_an_experiment_looks_as_planned_and_spends_as_it_goes() -> None:
    rng = np.random.default_rng(5)
    now = rollout("ab", planned_rows=2_000, looks=4, reward="correct")

    def at(n: int, better: float) -> Evidence:
        right = {version: (rng.random(n) < 0.7 + lift).astype(float) for version, lift in ((0, 0.0), (2, better))}
        arms = {version: ArmRows(outcomes={"correct": each}, failed=np.zeros(n)) for version, each in right.items()}
        return Evidence(whole=arms, step=arms)

    assert experiment.next_look(now, at(200, 0.0)) is None, "a fifth of the rows is before the first look"
    look = experiment.next_look(now, at(250, 0.0))
    assert look is not None
    assert (look["share"], look["decided"]) == (0.25, False)
    assert look["bound"] == pytest.approx(4.33, abs=0.05), "O'Brien and Fleming, a quarter of the rows, alpha .05"
    clear = experiment.next_look(now, at(500, 0.2))
    assert clear is not None
    assert clear["decided"]
    assert "better" in clear["said"]


def test_a_wrong_assignment_is_found() -> None:
    now = rollout("ab", steps="50")
    even = {0: ArmRows(failed=np.zeros(5_050)), 2: ArmRows(failed=np.zeros(4_950))}
    uneven = {0: ArmRows(failed=np.zeros(5_400)), 2: ArmRows(failed=np.zeros(4_600))}
    assert not experiment.mismatch(now, Evidence(whole=even, step=even))["mismatch"]
    assert experiment.mismatch(now, Evidence(whole=uneven, step=uneven))["mismatch"]

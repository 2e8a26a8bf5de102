"""The state machine of a rollout, its rules and its plan: on a real journal, with numbers instead of a log."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelwright.core.errors import ModelwrightError, SpecError
from modelwright.core.nouns import Decision
from modelwright.registry import deleting, promotion, reigns, rollout_rules, rollout_state, rollouts, routes, versions
from modelwright.registry.promotion import Promotion, promote
from modelwright.registry.rollout_plan import plan, seconds, stop_rule
from modelwright.registry.rollout_rules import ArmRows, Evidence, decide
from modelwright.registry.rollout_state import Plan, Rollout
from modelwright.registry.versions import Snapshot
from tests.properties.test_ledger import NAME, workspace


def begin(root: Path, made: Plan, count: int = 3, **more: Any) -> tuple[Any, Rollout]:
    journal = workspace(root, count)
    promote(journal, root, Promotion(name=NAME, version=1))
    return journal, rollouts.start(journal, root, NAME, made, actor="ada", **more)


def shares(journal: Any) -> list[tuple[str, float]]:
    route = routes.fold(journal.read()).get(NAME)
    return [] if route is None else [(arm.which, round(arm.weight, 3)) for arm in route.arms]


def code(call: Any) -> str:
    with pytest.raises(ModelwrightError) as caught:
        call()
    return caught.value.code


def arm(n: int, failed: int = 0, ms: float = 5.0, seed: int = 0, shift: float = 0.0, **outcomes: Any) -> ArmRows:
    rng = np.random.default_rng(seed)
    misses = np.zeros(n)
    misses[rng.permutation(n)[:failed]] = 1.0
    return ArmRows(
        failed=misses, latency_ms=np.full(n - failed, ms), score=rng.normal(shift, 1.0, n),
        outcomes={name: np.asarray(values, dtype=np.float64) for name, values in outcomes.items()},
    )  # fmt: skip


def look(rollout: Rollout, mine: ArmRows, theirs: ArmRows, after_s: float = 0.0) -> rollout_rules.Move:
    arms = {rollout.plan.base: theirs, rollout.plan.to[0]: mine}
    now = datetime.fromisoformat(rollout.step_at) + timedelta(seconds=after_s)
    return decide(rollout, Evidence(whole=arms, step=arms), now)


# ---------------------------------------------------------------- moves


def test_the_route_follows_each_step_and_the_champion_follows_the_end(tmp_path: Path) -> None:
    journal, now = begin(tmp_path, plan("canary", (2,), steps="5,50,100", stops=()))
    assert shares(journal) == [("1", 0.95), ("2", 0.05)]
    token = rollouts.claim(journal, NAME, "here").token
    now = rollouts.step(journal, now, token)
    assert (now.step, shares(journal)) == (1, [("1", 0.5), ("2", 0.5)])
    now = rollouts.step(journal, now, token)
    assert shares(journal) == [("1", 0.0), ("2", 1.0)], "the champion stays loaded"
    assert versions.aliases(journal, NAME) == {"champion": 1}
    ended = rollouts.finish(
        journal, tmp_path, NAME, champion=2, reason="well done", actor="rollout", token=token, at=now
    )
    assert (ended.state, shares(journal), versions.aliases(journal, NAME)) == ("finished", [], {"champion": 2})
    assert reigns.past(journal.read(), NAME).before == 1


def test_a_move_that_was_decided_on_another_state_is_not_made(tmp_path: Path) -> None:
    journal, now = begin(tmp_path, plan("canary", (2,), steps="5,50,100", stops=()))
    first = rollouts.claim(journal, NAME, "first").token
    after = rollouts.step(journal, now, first)
    assert code(lambda: rollouts.step(journal, now, first)) == "rollout.moved", "the same step twice"
    second = rollouts.claim(journal, NAME, "second").token
    assert code(lambda: rollouts.hold(journal, after, first, "late")) == "rollout.fenced"
    assert rollouts.hold(journal, after, second, "no data").state == "held"
    assert rollouts.resume(journal, NAME).state == "running"
    assert rollouts.abort(journal, NAME, reason="enough").state == "aborted"
    assert code(lambda: rollouts.abort(journal, NAME, reason="again")) == "rollout.none"
    assert shares(journal) == []


def test_one_rollout_at_a_time_and_none_of_what_may_not_be_promoted(tmp_path: Path) -> None:
    made = plan("canary", (2,), steps="50", stops=())
    journal, _ = begin(tmp_path, made)
    assert code(lambda: rollouts.start(journal, tmp_path, NAME, made, actor="ada")) == "rollout.running"
    assert code(lambda: routes.set_route(journal, NAME, routes.RouteState())) == "rollout.running"
    assert code(lambda: deleting.delete(journal, NAME, 2, reason="", keep_days=1, now_at=datetime.now(UTC))) == (
        "version.in_use"
    )
    rollouts.abort(journal, NAME, reason="x")
    promotion.quarantine(journal, NAME, 2, "why not")
    assert code(lambda: rollouts.start(journal, tmp_path, NAME, made, actor="ada")) == "version.quarantined"
    again = plan("canary", (1,), steps="50", stops=())
    assert code(lambda: rollouts.start(journal, tmp_path, NAME, again, actor="ada")) == "rollout.versions"
    unknown = plan("canary", (9,), steps="50", stops=())
    assert code(lambda: rollouts.start(journal, tmp_path, NAME, unknown, actor="ada")) == "version.unknown"


def test_what_needs_rework_answers_only_in_the_shadow_or_on_a_persons_word(tmp_path: Path) -> None:
    journal = workspace(tmp_path, 2, Decision.NEEDS_REWORK)
    promote(journal, tmp_path, Promotion(name=NAME, version=1, override="the only one", actor="ada"))
    made = plan("canary", (2,), steps="50", stops=())
    assert code(lambda: rollouts.start(journal, tmp_path, NAME, made, actor="ada")) == "version.not_approved"
    rollouts.start(journal, tmp_path, NAME, plan("shadow", (2,), steps=None, stops=()), actor="ada")
    route = routes.fold(journal.read())[NAME]
    assert (route.shadows, [arm.weight for arm in route.arms]) == (("2",), [1.0])
    finish = {"champion": 2, "reason": "looks fine", "actor": "rollout"}
    assert code(lambda: rollouts.finish(journal, tmp_path, NAME, **finish)) == "version.not_approved"
    rollouts.abort(journal, NAME, reason="x")
    rollouts.start(journal, tmp_path, NAME, made, actor="ada", override="we must")
    ended = rollouts.finish(journal, tmp_path, NAME, **finish)
    assert ended.champion == 2
    event = versions.history(journal, NAME)[-1]
    assert event.payload["override"] == {"reason": "we must", "by": "ada"}, "said at the start, it holds to the end"


def test_a_target_that_is_gone_at_the_end_does_not_become_champion(tmp_path: Path) -> None:
    journal, _ = begin(tmp_path, plan("canary", (2,), steps="50", stops=()))
    (tmp_path / "runs/r2/bundle/manifest.json").unlink()
    finish = {"champion": 2, "reason": "x", "actor": "rollout"}
    assert code(lambda: rollouts.finish(journal, tmp_path, NAME, **finish)) == "bundle.missing"
    assert versions.aliases(journal, NAME) == {"champion": 1}
    assert rollouts.active(journal, NAME).state == "running"


def test_a_stranger_event_changes_nothing(tmp_path: Path) -> None:
    journal, now = begin(tmp_path, plan("canary", (2,), steps="50", stops=()))
    journal.append(rollout_state.FINISHED, f"model:{NAME}", {"id": "churn-99", "champion": None, "reason": ""})
    assert rollout_state.active_of(Snapshot(journal).events, NAME) == now


# ---------------------------------------------------------------- decisions


def test_no_data_is_not_success(tmp_path: Path) -> None:
    stops = ("error_rate>0.02", "wrong_rate>0.3")
    _, now = begin(tmp_path, plan("canary", (2,), steps="50", stops=stops, hold_s=60.0, min_rows=50, deadline_s=900.0))
    assert look(now, ArmRows(), ArmRows(), after_s=600).do == "wait"
    waits = look(now, arm(500), arm(500), after_s=600)
    assert (waits.do, "no data for wrong_rate>0.3" in waits.reason) == ("wait", True)
    labelled = arm(500, wrong=np.zeros(500))
    assert look(now, labelled, arm(500), after_s=30).do == "wait"
    assert look(now, labelled, arm(500), after_s=60).do == "step"
    late = look(now, ArmRows(), ArmRows(), after_s=900)
    assert (late.do, late.rule) == ("hold", "deadline")


def test_the_deadline_aborts_where_that_was_declared(tmp_path: Path) -> None:
    made = plan("canary", (2,), steps="50", stops=(), deadline_s=10.0, on_deadline="abort")
    _, now = begin(tmp_path, made)
    assert look(now, ArmRows(), ArmRows(), after_s=11).do == "abort"


@pytest.mark.parametrize(
    ("rule", "bad", "good"),
    [
        ("error_rate>0.02", {"failed": 100}, {"failed": 5}),
        ("error_rate>champion+0.05", {"failed": 200}, {"failed": 10}),
        ("latency_p99>50ms", {"ms": 80.0}, {"ms": 20.0}),
        ("latency_p95>champion+10ms", {"ms": 30.0}, {"ms": 12.0}),
        ("prediction_shift>0.1", {"shift": 1.0}, {"shift": 0.0, "seed": 7}),
        ("wrong_rate>0.3", {"wrong": np.tile([1, 0], 500)}, {"wrong": np.tile([1, 0, 0, 0], 250)}),
        ("reward<0.5", {"reward": np.tile([1, 0, 0, 0], 250)}, {"reward": np.tile([1, 1, 0], 333)}),
        ("reward<champion-0.1", {"reward": np.tile([1, 0, 0, 0], 250)}, {"reward": np.tile([1, 0], 500)}),
        ("absolute_error>5", {"absolute_error": np.linspace(5, 9, 1000)}, {"absolute_error": np.linspace(2, 6, 1000)}),
        ("absolute_error>champion+1", {"absolute_error": np.linspace(4, 6, 1000)},
         {"absolute_error": np.linspace(1, 4, 1000)}),
    ],
)  # fmt: skip
def test_each_rule_stops_the_bad_and_lets_the_good_pass(
    tmp_path: Path, rule: str, bad: dict[str, Any], good: dict[str, Any]
) -> None:
    _, now = begin(tmp_path, plan("canary", (2,), steps="50", stops=(rule,), hold_s=0.0))
    theirs = arm(1_000, failed=5, seed=3, wrong=np.tile([1, 0, 0], 333), reward=np.tile([1, 0], 500),
                 absolute_error=np.linspace(1, 4, 1000))  # fmt: skip
    stopped = look(now, arm(1_000, **bad), theirs)
    assert (stopped.do, stopped.rule) == ("abort", rule), stopped
    assert look(now, arm(1_000, **good), theirs).do == "step"


def test_few_rows_decide_nothing_and_a_refused_version_ends_it(tmp_path: Path) -> None:
    _, now = begin(tmp_path, plan("canary", (2,), steps="50", stops=("error_rate>0.02",), min_rows=100))
    assert look(now, arm(50, failed=50), arm(50)).do == "wait"
    assert look(now, arm(100, failed=100), arm(100)).do == "abort"
    refused = decide(now, Evidence(whole={}, step={}, refused={2: "it crashed"}), datetime.now(UTC))
    assert (refused.do, refused.rule) == ("abort", "loads")


def test_equals_are_seldom_stopped_however_often_one_looks(tmp_path: Path) -> None:
    """At a limit exactly where the truth lies, with 20 looks: 1 % is promised; 3 of 60 would be a reason to doubt."""
    from benchmarks.rollouts import RULES, stopped_at

    rng = np.random.default_rng(11)
    assert sum(stopped_at(rng, RULES, 1_000) is not None for _ in range(60)) <= 2


# ---------------------------------------------------------------- what people write


@pytest.mark.parametrize(
    "text",
    ["errors>0.1", "error_rate=0.1", "error_rate>2", "latency_p99>50", "error_rate>5ms", "latency_p99>champion-5ms",
     "prediction_shift<0.1", "error_rate>1..2", "", "error_rate>0.1; rm"],
)  # fmt: skip
def test_a_rule_that_cannot_be_meant_is_refused(text: str) -> None:
    with pytest.raises(SpecError) as caught:
        stop_rule(text)
    assert caught.value.hint


def test_rules_steps_and_times_are_read() -> None:
    rule = stop_rule("latency_p99 > champion + 0.5s")
    assert (rule.metric, rule.sign, rule.limit, rule.over_champion) == ("latency_p99", ">", 500.0, True)
    assert stop_rule("error_rate>2%").limit == pytest.approx(0.02)
    assert plan("canary", (2,), steps="5,50", stops=()).steps == (0.05, 0.5, 1.0)
    assert [seconds(text, "hold") for text in ("30s", "10m", "1.5h", "2d", "7")] == [30, 600, 5400, 172_800, 7]


@pytest.mark.parametrize(
    ("strategy", "to", "steps", "stops"),
    [("canary", (2, 3), None, ()), ("canary", (2,), "50,5", ()), ("canary", (2,), "0,50", ()), ("ab", (2,), "100", ()),
     ("blue_green", (2,), None, ("error_rate>champion+0.1",)), ("canary", (2,), None, ("disagreement>0.1",)),
     ("shadow", (2,), None, ("prediction_shift>0.1",))],
)  # fmt: skip
def test_plans_that_do_not_fit_together_are_refused(strategy: str, to: Any, steps: Any, stops: Any) -> None:
    with pytest.raises(SpecError):
        plan(strategy, to, steps=steps, stops=stops)

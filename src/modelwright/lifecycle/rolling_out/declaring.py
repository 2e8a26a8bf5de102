"""The arguments by which a rollout is declared, the same to start one and to rehearse one."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from modelwright.lifecycle.operation import Request
from modelwright.registry.rollout_state import Plan


class PlanRequest(Request, frozen=True, kw_only=True):
    name: Annotated[str, Meta(description="the registered model", extra={"positional": True})]
    to: Annotated[tuple[int, ...], Meta(description="the new version; ab and bandit take several")]
    strategy: Annotated[
        Literal["blue_green", "canary", "shadow", "bandit", "ab"], Meta(description="how traffic moves")
    ] = "canary"
    steps: Annotated[str | None, Meta(description="per cent of the requests: 5,25,50,100 (ab: one number)")] = None
    hold: Annotated[str, Meta(description="least time of a step: 30s, 10m, 2h")] = "10m"
    min_rows: Annotated[
        int, Meta(ge=1, le=10_000_000, description="least requests of the new version before anything is decided")
    ] = 100
    stop: Annotated[
        tuple[str, ...],
        Meta(
            description="error_rate>0.02, error_rate>champion+0.01, latency_p99>50ms, prediction_shift>0.1, "
            "wrong_rate>0.2, reward<0.5, absolute_error>champion+3, disagreement>0.1; repeatable"
        ),
    ] = ()
    false_stop: Annotated[float, Meta(gt=0, lt=1, description="how often a good version may be stopped")] = 0.01
    deadline: Annotated[str, Meta(description="longest time of a step that lacks data")] = "1d"
    on_deadline: Annotated[Literal["hold", "abort"], Meta(description="what happens then")] = "hold"
    policy: Annotated[Literal["thompson", "ucb", "epsilon"], Meta(description="bandit: how shares are set")] = (
        "thompson"
    )
    epsilon: Annotated[float, Meta(gt=0, lt=1, description="bandit: share for exploring, with epsilon")] = 0.1
    reward: Annotated[
        Literal["correct", "label"], Meta(description="bandit, ab: a right answer, or the label as a number")
    ] = "correct"
    planned_rows: Annotated[int, Meta(ge=20, description="ab: labelled rows in all, at the last look")] = 10_000
    looks: Annotated[int, Meta(ge=1, le=50, description="ab: how often it is looked at")] = 5
    override: Annotated[
        Annotated[str, Meta(min_length=3)] | None,
        Meta(description="begin with a version that needs rework, and say why"),
    ] = None


_SAME = ("min_rows", "false_stop", "on_deadline", "policy", "epsilon", "reward", "planned_rows", "looks")


def declared(request: PlanRequest) -> Plan:
    """Raises SpecError (`rollout.rule`, `rollout.steps`, `rollout.time`, `rollout.versions`)."""
    from modelwright.registry.rollout_plan import plan, seconds

    return plan(
        request.strategy,
        request.to,
        steps=request.steps,
        stops=request.stop,
        hold_s=seconds(request.hold, "hold"),
        deadline_s=seconds(request.deadline, "deadline"),
        **{name: getattr(request, name) for name in _SAME},
    )

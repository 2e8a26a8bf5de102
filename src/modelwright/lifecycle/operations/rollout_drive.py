"""Drive a rollout until it is over: read the log, judge the rules, move traffic. Safe to kill and to start again."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    name: Annotated[str, Meta(description="the registered model", extra={"positional": True})]
    every: Annotated[str, Meta(description="how often to look: 2s, 1m")] = "2s"
    once: Annotated[bool, Meta(description="look once, move if need be, and leave")] = False


def perform(request: Request, context: Context) -> dict[str, Any]:
    from modelwright.lifecycle.operation import Progress
    from modelwright.lifecycle.rolling_out.driving import Tick, drive
    from modelwright.lifecycle.rolling_out.shown import shown
    from modelwright.lifecycle.workspace import Workspace
    from modelwright.registry.rollout_plan import seconds

    last: list[Tick] = []

    def told(tick: Tick) -> None:
        last[:] = [tick]
        share = f"step {tick.rollout.step + 1} of {len(tick.rollout.plan.steps)}, {tick.rollout.share:.0%}"
        context.progress(Progress(step=tick.rollout.id, message=f"{share}: {tick.move.do}, {tick.move.reason}"))

    space = Workspace(context.workspace, actor="rollout", clock=context.clock)
    ended = drive(
        space, request.name, every_s=max(0.05, seconds(request.every, "every")), clock=context.clock, told=told,
        once=request.once,
    )  # fmt: skip
    return shown(ended, last[0].move)


PLUGIN: Operation = Operation(request=Request, perform=perform)

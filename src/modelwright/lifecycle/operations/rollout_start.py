"""Give a new version traffic step by step, and stop by rule; servers follow within a second."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.rolling_out.declaring import PlanRequest, declared


class Request(PlanRequest, frozen=True, kw_only=True):
    reason: Annotated[str, Meta(description="why, for the journal")] = ""


def perform(request: Request, context: Context) -> dict[str, Any]:
    from modelwright.lifecycle.rolling_out.shown import shown
    from modelwright.lifecycle.workspace import Workspace
    from modelwright.registry import rollouts

    space = Workspace(context.workspace, actor=context.actor, clock=context.clock)
    begun = rollouts.start(
        space.journal(), space.root, request.name, declared(request), actor=context.actor,
        override=request.override, reason=request.reason,
    )  # fmt: skip
    return shown(begun)


PLUGIN: Operation = Operation(request=Request, perform=perform)

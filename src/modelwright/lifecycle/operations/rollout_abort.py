"""End a rollout: every request goes to the champion again, within a second."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    name: Annotated[str, Meta(description="the registered model", extra={"positional": True})]
    reason: Annotated[str, Meta(description="why, for the journal")] = ""


def perform(request: Request, context: Context) -> dict[str, Any]:
    from modelwright.lifecycle.rolling_out.shown import shown
    from modelwright.lifecycle.workspace import Workspace
    from modelwright.registry import rollouts

    space = Workspace(context.workspace, actor=context.actor, clock=context.clock)
    reason = request.reason or "aborted by hand"
    return shown(rollouts.abort(space.journal(), request.name, reason=reason))


PLUGIN: Operation = Operation(request=Request, perform=perform)

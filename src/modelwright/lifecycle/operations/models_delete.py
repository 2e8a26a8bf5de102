"""Hide a version that nothing uses; its files are kept for a while, and it can be restored."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    name: Annotated[str, Meta(description="the registered model", extra={"positional": True})]
    version: Annotated[int, Meta(ge=1, description="which version", extra={"positional": True})]
    reason: Annotated[str, Meta(description="why, for the journal")] = ""
    keep_days: Annotated[int, Meta(ge=0, le=3_650, description="how long it can be restored")] = 30


def perform(request: Request, context: Context) -> dict[str, Any]:
    from modelwright.lifecycle.workspace import Workspace
    from modelwright.registry import deleting

    space = Workspace(context.workspace, actor=context.actor, clock=context.clock)
    journal = space.journal()
    event = deleting.delete(
        journal, request.name, request.version, reason=request.reason, keep_days=request.keep_days,
        now_at=context.clock.now(),
    )  # fmt: skip
    return {
        "name": request.name, **event.payload, "state": "deleted",
        "next": f"modelwright models restore {request.name} {request.version}",
    }  # fmt: skip


PLUGIN: Operation = Operation(request=Request, perform=perform)

"""Show everything that ever happened to a model, oldest first, or who was live at a moment."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    model: Annotated[str, Meta(description="the model's name", extra={"positional": True})]
    at: Annotated[str | None, Meta(description='who was live then: "2026-11-03 14:05" (UTC), or with a zone')] = None


def perform(request: Request, context: Context) -> dict[str, Any]:
    from modelwright.lifecycle.ledger import live_at, moment, told
    from modelwright.lifecycle.workspace import Workspace
    from modelwright.registry.versions import Snapshot, history

    at = None if request.at is None else moment(request.at)
    now = Snapshot(Workspace(context.workspace).journal())
    events = history(now, request.model)
    if at is not None:
        return live_at(now.events, request.model, at, context.workspace)
    return {"name": request.model, "events": told(events)}


PLUGIN: Operation = Operation(request=Request, perform=perform)

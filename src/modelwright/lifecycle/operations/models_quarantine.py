"""Keep a version from being promoted until it is released."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    name: Annotated[str, Meta(description="the registered model", extra={"positional": True})]
    version: Annotated[int, Meta(ge=1, description="which version", extra={"positional": True})]
    reason: Annotated[str, Meta(min_length=3, description="why")]


def perform(request: Request, context: Context) -> dict[str, Any]:
    from modelwright.lifecycle.workspace import Workspace
    from modelwright.registry import promotion

    space = Workspace(context.workspace, actor=context.actor, clock=context.clock)
    journal = space.journal()
    event = promotion.quarantine(journal, request.name, request.version, request.reason)
    return {
        "name": request.name, **event.payload, "state": "in quarantine",
        "next": f"modelwright models release {request.name} {request.version}",
    }  # fmt: skip


PLUGIN: Operation = Operation(request=Request, perform=perform)

"""Show everything that ever happened to a model, oldest first."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    model: Annotated[str, Meta(description="the model's name", extra={"positional": True})]


def perform(request: Request, context: Context) -> dict[str, Any]:
    from modelwright.lifecycle.workspace import Workspace
    from modelwright.registry.versions import history

    events = history(Workspace(context.workspace).journal(), request.model)
    return {"name": request.model, "events": [msgspec.to_builtins(event) for event in events]}


PLUGIN: Operation = Operation(request=Request, perform=perform)

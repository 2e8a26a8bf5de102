"""Rehearse a rollback on copies, with requests coming in: the pointer, then all six kinds; what serves is untouched."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    name: Annotated[str, Meta(description="the registered model", extra={"positional": True})]
    under_load: Annotated[bool, Meta(description="with four clients that ask without pause, and two workers")] = False
    pointer_only: Annotated[bool, Meta(description="leave the six kinds out")] = False
    project: Annotated[str | None, Meta(description="the project's folder; by default the current one")] = None
    allow_hook: Annotated[
        tuple[str, ...], Meta(description="let a bundle call this function of yours, module:function; repeatable")
    ] = ()


def perform(request: Request, context: Context) -> dict[str, Any]:
    from pathlib import Path

    from modelwright.lifecycle.drilling import drill
    from modelwright.lifecycle.workspace import Workspace

    space = Workspace(context.workspace, actor=context.actor, clock=context.clock)
    return drill(
        space, request.name, context, under_load=request.under_load, pointer_only=request.pointer_only,
        project=Path(request.project or "."), hooks=request.allow_hook,
    )  # fmt: skip


PLUGIN: Operation = Operation(request=Request, perform=perform)

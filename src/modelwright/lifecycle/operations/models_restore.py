"""Bring a deleted version back, if its bundle is still whole."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    name: Annotated[str, Meta(description="the registered model", extra={"positional": True})]
    version: Annotated[int, Meta(ge=1, description="which version", extra={"positional": True})]


def perform(request: Request, context: Context) -> dict[str, Any]:
    from modelwright.lifecycle.workspace import Workspace
    from modelwright.registry import deleting

    space = Workspace(context.workspace, actor=context.actor, clock=context.clock)
    journal = space.journal()
    back = deleting.restore(journal, space.root, request.name, request.version)
    return {**msgspec.to_builtins(back), "state": "restored"}


PLUGIN: Operation = Operation(request=Request, perform=perform)

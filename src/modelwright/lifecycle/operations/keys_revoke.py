"""Revoke a key of a caller: every running server refuses it within seconds."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    key: Annotated[str, Meta(description="its name, or how it begins (mw_1a2b3c4d)", extra={"positional": True})]
    reason: Annotated[str, Meta(description="why, for the journal")] = ""


def perform(request: Request, context: Context) -> dict[str, Any]:
    from modelwright.lifecycle.workspace import Workspace
    from modelwright.registry import keys

    space = Workspace(context.workspace, actor=context.actor, clock=context.clock)
    key = keys.revoke(space.journal(), request.key, now=context.clock.now(), reason=request.reason)
    return {"id": key.id, "name": key.name, "revoked_at": key.revoked_at}


PLUGIN: Operation = Operation(request=Request, perform=perform)

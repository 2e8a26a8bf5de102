"""List the keys of callers: what they open, until when, and which are live."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    all: Annotated[bool, Meta(description="also those that are revoked or expired")] = False


def perform(request: Request, context: Context) -> dict[str, Any]:
    from modelwright.lifecycle.workspace import Workspace
    from modelwright.registry import keys

    now = context.clock.now()
    known = keys.fold(Workspace(context.workspace).journal().read())
    shown = [
        {
            "prefix": key.prefix,
            "name": key.name,
            "scopes": list(key.scopes),
            "rate_per_minute": key.rate_per_minute,
            "created_at": key.created_at,
            "created_by": key.created_by,
            "expires_at": key.expires_at,
            "state": "live" if key.live(now) else "revoked" if key.revoked_at else "expired",
        }
        for key in known
        if request.all or key.live(now)
    ]
    return {"keys": shown, "hidden": len(known) - len(shown)}


PLUGIN: Operation = Operation(request=Request, perform=perform)

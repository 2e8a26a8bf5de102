"""Make a key for callers of a served model; it is shown once."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    name: Annotated[str, Meta(description="who the key is for, such as the calling system", extra={"positional": True})]
    scope: Annotated[
        tuple[str, ...], Meta(description="predict (also explain and feedback), explain, feedback, read or admin")
    ] = ("predict",)
    expires: Annotated[str, Meta(description="how long it opens: 90d, 12h, 52w, or never")] = "90d"
    rate: Annotated[
        Annotated[int, Meta(ge=1, le=100_000_000)] | None,
        Meta(description="rows a minute, a request counting as one at least; as many as come if left out"),
    ] = None


def perform(request: Request, context: Context) -> dict[str, Any]:
    from modelwright.lifecycle.workspace import Workspace
    from modelwright.registry import keys

    space = Workspace(context.workspace, actor=context.actor, clock=context.clock)
    key, text = keys.create(
        space.journal(),
        request.name,
        scopes=request.scope,
        now=context.clock.now(),
        expires=request.expires,
        rate_per_minute=request.rate,
    )
    return {
        "id": key.id,
        "name": key.name,
        "key": text,
        "scopes": list(key.scopes),
        "expires_at": key.expires_at,
        "rate_per_minute": key.rate_per_minute,
    }


PLUGIN: Operation = Operation(request=Request, perform=perform)

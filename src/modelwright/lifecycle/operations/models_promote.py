"""Make a version champion: by its verdict, and only if the champion is the one that was expected."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    name: Annotated[str, Meta(description="the registered model", extra={"positional": True})]
    version: Annotated[int, Meta(ge=1, description="the version that is to bear the alias", extra={"positional": True})]
    alias: Annotated[str, Meta(description="champion or challenger")] = "champion"
    expect: Annotated[
        Annotated[int, Meta(ge=0)] | None, Meta(description="refuse unless this version bears it now; 0 for nobody")
    ] = None
    override: Annotated[
        Annotated[str, Meta(min_length=3)] | None, Meta(description="promote what needs rework, and say why")
    ] = None
    reason: Annotated[str, Meta(description="why, for the journal")] = ""


def perform(request: Request, context: Context) -> dict[str, Any]:
    from modelwright.lifecycle.workspace import Workspace
    from modelwright.registry.promotion import Promotion, promote

    space = Workspace(context.workspace, actor=context.actor, clock=context.clock)
    wanted = Promotion(
        name=request.name, version=request.version, alias=request.alias, reason=request.reason,
        expect=request.expect, override=request.override, actor=context.actor, at=context.clock.now(),
    )  # fmt: skip
    done = promote(space.journal(), space.root, wanted)
    return {
        **msgspec.to_builtins(done.version), "alias": done.alias, "before": done.before, "by": context.actor,
        "conditions": list(done.conditions), "overridden": done.overridden,
    }  # fmt: skip


PLUGIN: Operation = Operation(request=Request, perform=perform)

"""Point an alias of a model at a version, ending a rollout if there is one; every server follows within seconds."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    name: Annotated[str, Meta(description="the registered model", extra={"positional": True})]
    alias: Annotated[str, Meta(description="champion or challenger", extra={"positional": True})]
    version: Annotated[int, Meta(ge=1, description="the version that is to bear it", extra={"positional": True})]
    reason: Annotated[str, Meta(description="why, for the journal")] = ""
    override: Annotated[
        Annotated[str, Meta(min_length=3)] | None,
        Meta(description="make a version champion that needs rework, and say why"),
    ] = None


def perform(request: Request, context: Context) -> dict[str, Any]:
    from modelwright.lifecycle.workspace import Workspace
    from modelwright.registry.promotion import Promotion, promote

    space = Workspace(context.workspace, actor=context.actor, clock=context.clock)
    wanted = Promotion(
        name=request.name, version=request.version, alias=request.alias, reason=request.reason,
        override=request.override, actor=context.actor, supersede=True,
        at=context.clock.now(),
    )  # fmt: skip
    done = promote(space.journal(), space.root, wanted)
    return {
        **msgspec.to_builtins(done.version),
        "alias": done.alias,
        "before": done.before,
        "conditions": list(done.conditions),
        "superseded": done.superseded or None,
    }


PLUGIN: Operation = Operation(request=Request, perform=perform)

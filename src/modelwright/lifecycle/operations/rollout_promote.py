"""End a rollout and make its new version champion."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    name: Annotated[str, Meta(description="the registered model", extra={"positional": True})]
    reason: Annotated[str, Meta(description="why, for the journal")] = ""
    version: Annotated[int | None, Meta(description="which one, where several take part")] = None
    override: Annotated[
        Annotated[str, Meta(min_length=3)] | None, Meta(description="promote what needs rework, and say why")
    ] = None


def perform(request: Request, context: Context) -> dict[str, Any]:
    from modelwright.lifecycle.rolling_out.shown import shown
    from modelwright.lifecycle.workspace import Workspace
    from modelwright.registry import rollouts

    space = Workspace(context.workspace, actor=context.actor, clock=context.clock)
    from modelwright.core.errors import StateError

    journal = space.journal()
    now = rollouts.active(journal, request.name)
    if request.version is None and len(now.plan.to) > 1:
        raise StateError(
            f"Several versions take part in {now.id}.",
            code="rollout.versions",
            hint=f"say --version and one of {now.plan.to}",
            subject=f"model:{request.name}",
        )
    ended = rollouts.finish(
        journal, space.root, request.name, champion=request.version or now.plan.to[0],
        reason=request.override or request.reason or "promoted by hand", actor=context.actor,
        override=request.override, at=now,
    )  # fmt: skip
    return shown(ended)


PLUGIN: Operation = Operation(request=Request, perform=perform)

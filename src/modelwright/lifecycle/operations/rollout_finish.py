"""End a rollout with its report; the champion stays who it is."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    name: Annotated[str, Meta(description="the registered model", extra={"positional": True})]
    reason: Annotated[str, Meta(description="why, for the journal")] = ""


def perform(request: Request, context: Context) -> dict[str, Any]:
    from modelwright.lifecycle.rolling_out.shown import shown
    from modelwright.lifecycle.workspace import Workspace
    from modelwright.registry import rollouts

    space = Workspace(context.workspace, actor=context.actor, clock=context.clock)
    from modelwright.lifecycle.rolling_out.reports import report

    journal = space.journal()
    now = rollouts.active(journal, request.name)
    ended = rollouts.finish(
        journal, space.root, request.name, champion=None, reason=request.reason or "finished by hand",
        actor=context.actor, evidence={"report": report(space.root, now)}, at=now,
    )  # fmt: skip
    return shown(ended)


PLUGIN: Operation = Operation(request=Request, perform=perform)

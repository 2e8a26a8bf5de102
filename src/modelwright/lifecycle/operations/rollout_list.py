"""List rollouts, the newest last."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    name: Annotated[str | None, Meta(description="only of this model", extra={"positional": True})] = None
    active: Annotated[bool, Meta(description="only those that go on")] = False


def perform(request: Request, context: Context) -> dict[str, Any]:
    from modelwright.lifecycle.rolling_out.shown import shown
    from modelwright.lifecycle.workspace import Workspace
    from modelwright.registry.rollout_state import fold

    every = fold(Workspace(context.workspace).journal().read())
    kept = [one for one in every if request.name in (None, one.name) and (one.active or not request.active)]
    return {"rollouts": [{k: v for k, v in shown(one).items() if k not in ("evidence", "plan")} for one in kept]}


PLUGIN: Operation = Operation(request=Request, perform=perform)

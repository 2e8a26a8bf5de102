"""Keep the journal in PostgreSQL, where several machines share a workspace, or in the workspace's own file again."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    to: Annotated[
        str,
        Meta(
            description="postgresql://user@host:5432/database#table (${NAME} is read from the environment), or sqlite",
            extra={"positional": True},
        ),
    ]


def perform(request: Request, context: Context) -> dict[str, Any]:
    from modelwright.lifecycle.moving_journal import move
    from modelwright.lifecycle.workspace import Workspace

    return move(Workspace(context.workspace, actor=context.actor, clock=context.clock), request.to)


PLUGIN: Operation = Operation(request=Request, perform=perform)

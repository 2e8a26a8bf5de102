"""Free the disk of deleted versions that can no longer be restored, or of one that never shall be."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    name: Annotated[str, Meta(description="the registered model", extra={"positional": True})]
    version: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(description="this deleted version at once; by default those whose time to be restored is over"),
    ] = None
    dry_run: Annotated[bool, Meta(description="only say what would go")] = False


def perform(request: Request, context: Context) -> dict[str, Any]:
    from modelwright.lifecycle.purging import purge
    from modelwright.lifecycle.workspace import Workspace

    space = Workspace(context.workspace, actor=context.actor, clock=context.clock)
    gone = purge(space, request.name, request.version, context.clock.now(), dry_run=request.dry_run)
    return {
        "name": request.name, "dry_run": request.dry_run, "purged": gone,
        "freed_bytes": sum(one["size_bytes"] for one in gone),
    }  # fmt: skip


PLUGIN: Operation = Operation(request=Request, perform=perform)

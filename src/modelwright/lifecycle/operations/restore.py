"""Restore a backup into a folder that does not exist yet, with every digest compared and the golden rows asked."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    source: Annotated[str, Meta(description="the folder that `backup` wrote into", extra={"positional": True})]
    into: Annotated[str, Meta(description="the workspace's folder to make", extra={"positional": True})]
    id: Annotated[str, Meta(description="which backup; by default the latest")] = "latest"


def perform(request: Request, _context: Context) -> dict[str, Any]:
    from pathlib import Path

    from modelwright.lifecycle.backing_up import restore

    return restore(Path(request.source), Path(request.into), request.id)


PLUGIN: Operation = Operation(request=Request, perform=perform)

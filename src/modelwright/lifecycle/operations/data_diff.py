"""Say what changed between two dataset versions, or between the data of two runs."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    before: Annotated[
        str, Meta(description="a dataset digest, a beginning of one, or a run", extra={"positional": True})
    ]
    after: Annotated[str, Meta(description="the other one", extra={"positional": True})] = "latest"


def perform(request: Request, context: Context) -> dict[str, Any]:
    from modelwright.data.versions import diff
    from modelwright.lifecycle.dataset_versions import find
    from modelwright.lifecycle.workspace import Workspace

    workspace = Workspace(context.workspace)
    found: dict[str, Any] = msgspec.to_builtins(diff(find(workspace, request.before), find(workspace, request.after)))
    return found


PLUGIN: Operation = Operation(request=Request, perform=perform)

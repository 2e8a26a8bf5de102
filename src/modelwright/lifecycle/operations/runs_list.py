"""List the runs of a workspace, newest first."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    limit: Annotated[int, Meta(ge=1, description="how many at most")] = 20
    name: Annotated[str | None, Meta(description="only runs of this model name")] = None


def perform(request: Request, context: Context) -> dict[str, Any]:
    from modelwright.core.errors import StateError
    from modelwright.lifecycle.summaries import summary
    from modelwright.lifecycle.workspace import Workspace

    workspace = Workspace(context.workspace)
    found: list[dict[str, Any]] = []
    for run_id in reversed(workspace.run_ids()):
        try:
            record = workspace.read_record(workspace.run_folder(run_id))
        except StateError:
            found.append({"run_id": run_id, "status": "damaged"})
            continue
        if request.name in (None, record.name):
            found.append(summary(record))
        if len(found) >= request.limit:
            break
    return {"workspace": str(workspace.root), "runs": found}


PLUGIN: Operation = Operation(request=Request, perform=perform)

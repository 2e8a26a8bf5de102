"""Explain a run's model: what each column is worth, and why one row got its answer."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    run: Annotated[str, Meta(description="a run id, a beginning of one, or latest", extra={"positional": True})] = (
        "latest"
    )
    row: Annotated[
        Annotated[int, Meta(ge=0)] | None, Meta(description="explain this row of the data (0 is the first)")
    ] = None
    data: Annotated[str | None, Meta(description="take the row from this table instead of the run's own data")] = None


def perform(request: Request, context: Context) -> dict[str, Any]:
    from modelwright.lifecycle.workspace import Workspace

    workspace = Workspace(context.workspace)
    record = workspace.read_run(request.run)
    importances = record.report.importances if record.report else ()
    result: dict[str, Any] = {
        "run_id": record.run_id,
        "metric": record.report.metric if record.report else None,
        "importances": [msgspec.to_builtins(each) for each in sorted(importances, key=lambda each: -each.value)],
    }
    if request.row is not None:
        from modelwright.lifecycle.explaining import explain_one

        result["row"] = explain_one(record, workspace.run_folder(record.run_id) / "bundle", request.row, request.data)
    return result


PLUGIN: Operation = Operation(request=Request, perform=perform)

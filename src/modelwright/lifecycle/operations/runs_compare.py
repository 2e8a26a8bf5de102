"""Compare runs: data, parameters, environment and results side by side, differences first."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    runs: Annotated[
        tuple[str, ...], Meta(min_length=2, max_length=8, description="two or more runs", extra={"positional": True})
    ]


def perform(request: Request, context: Context) -> dict[str, Any]:
    from modelwright.lifecycle.summaries import differences, summary
    from modelwright.lifecycle.workspace import Workspace

    workspace = Workspace(context.workspace)
    records = [workspace.read_run(run) for run in request.runs]
    return {
        "runs": [summary(record) for record in records],
        "differences": differences(records),
        "metrics": {
            record.run_id: {name: estimate.value for name, estimate in record.report.metrics.get("test", {}).items()}
            for record in records
            if record.report is not None
        },
    }


PLUGIN: Operation = Operation(request=Request, perform=perform)

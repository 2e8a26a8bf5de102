"""List the dataset versions that runs of this workspace have used."""

from __future__ import annotations

from typing import Any

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    pass


def perform(request: Request, context: Context) -> dict[str, Any]:
    from modelwright.lifecycle.workspace import Workspace

    workspace = Workspace(context.workspace)
    versions: dict[str, dict[str, Any]] = {}
    for record in reversed([*workspace.readable_runs()]):
        version = versions.setdefault(
            record.data_digest,
            {
                "digest": record.data_digest,
                "source": record.source,
                "rows": record.n_rows,
                "columns": record.n_columns,
                "first_used_at": record.started_at,
                "runs": [],
            },
        )
        version["runs"].append(record.run_id)
    return {"versions": sorted(versions.values(), key=lambda each: each["first_used_at"], reverse=True)}


PLUGIN: Operation = Operation(request=Request, perform=perform)

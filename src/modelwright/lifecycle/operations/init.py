"""Look at a table and write a commented pipeline.yaml that fits it."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    data: Annotated[str, Meta(description="a path, glob, URI or sklearn:NAME", extra={"positional": True})]
    target: Annotated[str | None, Meta(description="the column to predict; without it: clustering")] = None
    output: Annotated[str, Meta(description="where to write the file", extra={"flag": "-o"})] = "pipeline.yaml"
    table: Annotated[str | None, Meta(description="databases: a table or a SELECT; Excel: the sheet")] = None
    force: Annotated[bool, Meta(description="replace an existing file")] = False


def perform(request: Request, context: Context) -> dict[str, Any]:
    from pathlib import Path

    from modelwright.core.errors import StateError
    from modelwright.lifecycle.looking import look
    from modelwright.lifecycle.operation import Progress
    from modelwright.lifecycle.proposal import propose
    from modelwright.lifecycle.workspace import write_atomically
    from modelwright.spec.write import render

    output = Path(request.output)
    if output.exists() and not request.force:
        raise StateError(
            f"{output} exists already.",
            code="init.exists",
            hint="choose another name with -o, or replace it with --force",
            subject=f"file:{output.name}",
        )
    context.progress(Progress(step="init", message=f"reading {request.data}"))
    seen = look(request.data, target=request.target, table=request.table)
    for note in seen.dataset.notes:
        context.progress(Progress(step="init", message=note))
    if seen.problem is None:
        assert seen.obstacle is not None
        raise seen.obstacle
    spec, comments = propose(seen.dataset, seen.problem, request.data, output.parent, table=request.table)
    write_atomically(output, render(spec, comments).encode())
    roles: dict[str, list[str]] = {}
    for column in seen.dataset.schema.columns:
        roles.setdefault(column.role.value, []).append(column.name)
    return {
        "path": str(output),
        "rows": seen.dataset.n_rows,
        "task": seen.problem.task.value,
        "task_reason": seen.problem.reason,
        "metric": seen.problem.metric,
        "metric_reason": seen.problem.metric_reason,
        "split": msgspec.to_builtins(seen.problem.split),
        "roles": roles,
        "types": {column.name: column.type.value for column in seen.dataset.schema.columns},
        "simpler": seen.problem.simpler,
        "notes": [*seen.problem.notes, *seen.dataset.notes],
        "next": f"modelwright run {output}",
    }


PLUGIN: Operation = Operation(request=Request, perform=perform)

"""Describe a table: types, roles, missing values, distributions, as JSON and as a page with pictures."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    data: Annotated[str, Meta(description="a path, glob, URI or sklearn:NAME", extra={"positional": True})]
    target: Annotated[str | None, Meta(description="the column to predict, if there is one")] = None
    table: Annotated[str | None, Meta(description="databases: a table or a SELECT; Excel: the sheet")] = None
    output: Annotated[
        str | None, Meta(description="write the page (.html) or its Markdown (.md) here", extra={"flag": "-o"})
    ] = None


def perform(request: Request, context: Context) -> dict[str, Any]:
    from pathlib import Path

    from modelwright.lifecycle.looking import look
    from modelwright.lifecycle.operation import Progress
    from modelwright.lifecycle.workspace import write_atomically

    context.progress(Progress(step="profile", message=f"reading {request.data}"))
    seen = look(request.data, target=request.target, table=request.table)
    from modelwright.data.profile import profile

    for note in seen.dataset.notes:
        context.progress(Progress(step="profile", message=note))
    described = profile(seen.dataset)
    page = None
    if request.output is not None:
        from modelwright.documents import profile as pages

        render = pages.markdown if request.output.endswith(".md") else pages.html
        page = Path(request.output)
        write_atomically(page, render(described, seen.dataset.schema, seen.dataset.source).encode())
    return {
        "source": seen.dataset.source,
        "data_digest": seen.dataset.digest,
        "rows": seen.dataset.n_rows,
        "columns": len(seen.dataset.schema.columns),
        "coercions": [
            {"column": each.column, "count": each.count, "what": each.what} for each in seen.dataset.coercions
        ],
        "quarantined": [{"line": each.line, "reason": each.reason} for each in seen.dataset.quarantined],
        "profile": described,
        "paths": {"page": str(page)} if page else {},
    }


PLUGIN: Operation = Operation(request=Request, perform=perform)

"""Add late labels to the prediction log: a file of what really happened, joined by request id or row id."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    model: Annotated[str, Meta(description="the model's name", extra={"positional": True})]
    data: Annotated[str, Meta(description="a table of labels: a path, glob or URI", extra={"positional": True})]
    label: Annotated[str, Meta(description="the column of what really happened")] = "label"
    request_id: Annotated[str, Meta(description="the column of the request's id")] = "request_id"
    row: Annotated[str | None, Meta(description="the column of the row in the request (default: `row`, else 0)")] = None
    row_id: Annotated[str | None, Meta(description="instead of both: the column of the caller's own row id")] = None
    at: Annotated[str | None, Meta(description="the column that says when it became true")] = None


def perform(request: Request, context: Context) -> dict[str, Any]:
    from pathlib import Path

    from modelwright.lifecycle.labelling import Columns, add

    columns = Columns(
        label=request.label, request_id=request.request_id, row=request.row, row_id=request.row_id, at=request.at
    )
    return add(context.workspace, request.model, request.data, columns, context.clock, Path.cwd())


PLUGIN: Operation = Operation(request=Request, perform=perform)

"""Show logged predictions by model, time or request, or write them to a file."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    model: Annotated[str | None, Meta(description="only predictions of this model", extra={"positional": True})] = None
    model_version: Annotated[int | None, Meta(description="only predictions of this version")] = None
    since: Annotated[str | None, Meta(description="from this time on: 2026-11-21, or 2026-11-21T14:05 (UTC)")] = None
    until: Annotated[str | None, Meta(description="before this time")] = None
    request: Annotated[str | None, Meta(description="only the rows of this request id")] = None
    labels: Annotated[bool, Meta(description="with the late labels beside them")] = False
    limit: Annotated[int, Meta(ge=1, le=1_000_000, description="the newest so many rows; with -o all are written")] = 20
    output: Annotated[
        str | None, Meta(description="write them here: .parquet, .csv or .jsonl", extra={"flag": "-o"})
    ] = None


def perform(request: Request, context: Context) -> dict[str, Any]:
    from pathlib import Path

    import polars as pl

    from modelwright.lifecycle.log_times import moment
    from modelwright.lifecycle.prediction_log import joined, read
    from modelwright.lifecycle.scoring import write_table, writer_for

    if request.output is not None:
        writer_for(Path(request.output))  # a wrong suffix is said before the work, not after
    find = joined if request.labels else read
    rows = find(
        context.workspace,
        request.model,
        moment(request.since, "since"),
        moment(request.until, "until"),
        version=request.model_version,
    )
    if request.request is not None:
        rows = rows.filter(pl.col("request_id") == request.request)
    rows = rows.sort("at", "request_id", "row")
    if request.output is None:
        shown = rows.tail(request.limit).collect()
        return {"rows": shown.height, "predictions": shown.to_dicts()}
    found = rows.collect()
    write_table(found, Path(request.output))
    return {"rows": found.height, "paths": {"output": request.output}}


PLUGIN: Operation = Operation(request=Request, perform=perform)

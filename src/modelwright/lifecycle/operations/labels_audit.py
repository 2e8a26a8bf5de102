"""Draw a small random sample of logged predictions for people to label: the only thing that sees concept drift."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    model: Annotated[str, Meta(description="the model's name", extra={"positional": True})]
    output: Annotated[str, Meta(description="the file to fill in: .csv, .parquet or .jsonl", extra={"flag": "-o"})] = (
        "audit.csv"
    )
    per_window: Annotated[int, Meta(ge=1, le=100_000, description="predictions drawn from each window")] = 150
    window: Annotated[str, Meta(description="a time (6h, 1d, 1w) or a number of rows (2000)")] = "1d"
    since: Annotated[str | None, Meta(description="from this time on: 2026-11-21, or 2026-11-21T14:05 (UTC)")] = None
    until: Annotated[str | None, Meta(description="before this time")] = None
    seed: Annotated[int, Meta(ge=0, description="the same seed draws the same predictions")] = 0


def perform(request: Request, context: Context) -> dict[str, Any]:
    from pathlib import Path

    from modelwright.lifecycle.labelling_audits import Asked, draw_audit
    from modelwright.lifecycle.log_times import moment

    asked = Asked(
        per_window=request.per_window,
        window=request.window,
        output=Path(request.output),
        seed=request.seed,
        since=moment(request.since, "since"),
        until=moment(request.until, "until"),
    )
    return draw_audit(context.workspace, request.model, asked, context.clock)


PLUGIN: Operation = Operation(request=Request, perform=perform)

"""Tell whether a model became worse, from any file that holds truths and predictions: when, how sure, and where."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    data: Annotated[
        str, Meta(description="a table with truths and predictions: a path, glob or URI", extra={"positional": True})
    ]
    truth: Annotated[str, Meta(description="the column of what really happened")]
    prediction: Annotated[str, Meta(description="the column of what was predicted")]
    score: Annotated[str | None, Meta(description="the column of the positive class's probability")] = None
    time: Annotated[str | None, Meta(description="the column to order by (default: the order of the file)")] = None
    reference: Annotated[
        str | None,
        Meta(description="what the model is compared with: so many first rows, a share of them (0.2), or a file"),
    ] = None
    segments: Annotated[
        tuple[str, ...],
        Meta(description="a column whose groups are looked at one by one; repeatable", extra={"name": "--segments"}),
    ] = ()
    task: Annotated[
        Literal["classification", "regression"] | None, Meta(description="what was predicted (default: as it looks)")
    ] = None
    level: Annotated[float, Meta(ge=0.5, le=0.999, description="level of every interval")] = 0.95


def perform(request: Request, context: Context) -> dict[str, Any]:
    from pathlib import Path

    from modelwright.lifecycle.decaying import Question, of_file
    from modelwright.lifecycle.operation import Progress

    context.progress(Progress(step="decay", message=f"reading {request.data}"))
    question = Question(
        truth=request.truth,
        prediction=request.prediction,
        score=request.score,
        time=request.time,
        reference=request.reference,
        segments=request.segments,
        task=request.task or "",
        level=request.level,
    )
    return of_file(request.data, question, Path.cwd())


PLUGIN: Operation = Operation(request=Request, perform=perform)

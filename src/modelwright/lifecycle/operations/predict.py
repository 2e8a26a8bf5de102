"""Score a table with a bundle, or with a registered model, and write the answers in the input's order."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    bundle: Annotated[
        str, Meta(description="a bundle folder, NAME, NAME:VERSION or NAME@ALIAS", extra={"positional": True})
    ]
    data: Annotated[str, Meta(description="a path, glob or URI", extra={"positional": True})]
    output: Annotated[str, Meta(description="where to write: .csv, .parquet or .jsonl", extra={"flag": "-o"})]
    table: Annotated[str | None, Meta(description="databases: a table or a SELECT; Excel: the sheet")] = None
    prepare: Annotated[
        str | None, Meta(description="module:function of your own to prepare the table with, as data.prepare did")
    ] = None
    allow_hook: Annotated[
        tuple[str, ...], Meta(description="let the bundle call this function of yours, module:function; repeatable")
    ] = ()
    intervals: Annotated[
        bool,
        Meta(description="also write how sure the model is: columns low and high, or the set of classes"),
    ] = False


def perform(request: Request, context: Context) -> dict[str, Any]:
    from pathlib import Path

    from modelwright.lifecycle.operation import Progress
    from modelwright.lifecycle.prepare import apply_prepare, read_source
    from modelwright.lifecycle.scoring import find_bundle, write_table, writer_for
    from modelwright.lifecycle.typed import texts_of_training, typed
    from modelwright.registry.answers import predictions_frame
    from modelwright.registry.bundle import load
    from modelwright.spec.model import DataSpec, Spec

    output = Path(request.output)
    writer_for(output)  # a wrong suffix is said before the work, not after
    folder = find_bundle(request.bundle, context.workspace)
    context.progress(Progress(step="load", message="verifying and probing the bundle"))
    bundle = load(folder, hooks=request.allow_hook)
    context.progress(Progress(step="read", message=f"reading {request.data}"))
    raw = read_source(Spec(data=DataSpec(source=request.data, table=request.table)), Path.cwd())
    if request.prepare is not None:
        raw = typed(raw, texts_of_training(raw.frame, bundle.signature))
        raw = apply_prepare(raw, request.prepare, Path.cwd())
    context.progress(Progress(step="predict", message=f"scoring {raw.frame.height:,} rows"))
    _, coercions = bundle.conform(raw.frame)
    predictions = bundle.predict(raw.frame)
    answers = predictions_frame(bundle.signature, predictions)
    if request.intervals:
        answers = answers.hstack(bundle.uncertain(predictions))
    write_table(answers, output)
    return {
        "rows": answers.height,
        "columns": answers.columns,
        "bundle_digest": bundle.digest,
        "quarantined": [{"line": row.line, "reason": row.reason} for row in raw.quarantined],
        "coercions": [{"column": each.column, "count": each.count, "what": each.what} for each in coercions],
        "paths": {"output": str(output)},
    }


PLUGIN: Operation = Operation(request=Request, perform=perform)

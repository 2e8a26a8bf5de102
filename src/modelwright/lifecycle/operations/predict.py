"""Score a table of any size with a bundle or a registered model; answers in the input's order."""

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
    output: Annotated[
        str, Meta(description="where to write: .csv, .parquet or .jsonl, here or at s3://", extra={"flag": "-o"})
    ]
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
    log: Annotated[bool, Meta(description="write the answers to the prediction log too")] = False
    workers: Annotated[
        Annotated[int, Meta(ge=1)] | None, Meta(description="processes for a large table (default: one per core)")
    ] = None
    chunk_rows: Annotated[
        Annotated[int, Meta(ge=1, le=1_000_000)] | None,
        Meta(description="score in chunks of so many rows, also where the table is small"),
    ] = None


def perform(request: Request, context: Context) -> dict[str, Any]:
    from modelwright.lifecycle.batch.predicting import Wanted, in_chunks, whole
    from modelwright.lifecycle.batch.targets import target_of
    from modelwright.lifecycle.operation import Progress
    from modelwright.lifecycle.scoring import find_bundle
    from modelwright.registry.bundle import load

    target = target_of(request.output, context.workspace)  # a wrong suffix is said before the work, not after
    folder = find_bundle(request.bundle, context.workspace)
    context.progress(Progress(step="load", message="verifying and probing the bundle"))
    bundle = load(folder, hooks=request.allow_hook)
    wanted = Wanted(**{field: getattr(request, field) for field in Wanted.__slots__})
    found = in_chunks(wanted, bundle, folder, target, context)
    return found if found is not None else whole(wanted, bundle, folder, target, context)


PLUGIN: Operation = Operation(request=Request, perform=perform)

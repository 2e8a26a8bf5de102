"""Make a bundle smaller or faster within limits, and say what it cost."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    bundle: Annotated[
        str, Meta(description="a bundle folder, NAME, NAME:VERSION or NAME@ALIAS", extra={"positional": True})
    ]
    max_latency_us: Annotated[
        Annotated[float, Meta(gt=0)] | None,
        Meta(description="most microseconds for one row (median) on this machine"),
    ] = None
    max_size_mb: Annotated[
        Annotated[float, Meta(gt=0)] | None, Meta(description="most megabytes (10^6 bytes) of the whole folder")
    ] = None
    data: Annotated[
        str | None,
        Meta(description="rows with the target that the bundle has not learned from; else those of its own run"),
    ] = None
    table: Annotated[str | None, Meta(description="databases: a table or a SELECT; Excel: the sheet")] = None
    metric: Annotated[str | None, Meta(description="with --data: what is to be kept; the task's own by default")] = None
    output: Annotated[
        str | None,
        Meta(description="the new folder; NAME-optimized by default", extra={"flag": "-o"}),
    ] = None
    allow_hook: Annotated[
        tuple[str, ...], Meta(description="let the bundle call this function of yours, module:function; repeatable")
    ] = ()
    register: Annotated[str | None, Meta(description="also make it a new version of this model")] = None


def perform(request: Request, context: Context) -> dict[str, Any]:
    from pathlib import Path

    from modelwright.lifecycle.optimisation.evidence import DataAsked
    from modelwright.lifecycle.optimising import Limits, OptimiseOrder, optimise
    from modelwright.lifecycle.scoring import find_bundle

    folder = find_bundle(request.bundle, context.workspace)
    plain = request.bundle.rstrip("/").replace("@", "-").replace(":", "-")
    order = OptimiseOrder(
        bundle=folder,
        output=Path(request.output or f"{Path(plain).name}-optimized"),
        limits=Limits(latency_us=request.max_latency_us, size_mb=request.max_size_mb),
        data=DataAsked(source=request.data, table=request.table, metric=request.metric),
        hooks=request.allow_hook,
        register=request.register,
    )
    return optimise(order, context)


PLUGIN: Operation = Operation(request=Request, perform=perform)

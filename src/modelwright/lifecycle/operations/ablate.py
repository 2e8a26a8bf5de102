"""Measure what each feature group, column and component of a pipeline adds, with intervals."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    pipeline: Annotated[str, Meta(description="the pipeline file", extra={"positional": True})] = "pipeline.yaml"
    by: Annotated[
        Literal["groups", "columns", "components", "all"],
        Meta(description="what is left out: related columns, single columns, parts of the pipeline, or all of these"),
    ] = "all"
    budget_s: Annotated[
        Annotated[float, Meta(gt=0, le=14_400)] | None,
        Meta(description="seconds for the refits; training.budget_s by default. What was finished is kept"),
    ] = None
    overrides: Annotated[
        tuple[str, ...], Meta(description="change one value: section.key=value", extra={"name": "--set"})
    ] = ()


def perform(request: Request, context: Context) -> dict[str, Any]:
    from pathlib import Path

    import msgspec

    from modelwright.lifecycle.ablation import AblateOrder, execute
    from modelwright.lifecycle.operations.run import name_of
    from modelwright.spec.load import load_spec
    from modelwright.training.ablation import KINDS

    path = Path(request.pipeline)
    loaded = load_spec(path, overrides=request.overrides)
    spec = loaded.spec
    order = AblateOrder(
        spec=spec,
        base_dir=path.parent,
        name=spec.model.name or name_of(path),
        kinds=KINDS if request.by == "all" else (request.by,),
        budget_s=request.budget_s or spec.training.budget_s,
    )
    with loaded.locating():
        done = execute(order, context)
    found = done.ablation
    counts: dict[str, int] = {}
    for item in found.items:
        counts[item.verdict] = counts.get(item.verdict, 0) + 1
    return {
        "pipeline": str(path),
        "by": request.by,
        "family": done.family,
        "params": done.params,
        "metric": found.metric,
        "score": msgspec.to_builtins(found.score),
        "rows": done.rows,
        "items": [msgspec.to_builtins(item) for item in found.items],
        "counts": counts,
        "refit_noise": found.refit_noise,
        "train_reused": done.train_reused,
        "interrupted": found.interrupted,
        "seconds": found.seconds,
    }


PLUGIN: Operation = Operation(request=Request, perform=perform)

"""Run a pipeline file: from the table to a reviewed, registered model bundle."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    pipeline: Annotated[str, Meta(description="the pipeline file", extra={"positional": True})] = "pipeline.yaml"
    budget_s: Annotated[
        Annotated[float, Meta(gt=0, le=14_400)] | None,
        Meta(description="seconds to train; overrides training.budget_s"),
    ] = None
    overrides: Annotated[
        tuple[str, ...], Meta(description="change one value: section.key=value", extra={"name": "--set"})
    ] = ()


def perform(request: Request, context: Context) -> dict[str, Any]:
    from pathlib import Path

    from modelwright.lifecycle.pipeline import Order, execute
    from modelwright.lifecycle.summaries import outcome
    from modelwright.spec.load import load_spec

    path = Path(request.pipeline)
    overrides = request.overrides
    if request.budget_s is not None:
        overrides = (*overrides, f"training.budget_s={request.budget_s}")
    loaded = load_spec(path, overrides=overrides)
    name = loaded.spec.model.name or name_of(path)
    order = Order(spec=loaded.spec, text=loaded.text, base_dir=path.parent, name=name)
    with loaded.locating():
        return outcome(execute(order, context))


def name_of(path: Any) -> str:
    """A registry name from the file's own, or from its folder's where the file has the usual name."""
    import re

    stem = path.absolute().parent.name if path.stem == "pipeline" else path.stem
    slug = re.sub(r"[^a-z0-9_-]+", "-", stem.lower()).strip("-_")
    return slug if re.match(r"[a-z]", slug) else f"model-{slug}".rstrip("-")


PLUGIN: Operation = Operation(request=Request, perform=perform)

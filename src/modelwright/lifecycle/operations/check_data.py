"""Check the data of a pipeline file without training anything."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    pipeline: Annotated[str, Meta(description="the pipeline file", extra={"positional": True})] = "pipeline.yaml"
    overrides: Annotated[
        tuple[str, ...], Meta(description="change one value: section.key=value", extra={"name": "--set"})
    ] = ()


def perform(request: Request, context: Context) -> dict[str, Any]:
    from pathlib import Path

    from modelwright.checks.verdict import fold
    from modelwright.lifecycle.operation import Progress
    from modelwright.lifecycle.prepare import divide, prepare
    from modelwright.lifecycle.stages.examine import examine
    from modelwright.spec.load import load_spec

    path = Path(request.pipeline)
    loaded = load_spec(path, overrides=request.overrides)
    context.progress(Progress(step="data", message=f"reading {loaded.spec.data.source}"))
    with loaded.locating():
        prepared = prepare(loaded.spec, path.parent)
        for note in prepared.dataset.notes:
            context.progress(Progress(step="data", message=note))
        context.progress(Progress(step="checks", message=f"checking {prepared.dataset.n_rows:,} rows"))
        found = examine(prepared, loaded.spec, divide(prepared, loaded.spec, path.parent))
    verdict = fold(found.findings, "data")
    return {
        "verdict": verdict.decision.value,
        "confidence": verdict.confidence.value,
        "reasons": list(verdict.reasons),
        "conditions": list(verdict.conditions),
        "findings": [msgspec.to_builtins(finding) for finding in found.findings],
        "task": prepared.problem.task.value,
        "rows": prepared.dataset.n_rows,
        "columns": len(prepared.dataset.schema.columns),
        "data_digest": prepared.dataset.digest,
        "notes": list(prepared.dataset.notes),
        "quarantined": [{"line": row.line, "reason": row.reason} for row in prepared.dataset.quarantined],
        "coercions": [
            {"column": each.column, "count": each.count, "what": each.what} for each in prepared.dataset.coercions
        ],
    }


PLUGIN: Operation = Operation(request=Request, perform=perform)

"""Say why a step of a run ran again, or why its result could be reused."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    run: Annotated[str, Meta(description="a run id, a beginning of one, or latest", extra={"positional": True})] = (
        "latest"
    )
    step: Annotated[str | None, Meta(description="one step; all of them without it", extra={"positional": True})] = None


def perform(request: Request, context: Context) -> dict[str, Any]:
    from modelwright.core.errors import NotFoundError, did_you_mean
    from modelwright.lifecycle.workspace import Workspace

    workspace = Workspace(context.workspace)
    record = workspace.read_run(request.run)
    known = [step.name for step in record.steps]
    if request.step is not None and request.step not in known:
        raise NotFoundError(
            f"Run {record.run_id} has no step '{request.step}'.",
            code="step.unknown",
            hint=did_you_mean(request.step, known),
            subject=f"step:{request.step}",
        )
    same_name = [run for run in workspace.readable_runs() if run.name == record.name and run.run_id < record.run_id]
    steps = []
    for step in record.steps:
        if request.step not in (None, step.name):
            continue
        before = next((old for run in same_name for old in run.steps if old.name == step.name), None)
        changed = (
            {
                part: {"before": before.parts.get(part), "now": step.parts.get(part)}
                for part in sorted({*before.parts, *step.parts})
                if before.parts.get(part) != step.parts.get(part)
            }
            if before
            else {}
        )
        steps.append(
            {
                "step": step.name,
                "reused": step.reused,
                "reason": step.reason,
                "seconds": step.seconds,
                "changed": changed,
                "would_be_reused_if": sorted(changed) or sorted(step.parts),
            }
        )
    return {"run_id": record.run_id, "compared_with": same_name[0].run_id if same_name else None, "steps": steps}


PLUGIN: Operation = Operation(request=Request, perform=perform)

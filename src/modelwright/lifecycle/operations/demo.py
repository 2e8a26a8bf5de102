"""Train, review and bundle a model of a real table, and tell the story."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    folder: Annotated[str, Meta(description="where to put the demo's file and workspace")] = "demo"
    data: Annotated[str, Meta(description="which bundled table, such as sklearn:breast_cancer")] = (
        "sklearn:breast_cancer"
    )
    budget_s: Annotated[float, Meta(gt=0, description="seconds to train")] = 30.0


def perform(request: Request, context: Context) -> dict[str, Any]:
    from dataclasses import replace
    from pathlib import Path

    from modelwright.documents.story import story
    from modelwright.lifecycle.operations import init, run
    from modelwright.lifecycle.workspace import Workspace

    folder = Path(request.folder)
    folder.mkdir(parents=True, exist_ok=True)
    pipeline = folder / "pipeline.yaml"
    init.perform(init.Request(data=request.data, target="target", output=str(pipeline), force=True), context)
    workspace = folder / ".modelwright"
    result = run.perform(
        run.Request(pipeline=str(pipeline), budget_s=request.budget_s), replace(context, workspace=workspace)
    )
    record = Workspace(workspace).read_run(result["run_id"])
    return {**result, "story": story(record)}


PLUGIN: Operation = Operation(request=Request, perform=perform)

"""Remove sealed predictions that are older than some days."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    days: Annotated[int, Meta(ge=1, le=36_500, description="how long predictions are kept")]
    model: Annotated[str | None, Meta(description="only those of this model; without it, of every model")] = None


def perform(request: Request, context: Context) -> dict[str, Any]:
    from modelwright.lifecycle.prediction_log import log_folder
    from modelwright.lifecycle.workspace import Workspace
    from modelwright.records.keeping import retain

    folder = log_folder(context.workspace)
    if not folder.is_dir():
        return {"files": 0, "rows": 0, "labels": 0}
    now_us = int(context.clock.now().timestamp() * 1_000_000)
    done = retain(folder, now_us, {request.model or "*": request.days})
    told = {"files": done.removed_files, "rows": done.removed_rows, "labels": done.removed_labels}
    if done.removed_files:
        journal = Workspace(context.workspace, actor=context.actor, clock=context.clock).journal()
        journal.append("log.retained", "log:predictions", {**told, "days": request.days, "model": request.model})
    return told


PLUGIN: Operation = Operation(request=Request, perform=perform)

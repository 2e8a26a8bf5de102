"""Remove every logged row of a person, and the labels of those rows."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    subject: Annotated[
        tuple[str, ...], Meta(min_length=1, description="the person, as serving.log.subject names persons; repeatable")
    ]


def perform(request: Request, context: Context) -> dict[str, Any]:
    from modelwright.lifecycle.prediction_log import log_folder
    from modelwright.lifecycle.workspace import Workspace
    from modelwright.records.keeping import erase
    from modelwright.records.keys import load_key, subject_hash
    from modelwright.records.sealing import seal

    folder = log_folder(context.workspace)
    key = load_key(folder, create=False)
    now_us = int(context.clock.now().timestamp() * 1_000_000)
    seal(folder, now_us)
    done = erase(folder, now_us, [subject_hash(one, key) for one in request.subject])
    told = {
        "subjects": len(request.subject),
        "rows": done.removed_rows,
        "labels": done.removed_labels,
        "files": done.merged_files,
    }
    # The journal is kept for ever: it says that persons were erased, never whom.
    workspace = Workspace(context.workspace, actor=context.actor, clock=context.clock)
    workspace.journal().append("log.erased", "log:predictions", told)
    return told


PLUGIN: Operation = Operation(request=Request, perform=perform)

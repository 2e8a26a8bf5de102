"""Show one run: what was read, found, tried and decided."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    run: Annotated[str, Meta(description="a run id, a beginning of one, or latest", extra={"positional": True})] = (
        "latest"
    )
    full: Annotated[bool, Meta(description="everything that was recorded")] = False


def perform(request: Request, context: Context) -> dict[str, Any]:
    from modelwright.lifecycle.summaries import outcome, summary
    from modelwright.lifecycle.workspace import Workspace

    record = Workspace(context.workspace).read_run(request.run)
    if request.full:
        full: dict[str, Any] = msgspec.to_builtins(record)
        return full
    # a stored verdict is shown, not judged again: the key that sets the exit code stays with `run`
    shown = {**summary(record), **outcome(record)}
    shown["decision"] = shown.pop("verdict")
    return shown


PLUGIN: Operation = Operation(request=Request, perform=perform)

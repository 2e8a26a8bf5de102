"""Go back: a model to the version that served before, or everything to a snapshot, checked before anything moves."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    name: Annotated[
        str | None, Meta(description="the model; left out where --to names a snapshot", extra={"positional": True})
    ] = None
    to: Annotated[str | None, Meta(description="a version that served, or a snapshot's id or name")] = None
    reason: Annotated[str, Meta(description="why, for the journal")] = ""
    wait: Annotated[float, Meta(ge=0.0, le=600.0, description="seconds to wait until every server follows")] = 30.0
    project: Annotated[str | None, Meta(description="snapshots: the project's folder; by default the current one")] = (
        None
    )
    force_code: Annotated[
        bool, Meta(description="snapshots: keep uncommitted changes safe under a git reference, then go back")
    ] = False
    reinstall: Annotated[
        bool, Meta(description="snapshots: where the lock differs, install it into a fresh environment beside")
    ] = False
    undo: Annotated[bool, Meta(description="undo a rollback to a snapshot that was killed or failed midway")] = False
    allow_hook: Annotated[
        tuple[str, ...], Meta(description="let a bundle call this function of yours, module:function; repeatable")
    ] = ()


def perform(request: Request, context: Context) -> dict[str, Any]:
    from modelwright.core.errors import SpecError
    from modelwright.lifecycle.workspace import Workspace

    space = Workspace(context.workspace, actor=context.actor, clock=context.clock)
    if request.name is None:
        return _to_snapshot(request, context, space)
    if request.to is not None and not request.to.isdecimal():
        raise SpecError(
            f"'{request.to[:60]}' is no version of '{request.name}'.",
            code="rollback.target",
            hint="say a number with a model, or leave the model out to go to a snapshot",
            subject="--to",
        )
    from modelwright.lifecycle.rolling_back import Order, roll_back

    order = Order(
        name=request.name, to=None if request.to is None else int(request.to), reason=request.reason,
        wait_s=request.wait, hooks=request.allow_hook,
    )  # fmt: skip
    return roll_back(space, order)


def _to_snapshot(request: Request, context: Context, space: Any) -> dict[str, Any]:
    from pathlib import Path

    from modelwright.core.errors import SpecError

    if request.to is None and not request.undo:
        raise SpecError(
            "Roll back what? Neither a model nor a snapshot was named.",
            code="rollback.target",
            hint="`modelwright rollback NAME`, or `modelwright rollback --to SNAPSHOT`",
            subject="rollback",
        )
    from modelwright.lifecycle.snapshotting.saga import go_back
    from modelwright.lifecycle.snapshotting.work import Wish

    wish = Wish(
        to=request.to, project=Path(request.project or "."), reason=request.reason, force_code=request.force_code,
        reinstall=request.reinstall, undo=request.undo, wait_s=request.wait, hooks=request.allow_hook,
    )  # fmt: skip
    return go_back(space, wish, context)


PLUGIN: Operation = Operation(request=Request, perform=perform)

"""Keep what serves now: code, dependencies, journal, bundles, configuration and every pointer, for `rollback --to`."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    name: Annotated[str, Meta(description="a name of yours for it; the newest of a name is meant by it")] = ""
    project: Annotated[str | None, Meta(description="the project's folder; by default the current one")] = None
    config: Annotated[
        tuple[str, ...],
        Meta(description="a further file of the project to keep, besides pipeline.yaml and serving.yaml; repeatable"),
    ] = ()


def perform(request: Request, context: Context) -> dict[str, Any]:
    import time
    from pathlib import Path

    from modelwright.lifecycle.snapshotting.saga import as_adapter_error
    from modelwright.lifecycle.snapshotting.taking import take
    from modelwright.lifecycle.workspace import Workspace

    began = time.monotonic()
    space = Workspace(context.workspace, actor=context.actor, clock=context.clock)
    try:
        snapshot, new = take(space, Path(request.project or "."), context, name=request.name, config=request.config)
    except OSError as error:
        raise as_adapter_error(error) from error
    return {
        "id": snapshot.id,
        "name": snapshot.name,
        "created_at": snapshot.created_at,
        "sequence": snapshot.sequence,
        "code": {"commit": snapshot.code.commit, "branch": snapshot.code.branch, "why": snapshot.code.why,
                 "uncommitted": snapshot.code.uncommitted},
        "models": {name: state.live for name, state in snapshot.pointers.items()},
        "bundles": [one.path for one in snapshot.bundles],
        "locks": [kept.path for kept in snapshot.locks],
        "configuration": [kept.path for kept in snapshot.configuration],
        "packages": len(snapshot.packages),
        "new_contents": new,
        "seconds": round(time.monotonic() - began, 3),
    }  # fmt: skip


PLUGIN: Operation = Operation(request=Request, perform=perform)

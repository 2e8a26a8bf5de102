"""Every snapshot of this workspace: when, of what, and which versions were live."""

from __future__ import annotations

from typing import Any

from modelwright.lifecycle.operation import Context, Operation, Request


def perform(_request: Request, context: Context) -> dict[str, Any]:
    from modelwright.registry import snapshots

    return {
        "snapshots": [
            {
                "id": one.id,
                "name": one.name,
                "created_at": one.created_at,
                "actor": one.actor,
                "commit": one.code.commit,
                "models": {name: state.live for name, state in one.pointers.items()},
                "configuration": [kept.path for kept in one.configuration],
            }
            for one in snapshots.every(context.workspace)
        ]
    }


PLUGIN: Operation = Operation(request=Request, perform=perform)

"""List incidents, newest first."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    name: Annotated[str | None, Meta(description="one model", extra={"positional": True})] = None


def perform(request: Request, context: Context) -> dict[str, Any]:
    from modelwright.lifecycle.alerting import workspace_of
    from modelwright.monitoring.incidents import fold

    found = [one for one in fold(list(workspace_of(context).journal().read())) if request.name in (None, one.model)]
    return {
        "incidents": [
            {
                "id": one.id, "model": one.model, "opened_at": one.opened_at, "closed_at": one.closed_at,
                "alerts": len(one.alerts), "alerts_open": len(one.still_open),
            }
            for one in reversed(found)
        ]
    }  # fmt: skip


PLUGIN: Operation = Operation(request=Request, perform=perform)

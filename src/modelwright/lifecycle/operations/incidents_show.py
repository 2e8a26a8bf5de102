"""Show an incident: its alerts and all that happened to the model meanwhile."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    incident: Annotated[str, Meta(description="its id", extra={"positional": True})]


def perform(request: Request, context: Context) -> dict[str, Any]:
    import msgspec

    from modelwright.lifecycle.alerting import find_incident, workspace_of
    from modelwright.monitoring.incidents import markdown, timeline

    events = list(workspace_of(context).journal().read())
    found = find_incident(events, request.incident)
    shown = msgspec.to_builtins(found)
    return {**shown, "timeline": timeline(events, found), "markdown": markdown(events, found)}


PLUGIN: Operation = Operation(request=Request, perform=perform)

"""List alerts: what is open, who knows of it, what was not delivered."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    name: Annotated[str | None, Meta(description="one model; every model by default", extra={"positional": True})] = (
        None
    )
    every: Annotated[bool, Meta(description="also those that are over", extra={"name": "--all"})] = False


def perform(request: Request, context: Context) -> dict[str, Any]:
    import msgspec

    from modelwright.core.clock import timestamp
    from modelwright.lifecycle.alerting import workspace_of
    from modelwright.monitoring import alerts

    events = list(workspace_of(context).journal().read())
    found = alerts.fold(events, request.name)
    models = sorted({alert.model for alert in found} | ({request.name} if request.name else set()))
    now = timestamp(context.clock.now())
    failed = {event.payload["id"]: event for event in events if event.kind in (alerts.DELIVERED, alerts.UNDELIVERED)}
    return {
        "open": sum(alert.open for alert in found),
        "alerts": [msgspec.to_builtins(alert) for alert in found if request.every or alert.open],
        "silences": [msgspec.to_builtins(each) for model in models for each in alerts.silences(events, model, now)],
        "undelivered": [
            {key: event.payload.get(key) for key in ("id", "notifier", "attempt", "error")}
            for event in failed.values()
            if event.kind == alerts.UNDELIVERED and event.subject.removeprefix("alert:") in models
        ],
    }


PLUGIN: Operation = Operation(request=Request, perform=perform)

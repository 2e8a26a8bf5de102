"""Say nothing of certain alerts for a time; they are still written down."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    name: Annotated[str, Meta(description="the model", extra={"positional": True})]
    span: Annotated[
        str, Meta(description="how long: 30m, 6h, 3d", pattern=r"^[0-9]+(s|m|h|d|w)$", extra={"name": "--for"})
    ]
    about: Annotated[str | None, Meta(description="one kind only, such as drift or slo")] = None
    subject: Annotated[str | None, Meta(description="one subject only, such as column:income")] = None
    reason: Annotated[str, Meta(description="why", max_length=2_000)] = ""


def perform(request: Request, context: Context) -> dict[str, Any]:
    from datetime import timedelta

    from modelwright.core.clock import timestamp
    from modelwright.core.errors import StateError, did_you_mean
    from modelwright.lifecycle.alerting import workspace_of
    from modelwright.lifecycle.declared import in_charge
    from modelwright.monitoring import alerts
    from modelwright.spec.monitoring import seconds

    workspace = workspace_of(context)
    in_charge(workspace, request.name)
    if request.about is not None and request.about not in alerts.USUAL:
        raise StateError(
            f"No alert is about '{request.about}'.",
            code="alert.about",
            hint=did_you_mean(request.about, alerts.USUAL),
            subject="option:about",
        )
    until = timestamp(context.clock.now() + timedelta(seconds=seconds(request.span)))
    payload = {"about": request.about, "subject": request.subject, "until": until, "reason": request.reason}
    workspace.journal().append(alerts.SILENCED, f"alert:{request.name}", payload)
    return {"model": request.name, **payload}


PLUGIN: Operation = Operation(request=Request, perform=perform)

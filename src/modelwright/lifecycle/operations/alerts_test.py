"""Send a test message through each notifier, and say which of them took it."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    name: Annotated[str, Meta(description="the model", extra={"positional": True})]
    pipeline: Annotated[str | None, Meta(description="the pipeline file; the one of the live version by default")] = (
        None
    )
    notifier: Annotated[str | None, Meta(description="one notifier only")] = None


def perform(request: Request, context: Context) -> dict[str, Any]:
    from modelwright.core.clock import new_run_id, timestamp
    from modelwright.core.errors import ModelwrightError
    from modelwright.lifecycle.alerting import Teller, workspace_of
    from modelwright.lifecycle.declared import declared
    from modelwright.monitoring.alerts import DEFAULT_NOTIFIER
    from modelwright.records.notices import Line, Notice

    spec = declared(workspace_of(context), request.name, request.pipeline).spec.alerts
    teller = Teller(request.name, spec, context)
    now = timestamp(context.clock.now())
    line = Line(alert="test", about="test", subject="test", message="This is a test; nothing is wrong.",
                runbook="docs/how-to/get-alerts.md", opened_at=now)  # fmt: skip
    names = [request.notifier] if request.notifier else list(spec.notifiers) or [DEFAULT_NOTIFIER]
    results = []
    for name in names:
        notice = Notice(
            id=f"test-{new_run_id(context.clock)}",
            kind="test",
            model=request.name,
            severity="info",
            at=now,
            lines=(line,),
        )
        try:
            teller.send(name, notice)
            results.append({"notifier": name, "delivered": True, "error": ""})
        except ModelwrightError as error:
            results.append({"notifier": name, "delivered": False, "error": error.message})
    return {"model": request.name, "delivered": all(each["delivered"] for each in results), "notifiers": results}


PLUGIN: Operation = Operation(request=Request, perform=perform)

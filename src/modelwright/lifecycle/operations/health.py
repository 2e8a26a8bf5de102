"""Say how a live model does: latency, throughput, errors, memory, and how fast its error budget burns."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    name: Annotated[str, Meta(description="the registered model", extra={"positional": True})]
    metrics: Annotated[
        str | None, Meta(description="where its server shows its numbers (default: monitoring.metrics_url)")
    ] = None
    pipeline: Annotated[str | None, Meta(description="the pipeline file; the one of the live version by default")] = (
        None
    )


def perform(request: Request, context: Context) -> dict[str, Any]:
    from modelwright.lifecycle.alerting import workspace_of
    from modelwright.lifecycle.declared import declared
    from modelwright.lifecycle.health import report

    workspace = workspace_of(context)
    spec = declared(workspace, request.name, request.pipeline).spec.monitoring
    return report(workspace, request.name, spec, request.metrics or spec.metrics_url, context.clock.now())


PLUGIN: Operation = Operation(request=Request, perform=perform)

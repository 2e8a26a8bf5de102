"""Retrain a model on what its source and log hold now; the challenger goes live only through the gate."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    name: Annotated[str, Meta(description="the registered model", extra={"positional": True})]
    pipeline: Annotated[str | None, Meta(description="the pipeline file (default: what made the live version)")] = None


def perform(request: Request, context: Context) -> dict[str, Any]:
    import msgspec

    from modelwright.lifecycle.alerting import workspace_of
    from modelwright.lifecycle.declared import declared
    from modelwright.lifecycle.retraining.running import retrain
    from modelwright.monitoring.policy import BY_HAND

    known = declared(workspace_of(context), request.name, request.pipeline)
    job = retrain(known, context, BY_HAND)
    return {**msgspec.to_builtins(job), "version": job.stages.get("trained", {}).get("version")}


PLUGIN: Operation = Operation(request=Request, perform=perform)

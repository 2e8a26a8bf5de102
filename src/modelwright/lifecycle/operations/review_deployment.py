"""Review whether a model is ready to be deployed: measured on a real server, with its way back, fallback and log."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    name: Annotated[str, Meta(description="the registered model", extra={"positional": True})]
    version: Annotated[str, Meta(description="a number or an alias; champion is whatever serves now")] = "champion"
    config: Annotated[
        str | None, Meta(description="YAML with a `serving:` section; by default that of the run that made the model")
    ] = None
    p99_ms: Annotated[float, Meta(gt=0, description="target: 99 % of requests are answered within")] = 50.0
    memory_mb: Annotated[float, Meta(gt=0, description="target: what a worker may hold")] = 500.0
    load_s: Annotated[float, Meta(gt=0, description="target: until it answers")] = 30.0
    drill_days: Annotated[float, Meta(gt=0, description="how long a drill counts")] = 30.0
    public: Annotated[bool, Meta(description="it is to be reached from beyond this machine")] = False
    tls: Annotated[bool, Meta(description="it is to be served with a certificate")] = False
    allow_hook: Annotated[
        tuple[str, ...], Meta(description="let a bundle call this function of yours, module:function; repeatable")
    ] = ()
    output: Annotated[str | None, Meta(description="write the review as Markdown here", extra={"flag": "-o"})] = None


def perform(request: Request, context: Context) -> dict[str, Any]:
    import contextlib
    from pathlib import Path

    import msgspec

    from modelwright.checks.deployment_evidence import Targets
    from modelwright.core.errors import ModelwrightError
    from modelwright.documents.review import markdown
    from modelwright.lifecycle.readiness import Plan, judge, measure
    from modelwright.lifecycle.summaries import judged_in_full
    from modelwright.lifecycle.workspace import Workspace, write_atomically

    space = Workspace(context.workspace, actor=context.actor, clock=context.clock)
    targets = Targets(
        p99_ms=request.p99_ms, memory_mb=request.memory_mb, load_s=request.load_s, drill_days=request.drill_days
    )
    plan = Plan(
        name=request.name, which=request.version, config=None if request.config is None else Path(request.config),
        beyond_loopback=request.public, tls=request.tls, targets=targets, hooks=request.allow_hook,
    )  # fmt: skip
    version, deployment = measure(space, plan, context)
    record = None
    with contextlib.suppress(ModelwrightError):
        record = space.read_run(version.run_id)
    findings, verdict = judge(deployment, record)
    text = markdown(
        f"Deployment review of {request.name} version {version.version}", verdict, findings, verdict.checklist
    )
    if request.output is not None:
        write_atomically(Path(request.output), text.encode())
    told = {"version": version.version, "verdict": verdict.decision.value, "conditions": list(verdict.conditions)}
    space.journal().append("deployment.reviewed", f"model:{request.name}", told)
    return {
        "name": request.name,
        "version": version.version,
        "run_id": version.run_id,
        "kind": "deployment",
        "verdict": verdict.decision.value,
        "confidence": verdict.confidence.value,
        "reasons": list(verdict.reasons),
        "conditions": list(verdict.conditions),
        **judged_in_full(verdict),
        "checklist": [msgspec.to_builtins(item) for item in verdict.checklist],
        "findings": [msgspec.to_builtins(finding) for finding in findings],
        "measured": msgspec.to_builtins(deployment),
        "markdown": text,
        "paths": {"review": request.output} if request.output else {},
    }


PLUGIN: Operation = Operation(request=Request, perform=perform)

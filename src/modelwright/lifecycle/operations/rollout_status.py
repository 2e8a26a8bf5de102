"""Show the last rollout of a model: where it stands, what its rules see, and what it waits for."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    name: Annotated[str, Meta(description="the registered model", extra={"positional": True})]
    report: Annotated[bool, Meta(description="compare the versions by the log: agreement, rewards, assignment")] = False


def perform(request: Request, context: Context) -> dict[str, Any]:
    from modelwright.lifecycle.rolling_out import evidence
    from modelwright.lifecycle.rolling_out.reports import report
    from modelwright.lifecycle.rolling_out.shown import shown
    from modelwright.lifecycle.workspace import Workspace
    from modelwright.registry import rollout_rules, rollouts

    journal = Workspace(context.workspace).journal()
    rollout = rollouts.latest(journal, request.name)
    result = shown(rollout)
    if rollout.active:
        refused = rollouts.refusals(list(journal.read()), rollout)
        found = evidence.gather(context.workspace, rollout, refused)
        result = shown(rollout, rollout_rules.decide(rollout, found, context.clock.now()))
        result["numbers"] = rollout_rules.summary(found, rollout.plan)
    if request.report:
        result["report"] = report(context.workspace, rollout)
    return result


PLUGIN: Operation = Operation(request=Request, perform=perform)

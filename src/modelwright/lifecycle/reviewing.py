"""Reviews of a finished run: the same findings, seen from one side, folded to a verdict of that side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import Meta

from modelwright.core.nouns import Finding, Since, Verdict
from modelwright.core.run import RunRecord
from modelwright.lifecycle.operation import Context, Request

if TYPE_CHECKING:
    from modelwright.lifecycle.workspace import Workspace

Kind = Literal["data", "features", "model", "pipeline"]


class ReviewRequest(Request, frozen=True, kw_only=True):
    run: Annotated[str, Meta(description="a run id, a beginning of one, or latest", extra={"positional": True})] = (
        "latest"
    )
    output: Annotated[str | None, Meta(description="write the review as Markdown here", extra={"flag": "-o"})] = None


def review(
    kind: Kind, request: ReviewRequest, context: Context, more: Callable[[RunRecord], Sequence[Finding]] | None = None
) -> dict[str, Any]:
    """Judge a run again from its record; nothing is trained or opened. `more` adds findings from elsewhere."""
    from pathlib import Path

    from modelwright.checks.evidence import ModelEvidence
    from modelwright.checks.run import run_checks
    from modelwright.checks.verdict import fold, of_kind
    from modelwright.documents.review import markdown
    from modelwright.lifecycle.summaries import judged_in_full
    from modelwright.lifecycle.workspace import Workspace, write_atomically

    workspace = Workspace(context.workspace)
    record = workspace.read_run(request.run)
    findings = record.findings
    if kind == "pipeline":
        findings = (*findings, *run_checks("deployment", ModelEvidence(record=record)))
    if more is not None:
        findings = (*findings, *more(record))
    selected = of_kind(findings, kind)
    verdict = fold(selected, kind, record=record)
    if kind == "model":
        verdict = msgspec.structs.replace(verdict, since=since_last(workspace, record, verdict))
    text = markdown(f"{kind.title()} review of run {record.run_id}", verdict, selected, verdict.checklist)
    if request.output is not None:
        write_atomically(Path(request.output), text.encode())
    return {
        "run_id": record.run_id,
        "kind": kind,
        "verdict": verdict.decision.value,
        "confidence": verdict.confidence.value,
        "reasons": list(verdict.reasons),
        "conditions": list(verdict.conditions),
        **judged_in_full(verdict),
        "checklist": [msgspec.to_builtins(item) for item in verdict.checklist],
        "findings": [msgspec.to_builtins(finding) for finding in selected],
        "markdown": text,
        "paths": {"review": request.output} if request.output else {},
    }


def since_last(workspace: Workspace, record: RunRecord, verdict: Verdict) -> Since | None:
    """What became of the conditions of the last finished run of the same name; None where there is none."""
    from modelwright.checks.verdict import since

    for earlier in workspace.readable_runs():
        older = (earlier.started_at, earlier.run_id) < (record.started_at, record.run_id)
        if older and earlier.name == record.name and earlier.status == "done" and earlier.verdict is not None:
            return since(earlier.verdict, verdict, run_id=earlier.run_id, version=earlier.version)
    return None

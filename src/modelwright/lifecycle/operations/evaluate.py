"""Audit predictions that somebody else made: is the claimed figure any good, for whom, and what to ask next."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from modelwright.core.nouns import Task
from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    predictions: Annotated[
        str,
        Meta(description="a table that holds truth and predictions: a path, glob or URI", extra={"positional": True}),
    ]
    truth: Annotated[str, Meta(description="the column of what really happened")]
    prediction: Annotated[str | None, Meta(description="the column of what was predicted")] = None
    scores: Annotated[
        tuple[str, ...],
        Meta(
            description="the probability of the positive class; several classes: one column each",
            extra={"name": "--score"},
        ),
    ] = ()
    segments: Annotated[
        tuple[str, ...], Meta(description="a column whose groups are looked at one by one", extra={"name": "--segment"})
    ] = ()
    fairness: Annotated[tuple[str, ...], Meta(description="a column whose groups must be served alike")] = ()
    against: Annotated[
        tuple[str, ...], Meta(description="a column of other predictions to compare with, such as today's")
    ] = ()
    time: Annotated[
        str | None, Meta(description="when each row was known: repeating the last truth must be beaten")
    ] = None
    task: Annotated[Task | None, Meta(description="what was predicted; inferred from the truth by default")] = None
    positive: Annotated[str | None, Meta(description="two classes: the one whose probability the score is")] = None
    metric: Annotated[
        str | None, Meta(description="the figure that is claimed; accuracy where there are labels only")
    ] = None
    goal: Annotated[float | None, Meta(description="the value that would be good enough, judged by the bound")] = None
    cut: Annotated[float, Meta(gt=0.0, lt=1.0, description="the score from which the answer is positive")] = 0.5
    level: Annotated[float, Meta(ge=0.5, le=0.999, description="level of every interval")] = 0.95
    table: Annotated[str | None, Meta(description="databases: a table or a SELECT; Excel: the sheet")] = None
    output: Annotated[
        str | None, Meta(description="write the page (.html) or its Markdown (.md) here", extra={"flag": "-o"})
    ] = None


def perform(request: Request, context: Context) -> dict[str, Any]:
    from pathlib import Path

    from modelwright.checks.evidence import ModelEvidence
    from modelwright.checks.run import run_checks
    from modelwright.checks.verdict import fold
    from modelwright.lifecycle.auditing.answer import ask_next, headline, threshold_of
    from modelwright.lifecycle.auditing.claim import Claim
    from modelwright.lifecycle.auditing.measuring import audit
    from modelwright.lifecycle.operation import Progress
    from modelwright.lifecycle.workspace import write_atomically

    named = {name: getattr(request, name) for name in request.__struct_fields__}
    claim = Claim(source=named.pop("predictions"), **{name: value for name, value in named.items() if name != "output"})
    context.progress(Progress(step="evaluate", message=f"reading {request.predictions}"))
    audited = audit(claim)
    record = audited.record
    findings = run_checks("model", ModelEvidence(record=record))
    verdict = fold(findings, "model", record=record)
    record = msgspec.structs.replace(record, findings=findings, verdict=verdict)
    if request.output is not None:
        from modelwright.documents import report as pages

        render = pages.markdown if request.output.endswith(".md") else pages.html
        write_atomically(Path(request.output), render(record).encode())
    report = record.report
    assert report is not None
    return {
        "verdict": verdict.decision.value,
        "confidence": verdict.confidence.value,
        "answer": headline(audited),
        "reasons": list(verdict.reasons),
        "conditions": list(verdict.conditions),
        "task": report.task.value,
        "rows": record.n_rows,
        "left_out": audited.left_out,
        "base_rates": _shares(audited),
        "metric": report.metric,
        "metrics": msgspec.to_builtins(report.metrics["test"]),
        "baselines": msgspec.to_builtins(report.baselines),
        "comparisons": msgspec.to_builtins(report.comparisons),
        "calibration": report.curves.get("calibration"),
        "threshold": threshold_of(audited),
        "segments": msgspec.to_builtins(report.slices),
        "judgement": msgspec.to_builtins(record.judgement),
        "findings": [msgspec.to_builtins(finding) for finding in findings],
        "ask_next": ask_next(audited, claim),
        "paths": {"page": request.output} if request.output else {},
    }


def _shares(audited: Any) -> dict[str, float]:
    """How the truth is made up: the share of each class, or mean and spread of a number."""
    import numpy as np

    classes, y = audited.predicted.classes, audited.y
    if not classes:
        return {"mean": float(y.mean()), "std": float(y.std())}
    shares = np.bincount(y, minlength=len(classes)) / y.size
    return dict(zip(classes, (float(share) for share in shares), strict=True))


PLUGIN: Operation = Operation(request=Request, perform=perform)

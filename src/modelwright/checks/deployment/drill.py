"""The way back: rehearsed lately, under load, and it worked. The gate of a promotion asks this rule too."""

from __future__ import annotations

from collections.abc import Iterator

from modelwright.checks.deployment._shared import example, judged
from modelwright.checks.deployment_evidence import Deployment, Drilled
from modelwright.checks.evidence import ModelEvidence
from modelwright.core.nouns import Finding, Severity
from modelwright.core.ports import Check

_ADVICE = "run `modelwright drill {name} --under-load`"


class _Drill:
    codes = ("deployment.drill",)
    examples = (
        example("deployment.drill", drill=None),
        example("deployment.drill", drill=Drilled(ok=True, age_days=31.0, pointer_s=1.0, failed=0)),
        example("deployment.drill", drill=Drilled(ok=False, age_days=1.0, pointer_s=1.0, failed=3, why="3 failed")),
        example(),
    )

    def run(self, evidence: ModelEvidence) -> Iterator[Finding]:
        return judged(evidence, "deployment.drill", _judge)


def _judge(deployment: Deployment) -> Iterator[Finding]:
    drill, limit = deployment.drill, deployment.targets.drill_days
    if drill is None:
        yield _finding(deployment, Severity.MEDIUM, "Going back was never rehearsed for this model.")
    elif not drill.ok:
        yield _finding(deployment, Severity.HIGH, f"The last drill failed: {drill.why.rstrip('.')}.")
    elif drill.age_days > limit:
        told = f"The last drill is {drill.age_days:.0f} days old; it counts for {limit:.0f}."
        yield _finding(deployment, Severity.MEDIUM, told)


def _finding(deployment: Deployment, severity: Severity, message: str) -> Finding:
    return Finding(
        code="deployment.drill", severity=severity, subject="deployment", message=message,
        advice=_ADVICE.format(name=deployment.name),
        observed=None if deployment.drill is None else round(deployment.drill.age_days, 2),
        threshold=deployment.targets.drill_days,
    )  # fmt: skip


PLUGIN: Check = _Drill()

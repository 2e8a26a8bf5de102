"""What it costs the machine: memory of a worker, and time until it answers."""

from __future__ import annotations

from collections.abc import Iterator

from modelwright.checks.deployment._shared import example, judged, unmeasured
from modelwright.checks.deployment_evidence import Deployment
from modelwright.checks.evidence import ModelEvidence
from modelwright.core.nouns import Finding, Severity
from modelwright.core.ports import Check


class _Footprint:
    codes = ("deployment.memory", "deployment.load_time")
    examples = (
        example("deployment.memory", memory_bytes=900e6),
        example("deployment.memory", memory_bytes=None),
        example("deployment.load_time", load_s=45.0),
        example("deployment.load_time", load_s=None),
        example(),
    )

    def run(self, evidence: ModelEvidence) -> Iterator[Finding]:
        return judged(evidence, "deployment.memory", _judge)


def _judge(deployment: Deployment) -> Iterator[Finding]:
    again = "run the review where the server can be started"
    memory, limit = deployment.memory_bytes, deployment.targets.memory_mb
    if memory is None:
        yield unmeasured("deployment.memory", "The memory of a worker", again)
    elif memory > limit * 1e6:
        yield Finding(
            code="deployment.memory", severity=Severity.HIGH, subject="deployment", observed=memory / 1e6,
            threshold=limit, message=f"A worker holds {memory / 1e6:.0f} MB; the target is {limit:g} MB.",
            advice="use a smaller model (`modelwright optimize`), or plan the machine for it and raise the target",
        )  # fmt: skip
    if deployment.load_s is None:
        yield unmeasured("deployment.load_time", "The time until it answers", again)
    elif deployment.load_s > deployment.targets.load_s:
        yield Finding(
            code="deployment.load_time", severity=Severity.MEDIUM, subject="deployment", observed=deployment.load_s,
            threshold=deployment.targets.load_s, advice="use a smaller model, or keep spare workers for restarts",
            message=f"A server needs {deployment.load_s:.1f} s until it answers; "
            f"the target is {deployment.targets.load_s:g} s.",
        )  # fmt: skip


PLUGIN: Check = _Footprint()

"""Whether anybody would notice: a reference to compare with, drift and decay watched, alerts that go somewhere."""

from __future__ import annotations

from collections.abc import Iterator

from modelwright.checks.deployment._shared import example, judged, unmeasured
from modelwright.checks.deployment_evidence import Deployment, Monitoring
from modelwright.checks.evidence import ModelEvidence
from modelwright.core.nouns import Finding, Severity
from modelwright.core.ports import Check

_ADVICE = "write the sections `monitoring:` and `alerts:` into pipeline.yaml and run `modelwright watch`"


class _Monitored:
    codes = ("deployment.monitoring",)
    examples = (
        example("deployment.monitoring", monitoring=None),
        example("deployment.monitoring", monitoring=Monitoring(reference=True, drift=False, decay=False, alerts=0)),
        example("deployment.monitoring", monitoring=Monitoring(reference=False, drift=True, decay=True, alerts=1)),
        example("deployment.monitoring", monitoring=Monitoring(reference=True, drift=True, decay=True, alerts=0)),
        example(),
    )

    def run(self, evidence: ModelEvidence) -> Iterator[Finding]:
        return judged(evidence, "deployment.monitoring", _judge)


def _judge(deployment: Deployment) -> Iterator[Finding]:
    found = deployment.monitoring
    if found is None:
        yield unmeasured("deployment.monitoring", "Whether the model is watched", _ADVICE)
        return
    missing = [
        what
        for what, there in (
            ("a reference state in the bundle", found.reference),
            ("a watch for drift", found.drift),
            ("a watch for decay", found.decay),
            ("alerts that go somewhere", found.alerts > 0),
        )
        if not there
    ]
    if missing:
        yield Finding(
            code="deployment.monitoring", severity=Severity.MEDIUM, subject="deployment", advice=_ADVICE,
            message=f"Nobody would notice a change, for want of {', '.join(missing)}.",
            observed=missing,
        )  # fmt: skip


PLUGIN: Check = _Monitored()

"""The served model is the trained one: golden rows over HTTP are answered as when the bundle was written."""

from __future__ import annotations

from collections.abc import Iterator

from modelwright.checks.deployment._shared import example, judged, unmeasured
from modelwright.checks.deployment_evidence import Deployment, Parity
from modelwright.checks.evidence import ModelEvidence
from modelwright.core.nouns import Finding, Severity
from modelwright.core.ports import Check


class _ServedParity:
    codes = ("deployment.served_parity",)
    examples = (
        example("deployment.served_parity", parity=Parity(scorer="onnx", asked=8, different=1)),
        example("deployment.served_parity", parity=Parity(scorer="onnx", asked=0, different=0)),
        example("deployment.served_parity", parity=None),
        example(),
    )

    def run(self, evidence: ModelEvidence) -> Iterator[Finding]:
        return judged(evidence, "deployment.served_parity", _judge)


def _judge(deployment: Deployment) -> Iterator[Finding]:
    parity = deployment.parity
    if parity is None or not parity.asked:
        yield unmeasured(
            "deployment.served_parity", "Whether the served model answers as the trained one",
            "let the review ask golden rows over HTTP; see why none was answered",
        )  # fmt: skip
    elif parity.different:
        yield Finding(
            code="deployment.served_parity", severity=Severity.CRITICAL, blocking=True, subject="deployment",
            message=f"{parity.different} of {parity.asked} golden rows are answered otherwise over HTTP than when the "
            "bundle was written.", observed=parity.different, threshold=0,
            advice="do not deploy; compare the environment with the one that wrote the bundle",
        )  # fmt: skip


PLUGIN: Check = _ServedParity()

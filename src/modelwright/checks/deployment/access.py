"""Who may ask: keys, encryption beyond the machine, and limits."""

from __future__ import annotations

from collections.abc import Iterator

from modelwright.checks.deployment._shared import example, judged, unmeasured
from modelwright.checks.deployment_evidence import Access, Deployment
from modelwright.checks.evidence import ModelEvidence
from modelwright.core.nouns import Finding, Severity
from modelwright.core.ports import Check

_LIMITS = "10,000 rows, 8 MB, 10 s"


class _Access:
    codes = ("deployment.keys", "deployment.tls")
    examples = (
        example("deployment.keys", access=Access(keys=0, beyond_loopback=False, tls=False, limits=_LIMITS)),
        example("deployment.keys", access=Access(keys=0, beyond_loopback=True, tls=True, limits=_LIMITS)),
        example("deployment.tls", access=Access(keys=1, beyond_loopback=True, tls=False, limits=_LIMITS)),
        example("deployment.keys", access=None),
        example(),
    )

    def run(self, evidence: ModelEvidence) -> Iterator[Finding]:
        return judged(evidence, "deployment.keys", _judge)


def _judge(deployment: Deployment) -> Iterator[Finding]:
    access = deployment.access
    if access is None:
        yield unmeasured("deployment.keys", "Who may ask", "name the workspace that serves")
        return
    if not access.keys:
        yield Finding(
            code="deployment.keys", severity=Severity.HIGH if access.beyond_loopback else Severity.MEDIUM,
            subject="deployment", observed=0, threshold=1, advice="`modelwright keys create NAME`, one for each caller",
            message="There is no live key, so everybody who reaches the server may ask it.",
        )  # fmt: skip
    if access.beyond_loopback and not access.tls:
        yield Finding(
            code="deployment.tls", severity=Severity.HIGH, subject="deployment",
            message="Others reach the server without encryption: keys and rows can be read on the way.",
            advice="serve with --tls-cert and --tls-key, or on loopback behind a proxy that encrypts",
        )  # fmt: skip


PLUGIN: Check = _Access()

"""Who answers when the model fails: tried, by making it fail."""

from __future__ import annotations

from collections.abc import Iterator

from modelwright.checks.deployment._shared import example, judged, unmeasured
from modelwright.checks.deployment_evidence import Deployment, Fallback
from modelwright.checks.evidence import ModelEvidence
from modelwright.core.nouns import Finding, Severity
from modelwright.core.ports import Check

_ADVICE = "declare `serving.fallback`, such as [last_good, constant], and run the review again"


class _Fallback:
    codes = ("deployment.fallback",)
    examples = (
        example("deployment.fallback", fallback=Fallback(declared=("last_good",), by="", why="nobody was there")),
        example("deployment.fallback", fallback=Fallback(declared=(), by="")),
        example("deployment.fallback", fallback=None),
        example(),
    )

    def run(self, evidence: ModelEvidence) -> Iterator[Finding]:
        return judged(evidence, "deployment.fallback", _judge)


def _judge(deployment: Deployment) -> Iterator[Finding]:
    found = deployment.fallback
    if found is None:
        yield unmeasured("deployment.fallback", "Whether anybody answers when the model fails", _ADVICE)
    elif not found.declared:
        yield Finding(
            code="deployment.fallback", severity=Severity.MEDIUM, subject="deployment", advice=_ADVICE,
            message="No fallback is declared: when the model fails, every request fails.",
        )  # fmt: skip
    elif not found.by:
        yield Finding(
            code="deployment.fallback", severity=Severity.HIGH, subject="deployment", advice=_ADVICE,
            message=f"The model was made to fail and none of {', '.join(found.declared)} answered"
            + (f" ({found.why.rstrip('.')})." if found.why else "."),
        )  # fmt: skip


PLUGIN: Check = _Fallback()

"""What is kept of answers: written before the reply, whole so far, and not for ever."""

from __future__ import annotations

from collections.abc import Iterator

from modelwright.checks.deployment._shared import example, judged, unmeasured
from modelwright.checks.deployment_evidence import Deployment, LogState
from modelwright.checks.evidence import ModelEvidence
from modelwright.core.nouns import Finding, Severity
from modelwright.core.ports import Check


class _LogDurability:
    codes = ("deployment.log",)
    examples = (
        example("deployment.log", log=LogState(enabled=False, durability="group", retention_days=365)),
        example("deployment.log", log=LogState(enabled=True, durability="buffered", retention_days=365)),
        example("deployment.log", log=LogState(enabled=True, durability="disk", retention_days=9, damaged="a.parquet")),
        example("deployment.log", log=None),
        example(),
    )

    def run(self, evidence: ModelEvidence) -> Iterator[Finding]:
        return judged(evidence, "deployment.log", _judge)


def _judge(deployment: Deployment) -> Iterator[Finding]:
    log = deployment.log
    if log is None:
        yield unmeasured("deployment.log", "The prediction log", "name the workspace that serves")
    elif log.damaged:
        yield _finding(Severity.HIGH, f"The prediction log is damaged: {log.damaged.rstrip('.')}.",
                       "`modelwright log verify` names what is damaged; restore it from a backup")  # fmt: skip
    elif not log.enabled:
        yield _finding(Severity.MEDIUM, "No prediction is written down, so nothing can be watched or audited.",
                       "set `serving.log.enabled: true`")  # fmt: skip
    elif log.durability == "buffered":
        yield _finding(Severity.MEDIUM, "Predictions may be lost with a process: the log is buffered.",
                       "set `serving.log.durability` to group (or disk, before the reply)")  # fmt: skip


def _finding(severity: Severity, message: str, advice: str) -> Finding:
    return Finding(code="deployment.log", severity=severity, subject="deployment", message=message, advice=advice)


PLUGIN: Check = _LogDurability()

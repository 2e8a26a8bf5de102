"""Run every rule of a kind over the evidence; a rule that breaks becomes a finding, never a traceback."""

from __future__ import annotations

from typing import Any

from modelwright.core import plugins
from modelwright.core.nouns import Finding, Level, Severity

KINDS = ("data", "features", "model", "deployment")


def run_checks(kind: str, evidence: Any) -> tuple[Finding, ...]:
    """Findings of all rules of a kind, worst first. Raises NotFoundError for an unknown kind."""
    rules, broken = plugins.load_all(f"checks.{kind}")
    findings: list[Finding] = []
    for name, rule in sorted(rules.items()):
        try:
            findings.extend(rule.run(evidence))
        except Exception as error:  # noqa: BLE001 - one bad rule must not take the review down
            findings.append(_broken(f"{kind}.{name}", f"{type(error).__name__}: {error}"))
    findings.extend(_broken(f"{kind}.{name}", error.message) for name, error in sorted(broken.items()))
    return tuple(sorted(findings, key=_order))


def _order(finding: Finding) -> tuple[bool, int, bool, str, str]:
    return (not finding.blocking, -finding.severity.rank, finding.undecided, finding.code, finding.subject)


def _broken(rule: str, reason: str) -> Finding:
    return Finding(
        code="check.failed",
        severity=Severity.MEDIUM,
        confidence=Level.LOW,
        subject=f"check:{rule}",
        message=f"The rule '{rule}' could not finish on this evidence ({reason}), so what it guards is not judged.",
        advice="report it with the data's profile; every other rule still ran",
        undecided=True,
    )

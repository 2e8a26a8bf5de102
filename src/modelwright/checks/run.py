"""Run every rule of a kind over the evidence; a rule that breaks becomes a finding, never a traceback."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from modelwright.core import plugins
from modelwright.core.nouns import Finding, Level, Severity

#: up to so many rows nothing is said of samples
MANY_ROWS = 100_000
KINDS = ("data", "features", "model", "deployment")


def run_checks(kind: str, evidence: Any) -> tuple[Finding, ...]:
    """Findings of all rules of a kind, worst first. Raises NotFoundError for an unknown kind."""
    rules, broken = plugins.load_all(f"checks.{kind}")
    findings: list[Finding] = []
    for name, rule in sorted(rules.items()):
        try:
            findings.extend(_with_sample(one, rule, evidence) for one in rule.run(evidence))
        except Exception as error:  # noqa: BLE001 - one bad rule must not take the review down
            findings.append(_broken(f"{kind}.{name}", f"{type(error).__name__}: {error}"))
    findings.extend(_broken(f"{kind}.{name}", error.message) for name, error in sorted(broken.items()))
    return tuple(sorted(findings, key=_order))


def _with_sample(finding: Finding, rule: Any, evidence: Any) -> Finding:
    """Of a long table a rule may look at some rows only, as many as its `sample_rows`; its findings say so."""
    most, dataset = getattr(rule, "sample_rows", None), getattr(evidence, "dataset", None)
    if most is None or dataset is None or finding.undecided or dataset.n_rows <= max(most, MANY_ROWS):
        return finding
    said = finding.evidence or {}
    if not isinstance(said, Mapping):
        return finding
    return msgspec.structs.replace(finding, evidence={**said, "rows_looked_at": most, "of": dataset.n_rows})


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

"""Review: run the model checks over everything measured, and fold all findings into the verdict."""

from __future__ import annotations

from modelwright.core.nouns import Finding, Verdict
from modelwright.core.run import RunRecord


def review(record: RunRecord, data_findings: tuple[Finding, ...]) -> tuple[tuple[Finding, ...], Verdict]:
    """All findings, gravest first, and the verdict they add up to. Quick, and so never cached."""
    from modelwright.checks.counter_proofs import beside
    from modelwright.checks.evidence import ModelEvidence
    from modelwright.checks.run import run_checks
    from modelwright.checks.verdict import fold

    data_findings = beside(data_findings, record.judgement)
    evidence = ModelEvidence(record=record)
    found = [*data_findings, *run_checks("model", evidence)]
    findings = tuple(sorted(found, key=lambda each: (not each.blocking, -each.severity.rank, each.code, each.subject)))
    return findings, fold(findings, "model", record=record)

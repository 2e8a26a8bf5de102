"""Beside each column that is said to leak: what the chosen configuration scores without it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from modelwright.core.judgement import Judgement, Proof
from modelwright.core.nouns import Estimate, Finding

KEY = "counter_proof"


def beside(findings: Sequence[Finding], judgement: Judgement | None) -> tuple[Finding, ...]:
    """The same findings; those of a leak in a column carry the score without it as `counter_proof.refit`."""
    proofs = [one for one in (judgement.proofs if judgement else ()) if one.kind == "without_column"]
    if not proofs:
        return tuple(findings)
    return tuple(_with(one, proofs) if one.code.startswith("leak.") else one for one in findings)


def without(proofs: Sequence[Proof], columns: Sequence[str]) -> Proof | None:
    """The proof that leaves out these columns and the fewest others."""
    wanted = set(columns)
    fitting = [one for one in proofs if one.kind == "without_column" and wanted and wanted <= set(one.columns)]
    return min(fitting, key=lambda one: len(one.columns), default=None)


def named(subject: str, known: Sequence[str]) -> list[str]:
    """Columns among the known ones that `column:a` or `columns:a,b` names."""
    kind, _, rest = subject.partition(":")
    if kind not in ("column", "columns"):
        return []
    return [rest] if rest in known else [one for one in (each.strip() for each in rest.split(",")) if one in known]


def _with(finding: Finding, proofs: Sequence[Proof]) -> Finding:
    known = [column for one in proofs for column in one.columns]
    proof = without(proofs, named(finding.subject, known))
    if proof is None:
        return finding
    evidence = _evidence(finding.evidence)
    before = evidence.get(KEY)  # what the check itself tried, on the column alone
    known_before = dict(before) if isinstance(before, dict) else ({} if before is None else {"check": before})
    return msgspec.structs.replace(finding, evidence={**evidence, KEY: {**known_before, "refit": _said(proof)}})


def _evidence(before: Any) -> dict[str, Any]:
    if before is None:
        return {}
    return dict(before) if isinstance(before, dict) else {"measured": before}


def _said(proof: Proof) -> dict[str, Any]:
    return {
        "without": list(proof.columns),
        "score": _interval(proof.score),
        "with": _interval(proof.unchanged),
        "difference": _interval(proof.difference),
        "rows": proof.n,
        "method": "the chosen configuration fit again on the same folds, compared row by row",
    }


def _interval(estimate: Estimate) -> dict[str, Any]:
    return {"value": estimate.value, "low": estimate.low, "high": estimate.high}

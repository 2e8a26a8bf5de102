"""The score that survives stands beside the finding it answers."""

from __future__ import annotations

from modelwright.checks.counter_proofs import KEY, beside
from modelwright.core.judgement import Judgement, Proof
from modelwright.core.nouns import Estimate, Finding, Severity


def _finding(code: str, subject: str, evidence: object = None) -> Finding:
    return Finding(code=code, severity=Severity.HIGH, subject=subject, message="m", evidence=evidence)


def _proof(*columns: str, value: float = 0.7) -> Proof:
    kind = "column" if len(columns) == 1 else "columns"
    return Proof(
        kind="without_column",
        subject=f"{kind}:{', '.join(columns)}",
        columns=columns,
        score=Estimate(value=value, low=value - 0.1, high=value + 0.1),
        unchanged=Estimate(value=0.9),
        difference=Estimate(value=value - 0.9),
        n=100,
    )


def test_each_leak_gets_the_proof_that_leaves_out_the_fewest_other_columns() -> None:
    judgement = Judgement(proofs=(_proof("a", "b", value=0.6), _proof("a")))
    found = beside(
        (
            _finding("leak.post_event", "column:a", {"auc": 0.99, KEY: {"dropped": 0.8}}),
            _finding("leak.combination", "columns:a,b"),
            _finding("leak.target_copy", "column:b", [1, 2]),
            _finding("leak.overlap", "split:test"),
            _finding("data.missing", "column:a"),
        ),
        judgement,
    )
    assert found[0].evidence["auc"] == 0.99
    assert found[0].evidence[KEY]["dropped"] == 0.8
    assert found[0].evidence[KEY]["refit"]["without"] == ["a"]
    assert found[1].evidence[KEY]["refit"]["score"]["value"] == 0.6
    assert found[2].evidence["measured"] == [1, 2]
    assert found[2].evidence[KEY]["refit"]["without"] == ["a", "b"]
    assert found[3].evidence is None
    assert found[4].evidence is None


def test_without_proofs_nothing_changes() -> None:
    findings = (_finding("leak.post_event", "column:a"),)
    assert beside(findings, None) == beside(findings, Judgement()) == findings

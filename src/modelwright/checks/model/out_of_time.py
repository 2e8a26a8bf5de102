"""The score on later rows and on new groups, against that of a random split."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from modelwright.checks.evidence import ModelEvidence
from modelwright.checks.findings import undecided
from modelwright.checks.floor import floor_of
from modelwright.checks.model._shared import estimate, example, metric_name, report_of, shown
from modelwright.core.judgement import Judgement, Proof
from modelwright.core.nouns import Estimate, Finding, Severity
from modelwright.core.ports import Check, Example
from modelwright.core.report import Report

#: the fall as a share of what the model is better than chance by, from which it is grave, or worth a word
GRAVE, NOTABLE = 0.10, 0.03
#: how sure the fall must be; refits vary by more than the interval over rows says
_SURE_P = 0.001
_CODES = {"out_of_time": "model.out_of_time", "new_groups": "model.new_groups"}
_KEYS = {"out_of_time": "later", "new_groups": "new groups"}


def _fallen(kind: str, value: float, half: float = 0.02) -> ModelEvidence:
    from dataclasses import replace

    made = example()
    assert made.record is not None
    difference = Estimate(value=value - 0.86, low=value - 0.86 - half, high=value - 0.86 + half)
    proof = Proof(
        kind=kind,
        subject="split",
        score=estimate(value),
        unchanged=estimate(0.86),
        difference=difference,
        n=1400,
        p_value=0.0001 if value + half < 0.86 else 0.4,
    )
    return replace(made, record=msgspec.structs.replace(made.record, judgement=Judgement(proofs=(proof,))))


class _OutOfTime:
    codes = ("model.out_of_time", "model.new_groups")
    examples = (
        Example(make=lambda: _fallen("out_of_time", 0.75), codes=("model.out_of_time",)),
        Example(make=lambda: _fallen("new_groups", 0.70), codes=("model.new_groups",)),
        Example(make=lambda: _fallen("out_of_time", 0.855)),
    )

    def run(self, evidence: ModelEvidence) -> Iterator[Finding]:
        record, report = evidence.record, report_of(evidence)
        if record is None or report is None:
            yield undecided("model.out_of_time", "split", "nothing was trained")
            return
        if record.judgement is None:
            return
        for kind, code in _CODES.items():
            proof = next((one for one in record.judgement.proofs if one.kind == kind), None)
            if proof is not None:
                yield from _judged(code, proof, record.judgement, report)
            elif f"{_KEYS[kind]}: " in record.judgement.missing.get("proofs", ""):
                yield undecided(code, "split", "the refit that would show it is missing")


def _judged(code: str, proof: Proof, judgement: Judgement, report: Report) -> Iterator[Finding]:
    fall, sure = -proof.difference.value, proof.p_value is not None and proof.p_value < _SURE_P
    share = fall / max(_skill(proof, judgement, report), 1e-12)
    if not sure or share < NOTABLE:
        return
    grave = share >= GRAVE
    later = code == "model.out_of_time"
    whom = "rows later than those learned from" if later else "groups that were not learned from"
    yield Finding(
        code=code,
        severity=Severity.HIGH if grave else Severity.LOW,
        subject=proof.subject,
        message=f"On {whom} {metric_name(report.metric)} is {shown(proof.score)}; with rows divided at random "
        f"the same rows give "
        f"{shown(proof.unchanged)}. The model will be used on such rows, so the lower score is the one to expect.",
        observed=fall,
        threshold=GRAVE * _skill(proof, judgement, report),
        evidence={
            "score": proof.score,
            "random split": proof.unchanged,
            "difference": proof.difference,
            "rows": proof.n,
            "share of the skill lost": round(share, 3),
        },
        advice="set data.split.kind: time, with features.time where a column tells when"
        if later
        else f"set features.group: {proof.subject.removeprefix('column:')} and data.split.kind: group",
        source="refit on the same number of rows, compared row by row",
    )


def _skill(proof: Proof, judgement: Judgement, report: Report) -> float:
    """What the unchanged configuration is better than knowing nothing by."""
    control = next((one.chance for one in judgement.proofs if one.chance is not None), None)
    if control is not None:
        return abs(proof.unchanged.value - control.value)
    floor = floor_of(report)
    if floor is not None:
        return abs(proof.unchanged.value - floor.value)
    return abs(proof.unchanged.value - (0.5 if report.metric == "roc_auc" else 0.0))


PLUGIN: Check = _OutOfTime()

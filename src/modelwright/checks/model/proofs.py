"""What the chosen configuration scores without the columns in doubt."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from modelwright.checks.counter_proofs import named
from modelwright.checks.evidence import ModelEvidence
from modelwright.checks.findings import listing, undecided
from modelwright.checks.model._shared import estimate, example, metric_name, shown
from modelwright.core.judgement import Judgement, Proof
from modelwright.core.nouns import Estimate, Finding, Severity
from modelwright.core.ports import Check, Example

_CODE = "model.counter_proof"


def _doubted(*, proven: bool, grave: bool = True) -> ModelEvidence:
    from dataclasses import replace

    made = example()
    assert made.record is not None
    leak = Finding(
        code="leak.post_event",
        severity=Severity.HIGH if grave else Severity.LOW,
        subject="column:duration",
        message="m",
    )
    proof = Proof(
        kind="without_column",
        subject="column:duration",
        columns=("duration",),
        score=estimate(0.78),
        unchanged=estimate(0.94),
        difference=Estimate(value=-0.16, low=-0.18, high=-0.14),
        n=7000,
    )
    judgement = Judgement(proofs=(proof,) if proven else ())
    return replace(made, record=msgspec.structs.replace(made.record, findings=(leak,), judgement=judgement))


class _Proofs:
    codes = (_CODE,)
    examples = (
        Example(make=lambda: _doubted(proven=True), codes=(_CODE,)),
        Example(make=lambda: _doubted(proven=False, grave=False)),
    )

    def run(self, evidence: ModelEvidence) -> Iterator[Finding]:
        record = evidence.record
        if record is None or record.report is None:
            yield undecided(_CODE, "model", "nothing was trained")
            return
        if record.judgement is None:
            return
        proofs = [one for one in record.judgement.proofs if one.kind == "without_column"]
        if not proofs:
            if any(_is_doubted(one, record.judgement) for one in record.findings):
                why = record.judgement.missing.get("proofs", "nothing was fit again")
                yield undecided(_CODE, "model", f"the score without the columns in doubt is not known ({why})")
            return
        widest = max(proofs, key=lambda one: len(one.columns))
        yield _finding(widest, proofs, metric_name(record.report.metric))


def _is_doubted(finding: Finding, judgement: Judgement) -> bool:
    grave = finding.blocking or finding.severity.rank >= Severity.HIGH.rank
    about = finding.subject.partition(":")
    is_column = bool(named(finding.subject, [about[2]])) or about[0] == "columns"
    asked = "without " in judgement.missing.get("proofs", "")
    return finding.code.startswith("leak.") and grave and is_column and not finding.undecided and asked


def _finding(proof: Proof, proofs: list[Proof], metric: str) -> Finding:
    columns = listing(list(proof.columns))
    fell = proof.difference.high is not None and proof.difference.high < 0
    if fell:
        message = (
            f"Without {columns} the chosen configuration scores {metric} {shown(proof.score)} instead of "
            f"{shown(proof.unchanged)}: that is the score to plan with if the doubt is right."
        )
        advice = f"leave {columns} out (features.ignore) unless the value is known at the moment of prediction"
    else:
        message = (
            f"Without {columns} the chosen configuration scores {metric} {shown(proof.score)}, with "
            f"{shown(proof.unchanged)}: nothing measurable is lost by leaving out what is in doubt."
        )
        advice = f"leave {columns} out (features.ignore): it costs nothing and settles the doubt"
    return Finding(
        code=_CODE,
        severity=Severity.INFO,
        subject=proof.subject,
        message=message,
        observed=proof.difference.value,
        evidence={
            one.subject: {"score": one.score, "unchanged": one.unchanged, "difference": one.difference, "rows": one.n}
            for one in proofs
        },
        advice=advice,
        source="the chosen configuration fit again on the same folds, compared row by row",
    )


PLUGIN: Check = _Proofs()

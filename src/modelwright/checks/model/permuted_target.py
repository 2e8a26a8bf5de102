"""The control: on a shuffled target the same pipeline must do no better than chance."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from modelwright.checks.evidence import ModelEvidence
from modelwright.checks.findings import undecided
from modelwright.checks.model._shared import estimate, example, figure, metric_name, report_of, shown
from modelwright.core.judgement import Judgement, Proof
from modelwright.core.nouns import Estimate, Finding, Severity
from modelwright.core.ports import Check, Example

_CODE = "leak.pipeline"
#: better than every one of 2,000 random orders of the answers
LIMIT = 5e-4
_LEAST_ROWS = 50


def _shuffled(value: float, p: float) -> ModelEvidence:
    from dataclasses import replace

    made = example()
    assert made.record is not None
    proof = Proof(
        kind="shuffled_target",
        subject="pipeline",
        score=estimate(value),
        unchanged=estimate(0.85),
        difference=Estimate(value=value - 0.5),
        chance=estimate(0.5),
        n=2000,
        p_value=p,
    )
    return replace(made, record=msgspec.structs.replace(made.record, judgement=Judgement(proofs=(proof,))))


class _PermutedTarget:
    """A target in random order has nothing to do with the columns. A pipeline that still predicts it out of fold has
    seen the answers of the rows it is judged on: some step learns from rows it must not see."""

    codes = (_CODE,)
    examples = (
        Example(make=lambda: _shuffled(0.61, 0.00049), codes=(_CODE,)),
        Example(make=lambda: _shuffled(0.507, 0.3)),
    )

    def run(self, evidence: ModelEvidence) -> Iterator[Finding]:
        record, report = evidence.record, report_of(evidence)
        if record is None or report is None:
            yield undecided(_CODE, "pipeline", "nothing was trained")
            return
        if not report.task.has_target:
            return
        judgement = record.judgement or Judgement()
        proof = next((one for one in judgement.proofs if one.kind == "shuffled_target"), None)
        if proof is None or proof.chance is None or proof.p_value is None or proof.n < _LEAST_ROWS:
            why = _why(judgement, "shuffled target") if proof is None else f"{proof.n} rows are too few for it"
            yield undecided(_CODE, "pipeline", f"there is no control on a shuffled target ({why})")
            return
        if proof.p_value > LIMIT:
            return
        yield Finding(
            code=_CODE,
            severity=Severity.CRITICAL,
            blocking=True,
            subject="pipeline",
            message=f"On a shuffled target, where nothing can be learned, the pipeline still scores "
            f"{metric_name(report.metric)} "
            f"{shown(proof.score)}; chance is {figure(proof.chance.value)}. A step of it sees answers of the "
            "rows it is judged on, so no score of this run can be trusted.",
            observed=proof.score.value,
            threshold=proof.chance.high if report.greater_is_better else proof.chance.low,
            evidence={"score": proof.score, "chance": proof.chance, "p_value": proof.p_value, "rows": proof.n},
            advice="look for a step that learns from all rows: features.custom, windows or a family of your own",
            source="permutation test, Ojala and Garriga 2010, JMLR 11",
        )


def _why(judgement: Judgement, name: str) -> str:
    said = judgement.missing.get("proofs", "")
    found = next((part for part in said.split("; ") if part.startswith(f"{name}: ")), "")
    return found.removeprefix(f"{name}: ") or "nothing was fit again"


PLUGIN: Check = _PermutedTarget()

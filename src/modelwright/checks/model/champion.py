"""Whether a new model is better than the one in charge, on the same sealed rows."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from modelwright.checks.evidence import ModelEvidence
from modelwright.checks.findings import undecided
from modelwright.checks.model._shared import example, figure, metric_name
from modelwright.core.judgement import Judgement
from modelwright.core.nouns import Estimate, Finding, Level, Severity
from modelwright.core.ports import Check, Example
from modelwright.core.report import Comparison


def _against(difference: float, p_value: float) -> ModelEvidence:
    evidence = example()
    found = Comparison(
        against="version 3",
        metric="roc_auc",
        difference=Estimate(value=difference, low=difference - 0.01, high=difference + 0.01, n=2000),
        p_value=p_value,
        n=2000,
    )
    assert evidence.record is not None
    judged = Judgement(champion=found, champion_version=3, champion_looks=2)
    return ModelEvidence(record=msgspec.structs.replace(evidence.record, judgement=judged))


class _Champion:
    codes = ("model.champion",)
    examples = (
        Example(make=lambda: _against(-0.03, 0.99), codes=("model.champion",)),
        Example(make=lambda: _against(0.001, 0.4), codes=("model.champion",)),
        Example(make=lambda: _against(0.03, 0.001)),
    )

    def run(self, evidence: ModelEvidence) -> Iterator[Finding]:
        if evidence.record is None:
            yield undecided("model.champion", "model", "there is no record of a run to look for the champion in")
            return
        judged = evidence.record.judgement
        if judged is None:
            return  # a first version has nobody to beat
        if judged.champion is None:
            why = judged.missing.get("champion")
            if why:
                yield _silent(why)
            return
        found = judged.champion
        low, high = found.difference.low, found.difference.high
        if low is not None and low > 0:
            return
        worse = high is not None and high < 0
        margin = f"{figure(abs(found.difference.value))} {metric_name(found.metric)}"
        bounds = f" (from {figure(low)} to {figure(high)})" if low is not None and high is not None else ""
        looks = f", corrected for {judged.champion_looks} looks at these rows" if judged.champion_looks > 1 else ""
        yield Finding(
            code="model.champion",
            severity=Severity.HIGH if worse else Severity.LOW,
            subject="model",
            message=(
                f"The new model is worse than {found.against}, the one in charge, by {margin}{bounds}{looks}."
                if worse
                else f"The new model is not measurably better than {found.against}, the one in charge: "
                f"{figure(found.difference.value)} {metric_name(found.metric)}{bounds}{looks}."
            ),
            observed=found.difference.value,
            threshold=0.0,
            evidence={"low": low, "high": high, "p_value": found.p_value, "looks": judged.champion_looks, "n": found.n},
            advice=f"keep {found.against} unless something other than {metric_name(found.metric)} speaks for "
            f"the new one",
        )


def _silent(why: str) -> Finding:
    return Finding(
        code="model.champion",
        severity=Severity.INFO,
        confidence=Level.LOW,
        subject="model",
        message=f"The new model was not compared with the one in charge: {why}.",
        advice="run both on one data version with one data.split to compare them on the same sealed rows",
    )


PLUGIN: Check = _Champion()

"""Answers that rest on what was measured of the model beyond its metrics (`RunRecord.judgement`)."""

from __future__ import annotations

from modelwright.checks.answers import Said, unknown
from modelwright.checks.wording import figure, metric_name, shown, sign
from modelwright.core.judgement import Judgement
from modelwright.core.run import RunRecord

#: the rule of four fifths: a selection rate below this share of the best group's is adverse impact
#: (US Uniform Guidelines on Employee Selection Procedures, 29 CFR 1607.4 D)
FOUR_FIFTHS = 0.8
#: a fall of the metric beyond this share of its value, under mild noise or missing fields, is worth saying
FALL = 0.1


def _reason(record: RunRecord, field: str, otherwise: str) -> Said:
    """Why a measurement is absent: its own error, or what would have been needed."""
    judged = record.judgement
    why = judged.missing.get(field) if judged is not None else None
    return unknown(f"it could not be measured ({why})" if why else otherwise)


def _judged(record: RunRecord) -> Judgement:
    return record.judgement or Judgement()


def segments(record: RunRecord) -> Said:
    report = record.report
    if report is None:
        return Said()
    weak = _judged(record).weak_slices
    confirmed = [one for one in weak if one.confirmed]
    if confirmed:
        worst = min(confirmed, key=lambda one: (one.difference, one.condition))
        text = (
            f"{len(confirmed)} weak group{'s' * (len(confirmed) != 1)} found and confirmed on rows that did not choose "
            f"them; the worst is '{worst.condition}' ({worst.metric} {shown(worst.estimate)} on {worst.n:,} rows, "
            f"{figure(worst.whole)} on all)"
        )
        return Said(text=text, answer="partly")
    if not report.slices and not weak:
        return _reason(record, "weak_slices", "no groups of rows were measured")
    if not report.slices:
        return Said(text=f"{len(weak)} suspected groups, none confirmed on rows that did not choose them")
    worst_slice = min(report.slices, key=lambda one: (one.difference, one.condition))
    n = len(report.slices)
    return Said(
        text=f"{n} group{'s' * (n != 1)} measured; the worst is '{worst_slice.condition}' "
        f"({metric_name(worst_slice.metric or report.metric)} {figure(worst_slice.estimate.value)} on "
        f"{worst_slice.n:,} rows)"
    )


def out_of_time(record: RunRecord) -> Said:
    for proof in _judged(record).proofs:
        if proof.kind == "out_of_time":
            low, high = proof.difference.low, proof.difference.high
            fell = high is not None and high < 0
            text = f"trained on the earlier rows and judged on the later: {shown(proof.score)} instead of "
            text += shown(proof.unchanged) + ("" if low is None else f", a change of {shown(proof.difference)}")
            return Said(text=text, answer="partly" if fell else "yes")
    if record.split is not None and "time" in record.split.kind:
        return Said(text=f"{record.split.kind} split: the sealed rows are the latest")
    if record.split is None:
        return Said()
    return unknown("no time column is declared, so nothing says how the model fares on later rows")


def robustness(record: RunRecord) -> Said:
    found = _judged(record).robustness
    if not found:
        return _reason(record, "robustness", "answers on disturbed inputs were not measured")
    worst = max(found, key=lambda one: (one.fall, one.kind, one.subject))
    whole = abs(worst.score.value + (worst.fall if record.report is None else sign(record.report) * worst.fall))
    serious = worst.fall > FALL * max(whole, 1e-12)
    where = worst.subject.partition(":")[2] or worst.subject
    text = (
        f"{len(found)} disturbances tried; the worst is {worst.kind.replace('_', ' ')} of {where} "
        f"({worst.level}): a loss of {figure(max(worst.fall, 0.0))}"
    )
    return Said(text=text, answer="partly" if serious else "yes")


def fairness(record: RunRecord) -> Said:
    found = [one for one in _judged(record).fairness if one.gaps]
    if not found:
        small = [f"'{one.column}'" for one in _judged(record).fairness]
        if small:
            return unknown(f"the groups of {', '.join(small)} are too small to compare")
        return _reason(record, "fairness", "no column is declared as naming groups of people (evaluation.fairness)")
    gaps = [(one.column, gap) for one in found for gap in one.gaps]
    column, worst = min(gaps, key=lambda pair: (1.0 if pair[1].ratio is None else pair[1].ratio, pair[0]))
    adverse = worst.ratio is not None and worst.ratio < FOUR_FIFTHS and (worst.difference.low or 0.0) > 0
    text = (
        f"{', '.join(one.column for one in found)} compared; the widest gap is the "
        f"{worst.measure.replace('_', ' ')} by {column}: '{worst.best}' over '{worst.worst}' by "
        f"{shown(worst.difference)}"
    )
    text += f", a ratio of {figure(worst.ratio)}" if worst.ratio is not None else ""
    return Said(text=text, answer="no" if adverse else "yes")


def probabilities(record: RunRecord) -> Said:
    """Are the probabilities or ranges that come with an answer honest?"""
    judged, parts, answer = _judged(record), [], "yes"
    if judged.calibration is not None and judged.calibration.error is not None:
        one = judged.calibration
        before = f" (raw {figure(one.error_raw)})" if one.error_raw is not None else ""
        parts.append(
            f"probabilities are off by {figure(judged.calibration.error)} on average after {one.method}{before}"
        )
    if judged.uncertainty is not None:
        one_set = judged.uncertainty
        parts.append(
            f"conformal {one_set.kind}s asked to cover {one_set.asked:.0%} of rows cover {shown(one_set.coverage)}"
        )
        if one_set.coverage.high is not None and one_set.coverage.high < one_set.asked:
            answer = "partly"
    curve = record.report.curves.get("calibration") if record.report else None
    if not parts and isinstance(curve, dict) and isinstance(curve.get("expected_error"), int | float):
        assert record.report is not None
        parts.append(
            f"probabilities on {record.report.judged_rows} are off by {figure(float(curve['expected_error']))} "
            f"on average"
        )
    if parts:
        return Said(text="; ".join(parts), answer=answer)
    return _reason(record, "uncertainty", "neither calibration nor the coverage of intervals was measured")


def champion(record: RunRecord) -> Said:
    judged = _judged(record)
    if judged.champion is None:
        why = judged.missing.get("champion")
        return unknown(why or "there is no champion of this name to compare with")
    found = judged.champion
    name = f"version {judged.champion_version}" if judged.champion_version else found.against
    text = f"{metric_name(found.metric)} against the champion ({name}) on the same {found.n:,} rows: "
    f"{shown(found.difference)}"
    if judged.champion_looks:
        text += f", corrected for {judged.champion_looks} looks"
    low, high = found.difference.low, found.difference.high
    if high is not None and high < 0:
        return Said(text=text, answer="no")
    return Said(text=text, answer="yes" if low is not None and low > 0 else "partly")

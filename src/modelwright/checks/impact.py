"""What acting on findings would change, in measured units; an empty measurement is said to be one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from modelwright.checks.wording import figure, metric_name, shown
from modelwright.core.judgement import Proof
from modelwright.core.nouns import Finding
from modelwright.core.run import RunRecord

#: keys of a finding's evidence that count the rows it speaks of, the most telling first
_ROWS = ("missing", "affected", "conflicting", "repeats", "rows_affected", "rows", "n_rows", "n")
#: codes whose `observed` is the share of rows concerned
_SHARES = ("data.duplicates", "data.missing", "data.conflicting_labels", "data.outliers", "leak.overlap")
#: families of rules that speak of rows of the data
_OF_ROWS = ("data.", "leak.", "split.", "feature.")
UNMEASURED = "not measured"


def of_findings(found: Sequence[Finding], record: RunRecord | None) -> str:
    """The first that is known: the proof for these subjects, the score without, the group's score, rows."""
    subjects = [each.subject for each in found]
    for known in (_by_proof(found, subjects, record), _by_evidence(found, record), _by_measure(found[0], record)):
        if known:
            return known
    return _by_rows(found, record) or UNMEASURED


def signed(value: float) -> str:
    return f"+{figure(value)}" if value > 0 else figure(value)


def proofs_for(finding: Finding, record: RunRecord | None) -> list[Proof]:
    """Refits that answer this finding: without its column, or with the split it asks for."""
    proofs = record.judgement.proofs if record is not None and record.judgement is not None else ()
    kinds = {"leak.time": "out_of_time", "split.hidden_order": "out_of_time", "leak.group": "new_groups"}
    wanted = next((kind for beginning, kind in kinds.items() if finding.code.startswith(beginning)), "without_column")
    return [
        each
        for each in proofs
        if each.kind == wanted and (each.subject == finding.subject or wanted != "without_column")
    ]


def _by_proof(found: Sequence[Finding], subjects: list[str], record: RunRecord | None) -> str:
    metric = _metric_name(record)
    for finding in found:
        for proof in proofs_for(finding, record):
            return f"expect {metric} {shown(proof.score)} instead of {figure(proof.unchanged.value)}"
    return ""


def _metric_name(record: RunRecord | None) -> str:
    return metric_name(record.report.metric) if record is not None and record.report is not None else "the score"


def _by_evidence(found: Sequence[Finding], record: RunRecord | None) -> str:
    """A rule may measure the score without its subject itself, as words or as a number."""
    metric = _metric_name(record)
    for finding in found:
        told = finding.evidence if isinstance(finding.evidence, Mapping) else {}
        without = [told[key] for key in sorted(told) if key.startswith(("score_without", "without"))]
        words = next((each for each in without if isinstance(each, str) and each), "")
        if words:
            return f"expect {words} without it"
        value = next((_number(each) for each in without), None)
        if value is not None:
            named = told.get("metric")
            return f"expect {metric_name(named) if isinstance(named, str) else metric} {figure(value)} without it"
    return ""


def _by_measure(finding: Finding, record: RunRecord | None) -> str:
    if record is None or record.report is None:
        return ""
    report, observed = record.report, _number(finding.observed)
    if finding.code == "model.goal" and report.goal is not None and isinstance(finding.observed, Mapping):
        bound = _number(finding.observed.get("bound"))
        return (
            f"{figure(abs(report.goal - bound))} {metric_name(report.metric)} between the pessimistic end and the goal"
            if bound is not None
            else ""
        )
    if finding.code.startswith("model.baseline") and observed is not None:
        return f"{signed(observed)} {metric_name(report.metric)} is what the model adds now"
    if finding.code.startswith("model.complexity") and observed is not None:
        return f"costs {figure(max(observed, 0.0))} {metric_name(report.metric)} at most"
    if finding.code.startswith(("model.fairness", "fairness.")) and observed is not None:
        return f"a gap of {figure(observed)} to close"
    return _of_slice(finding, record)


def _of_slice(finding: Finding, record: RunRecord) -> str:
    condition = finding.subject.partition(":")[2]
    for weak in record.judgement.weak_slices if record.judgement is not None else ():
        if weak.condition == condition:
            reached = (
                f"{metric_name(weak.metric)} {figure(weak.estimate.value)} where all rows reach {figure(weak.whole)}"
            )
            return f"{weak.n:,} rows, {reached}"
    report = record.report
    for group in report.slices if report is not None else ():
        if group.condition == condition and report is not None:
            name = group.metric or report.metric
            return (
                f"{group.n:,} rows ({group.share:.0%}), {signed(group.difference)} {metric_name(name)} "
                f"against the whole"
            )
    return ""


def _by_rows(found: Sequence[Finding], record: RunRecord | None) -> str:
    """Rows that the findings speak of: counted where the rule counted, else its share of the rows."""
    if not found[0].code.startswith(_OF_ROWS):
        return ""
    most = 0
    for finding in found:
        told = finding.evidence if isinstance(finding.evidence, Mapping) else {}
        total = record.n_rows if record is not None else None
        counts = [told[key] for key in _ROWS if isinstance(told.get(key), int) and told[key] is not True]
        counted = next((each for each in counts if each != total), None)  # all rows are the scope, not the impact
        observed = _number(finding.observed)
        if counted is None and record is not None and observed is not None and finding.code.startswith(_SHARES):
            counted = round(observed * record.n_rows) if 0 < observed < 1 else int(observed)
        most = max(most, counted or 0)
    if not most:
        return ""
    return f"{most:,} row{'s' * (most != 1)}" + (" in the worst of them" if len(found) > 1 else "")


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None

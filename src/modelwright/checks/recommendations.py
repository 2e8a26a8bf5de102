"""What to do next, most urgent first: one entry per rule, with the measured impact and the effort."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from modelwright.checks.findings import listing
from modelwright.checks.impact import of_findings, signed
from modelwright.checks.wording import metric_name, shown
from modelwright.core.nouns import Finding, Recommendation, Severity
from modelwright.core.run import RunRecord

#: what acting on a rule usually takes: S a line of the file, M days of work, L new data or labels. The longest
#: beginning of a code decides.
EFFORT = {
    "leak.": "S",
    "leak.label": "M",
    "split.": "S",
    "metric.": "S",
    "feature.": "M",
    "feature.near_constant": "S",
    "data.": "M",
    "data.constant": "S",
    "data.identifier": "S",
    "data.personal": "S",
    "data.duplicates": "S",
    "data.tiny": "L",
    "data.wide": "L",
    "data.rare_class": "L",
    "data.conflicting_labels": "L",
    "data.label_noise": "L",
    "model.": "M",
    "model.baseline": "S",
    "model.calibration": "S",
    "model.complexity": "S",
    "model.not_as_asked": "S",
    "model.goal": "L",
    "model.few_test_rows": "L",
    "model.wide_interval": "L",
    "deployment.": "M",
    "check.": "S",
}
#: subjects named in one line
_NAMED = 5
_SIZES = ("S", "M", "L")
#: rules that already ask for more rows
_ABOUT_ROWS = frozenset({"data.tiny", "model.learning_curve"})


def of(findings: Sequence[Finding], record: RunRecord | None) -> tuple[Recommendation, ...]:
    """Deterministic and without repeats: findings of one rule and priority are one recommendation.

    P1: blocking or critical. P2: high or medium. P3: low, and improvements that were measured but are not needed.
    """
    acting = [each for each in findings if not each.undecided and each.severity is not Severity.INFO and each.advice]
    made = [_group(key, list(group), record) for key, group in groupby(sorted(acting, key=_place), key=_rule)]
    made += _improvements(record, {code for each in made for code in each.codes}) if record is not None else []
    gravity: dict[tuple[str, str], int] = {}
    for found in acting:
        gravity[_rule(found)] = max(gravity.get(_rule(found), 0), found.severity.rank)

    def urgency(each: Recommendation) -> tuple[str, int, int, tuple[str, ...], str]:
        rank = max((gravity.get((each.priority, code), 0) for code in each.codes), default=0)
        return each.priority, -rank, _SIZES.index(each.effort), each.codes, each.text

    return tuple(sorted(made, key=urgency))


def priority(finding: Finding) -> str:
    if finding.blocking or finding.severity is Severity.CRITICAL:
        return "P1"
    return "P2" if finding.severity.rank >= Severity.MEDIUM.rank else "P3"


def effort(code: str) -> str:
    known = [beginning for beginning in EFFORT if code.startswith(beginning)]
    return EFFORT[max(known, key=len)] if known else "M"


def _rule(finding: Finding) -> tuple[str, str]:
    return priority(finding), finding.code


def _place(finding: Finding) -> tuple[str, str, int, str, str]:
    return (*_rule(finding), -finding.severity.rank, finding.subject, finding.message)


def _group(rule: tuple[str, str], found: list[Finding], record: RunRecord | None) -> Recommendation:
    first = found[0]
    subjects = tuple(dict.fromkeys(each.subject for each in found))
    advices = list(dict.fromkeys(each.advice for each in found))
    why = first.message if len(found) == 1 else f"{first.message} The same rule names {len(found) - 1} more."
    text = advices[0] if len(advices) == 1 else f"{advices[0]} (likewise for {listing(_names(subjects[1:]), _NAMED)})"
    return Recommendation(
        priority=rule[0],
        text=text,
        why=why,
        impact=of_findings(found, record),
        effort=effort(rule[1]),
        codes=(rule[1],),
        subjects=subjects,
    )


def _names(subjects: Iterable[str]) -> list[str]:
    return [subject.partition(":")[2] or subject for subject in subjects]


def _improvements(record: RunRecord, told: set[str]) -> list[Recommendation]:
    """What the measurements offer beyond the findings."""
    found: list[Recommendation] = []
    report, judged = record.report, record.judgement
    if report is not None and report.goal is None and report.task.has_target:
        found.append(
            Recommendation(
                priority="P3",
                text="set evaluation.threshold to the score from which the model is worth using",
                why="No goal was set, so nobody can say whether this score is enough.",
                impact="turns 'could not judge' into an answer",
                effort="S",
                codes=("model.goal",),
                subjects=("model",),
            )
        )
    curve = judged.learning_curve if judged is not None else None
    gain = curve.last_gain if curve is not None else None
    if curve is not None and gain is not None and gain.low is not None and gain.low > 0 and not told & _ABOUT_ROWS:
        found.append(
            Recommendation(
                priority="P3",
                text=f"bring more rows: {metric_name(curve.metric)} still rose when the rows were last doubled",
                why=f"The last doubling, to {curve.points[-1].n:,} rows, gained {shown(gain)}."
                if curve.points
                else f"The last doubling of the rows gained {shown(gain)}.",
                impact=f"about {signed(gain.value)} {metric_name(curve.metric)} for twice the rows, less for "
                f"each further doubling",
                effort="L",
                codes=("model.learning_curve",),
                subjects=("data",),
            )
        )
    return found

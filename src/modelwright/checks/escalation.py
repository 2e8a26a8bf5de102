"""What a person must decide before anybody works on: asked in plain words, with what can be chosen."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from modelwright.checks.answers import hardest_rival
from modelwright.checks.answers_measured import FOUR_FIFTHS
from modelwright.checks.floor import floor_of
from modelwright.checks.impact import proofs_for
from modelwright.checks.wording import figure, metric_name, shown, sign
from modelwright.core.judgement import FairnessGap
from modelwright.core.nouns import Escalation, Estimate, Finding, Severity
from modelwright.core.run import RunRecord

#: cases of the rarest class below which neither learning nor judging can be trusted. Ten per variable is the usual
#: advice for one regression (Peduzzi et al., 1996); fifty is enough for the few columns of the simplest model.
FEW_CASES = 50
FEW_JUDGED = 10
FEW_ROWS = 100
#: further doublings of the rows after which a goal counts as out of reach
MANY_DOUBLINGS = 4.0
#: families that must have been tried before their common limit says something about the columns
FAMILIES = 3
#: a gap between groups of a column that nobody asked about must be this wide at the least
CLEAR_GAP = 0.1

Rule = Callable[[RunRecord, Sequence[Finding]], Escalation | None]


def of(findings: Sequence[Finding], record: RunRecord | None) -> tuple[Escalation, ...]:
    """In the order in which they must be settled: no signal, poor data, harm, goal out of reach, goal unclear."""
    if record is None:
        return ()
    made = (rule(record, findings) for rule in (_no_signal, _poor_data, _harm, _out_of_reach, _unclear))
    return tuple(each for each in made if each is not None)


def _no_signal(record: RunRecord, findings: Sequence[Finding]) -> Escalation | None:
    """A blocking leak, and what remains without it is no better than a constant."""
    report = record.report
    if report is None:
        return None
    floor = floor_of(report)
    for finding in findings:
        if not (finding.blocking and finding.code.startswith("leak.")):
            continue
        for proof in proofs_for(finding, record):
            rival = proof.chance or floor
            if rival is None:
                continue
            bound = proof.score.low if report.greater_is_better else proof.score.high
            judged = proof.score.value if bound is None else bound
            if sign(report) * (judged - rival.value) <= 0:
                what = finding.subject.partition(":")[2] or finding.subject
                return Escalation(
                    question=f"Is there anything to predict once '{what}' is taken away?",
                    why=f"{finding.message} Without it {metric_name(report.metric)} is {shown(proof.score)}; "
                    f"a constant answer reaches {figure(rival.value)}.",
                    options=(
                        f"stop: without '{what}' the other columns say nothing about the target",
                        "bring columns that are known before the event and can tell the cases apart",
                        f"ask another question, one for which '{what}' is known when the answer is needed",
                    ),
                    codes=(finding.code,),
                )
    return None


def _poor_data(record: RunRecord, findings: Sequence[Finding]) -> Escalation | None:
    problem = record.problem
    reasons, codes = [], []
    if problem is not None and problem.task.is_classification and len(problem.classes) > 1:
        rarest = min(problem.classes, key=lambda label: (problem.classes[label], label))
        n = problem.classes[rarest]
        if n < FEW_CASES:
            reasons.append(
                f"there are only {n:,} cases of '{rarest}' in all, {_judged_cases(record, n)} of them to judge by"
            )
            codes.append("data.rare_class")
    if 0 < record.n_rows < FEW_ROWS:
        reasons.append(f"the table has only {record.n_rows:,} rows")
        codes.append("data.tiny")
    for finding in findings:
        poor = finding.code.startswith(("data.tiny", "data.conflicting_labels", "data.label_noise", "data.all_missing"))
        if poor and finding.severity.rank >= Severity.HIGH.rank and not finding.undecided:
            reasons.append(finding.message.rstrip("."))
            codes.append(finding.code)
    if not reasons:
        return None
    return Escalation(
        question="Is this data enough to decide anything by?",
        why=f"{_upper('; '.join(dict.fromkeys(reasons)))}. Whatever score comes out of it may be luck.",
        options=(
            "wait, and collect more cases before a model is trained",
            "use a rule that a person can check, and let the model only advise",
            "go on knowing that the figures may not hold, and judge again as soon as more cases are in",
        ),
        codes=tuple(dict.fromkeys(codes)),
    )


def _judged_cases(record: RunRecord, n: int) -> str:
    """About how many of n cases lie in the sealed rows."""
    rows = record.split.rows if record.split is not None else {}
    share = rows.get("test", 0) / max(sum(rows.values()), 1)
    return f"about {round(n * share):,}" if share else "few"


def _harm(record: RunRecord, findings: Sequence[Finding]) -> Escalation | None:
    """A selection rate below four fifths of the best group's, or a gap that the fairness check calls serious."""
    worst: tuple[str, FairnessGap] | None = None
    for one in record.judgement.fairness if record.judgement is not None else ():
        for gap in one.gaps:
            low = gap.difference.low or 0.0
            # of a column that nobody named only harm beyond doubt: a person must then decide whether it matters
            sure = low > 0 if one.asked else low > CLEAR_GAP and (gap.ratio_high or 1.0) < FOUR_FIFTHS
            adverse = gap.measure in _RATES and gap.ratio is not None and gap.ratio < FOUR_FIFTHS and sure
            if adverse and (worst is None or (gap.ratio or 1.0) < (worst[1].ratio or 1.0)):
                worst = one.column, gap
    told = next(
        (
            each
            for each in findings
            if each.code.startswith(("fairness.", "model.fairness"))
            and not each.undecided
            and each.severity.rank >= Severity.HIGH.rank
        ),
        None,
    )
    if worst is None and told is None:
        return None
    if worst is not None:
        column, gap = worst
        low = gap.ratio or 0.0
        why = (
            f"By {column}, the {gap.measure.replace('_', ' ')} of '{gap.worst}' is {low:.0%} of that of '{gap.best}' "
            f"(a gap of {shown(gap.difference)}), below the four fifths at which unequal treatment is presumed."
        )
    else:
        assert told is not None  # one of the two is there
        why = told.message
    return Escalation(
        question="May the model treat these groups of people this differently?",
        why=why,
        options=(
            "do not use the model for these people until the gap is closed",
            "use it as advice only: a person decides for the group that is served worse",
            "accept the gap, and write down who accepts it, for what reason, and on which legal ground",
        ),
        codes=(told.code,) if told is not None else ("model.fairness",),
    )


_RATES = frozenset({"selection_rate", "true_positive_rate", "precision", "recall"})


def _out_of_reach(record: RunRecord, findings: Sequence[Finding]) -> Escalation | None:
    """Even the optimistic end misses the goal, and neither rows nor families promise to close the gap."""
    report = record.report
    if report is None or report.goal is None:
        return None
    try:
        found = report.primary
    except KeyError:
        return None
    best = found.high if report.greater_is_better else found.low
    ceiling = _ceiling(findings, report.metric)
    beyond = ceiling is not None and sign(report) * (report.goal - ceiling) > 0
    if not beyond and (best is None or sign(report) * (report.goal - best) <= 0):
        return None
    limit = (
        f"so many labels are wrong or contradict each other that nothing can measure more than {figure(ceiling)}"
        if beyond and ceiling is not None
        else _limit(record, found)
    )
    if not limit:
        return None
    return Escalation(
        question=f"Is a {metric_name(report.metric)} of {report.goal:g} still the goal?",
        why=f"The model reaches {shown(found)} and the goal is {report.goal:g}; {limit}.",
        options=(
            f"lower the goal to what this data can give, about {figure(found.value)}, if that is still worth having",
            "bring columns that know more about the target; more of the same will not do",
            "leave the decision to people, or stop here",
        ),
        codes=("model.goal",),
    )


def _ceiling(findings: Sequence[Finding], metric: str) -> float | None:
    """The best score that noisy labels allow, where a rule has measured it: of accuracy all but the labels that are
    wrong, by the low end of their share."""
    for finding in findings:
        if finding.code.startswith(("data.label_noise", "data.conflicting_labels")) and isinstance(
            finding.evidence, dict
        ):
            value = finding.evidence.get("ceiling")
            if value is None and metric == "accuracy" and finding.code == "data.label_noise":
                wrong = finding.evidence.get("low")
                value = 1.0 - wrong if isinstance(wrong, int | float) and not finding.undecided else None
            if isinstance(value, int | float) and not isinstance(value, bool):
                return float(value)
    return None


def _limit(record: RunRecord, found: Estimate) -> str:
    """Why more of the same will not reach the goal; empty where it might."""
    report = record.report
    assert report is not None
    assert report.goal is not None
    curve = record.judgement.learning_curve if record.judgement is not None else None
    gain = curve.last_gain if curve is not None and curve.metric == report.metric else None
    if gain is not None:
        if gain.value <= 0 or (gain.low is not None and gain.low <= 0):
            return "twice as many rows changed next to nothing, so more rows will not close the gap"
        doublings = abs(report.goal - found.value) / gain.value
        if doublings <= MANY_DOUBLINGS:
            return ""
        return f"at the present pace it would take more than {2 ** math.floor(doublings):,} times the rows"
    tried = [
        row for row in record.leaderboard if row.status == "done" and row.score is not None and row.family != "dummy"
    ]
    families = {row.family for row in tried}
    ends = [(row.high if report.greater_is_better else row.low) or row.score or 0.0 for row in tried]
    if len(families) < FAMILIES or any(sign(report) * (end - report.goal) >= 0 for end in ends):
        return ""
    return f"{len(families)} kinds of model were tried and none comes near it, so the columns are the limit"


def _unclear(record: RunRecord, findings: Sequence[Finding]) -> Escalation | None:
    """Nothing says what would be good enough, and the model itself does not settle it."""
    misleading = next(
        (each for each in findings if each.code.startswith(("metric.", "problem.")) and not each.undecided
         and each.severity.rank >= Severity.HIGH.rank), None
    )  # fmt: skip
    if misleading is not None:
        return Escalation(
            question="What is a good answer worth, and what does a wrong one cost?",
            why=f"{misleading.message} A better score would not mean a better decision.",
            options=(
                "name the metric that follows the cost of errors (evaluation.metric)",
                "state what each kind of error costs, so that the threshold can be chosen by it",
                "keep the metric, knowing that it says little here",
            ),
            codes=(misleading.code,),
        )
    report = record.report
    rival = hardest_rival(report) if report is not None else None
    if report is None or report.goal is not None or rival is None:
        return None
    low = rival.difference.low
    if low is None or low > 0:
        return None
    return Escalation(
        question="What would a model have to achieve to be worth using?",
        why=f"No goal was set, and on {rival.n:,} {report.judged_rows} the model is not clearly better than "
        f"'{rival.against}' "
        f"({metric_name(report.metric)} {shown(rival.difference)}).",
        options=(
            "name the score from which a model is worth its keep (evaluation.threshold)",
            f"use '{rival.against}', which is simpler and as good",
            "bring rows or columns that know more, and judge again",
        ),
        codes=("model.goal", "model.baseline"),
    )


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]

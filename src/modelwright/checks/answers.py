"""What a run's record says to each question of the review: a yes with its evidence, less than that, or nothing."""

from __future__ import annotations

from dataclasses import dataclass

from modelwright.checks.wording import families_of, figure, metric_name, shown, sign
from modelwright.core.nouns import Estimate
from modelwright.core.report import Comparison, Report
from modelwright.core.run import RunRecord

UNKNOWN = "could not judge"
NOT_APPLICABLE = "not applicable"
_LINE = 160  # characters of a step that evidence quotes whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """The record's own answer. An empty text means that the record cannot answer."""

    text: str = ""
    answer: str = "yes"


def unknown(text: str) -> Said:
    return Said(text=text, answer=UNKNOWN)


def _primary(report: Report | None) -> Estimate | None:
    if report is None:
        return None
    try:
        return report.primary
    except KeyError:
        return None


def problem(record: RunRecord) -> Said:
    return Said(text=f"{record.problem.task.value}: {record.problem.reason}") if record.problem else Said()


def data_quality(record: RunRecord) -> Said:
    if not record.profile:
        return Said()
    return Said(text=f"{record.n_rows:,} rows and {record.n_columns} columns were profiled and checked")


def hardest_rival(report: Report) -> Comparison | None:
    """The baseline that the model beats by least."""
    return min(report.comparisons, key=lambda one: (one.difference.value, one.against), default=None)


def baseline(record: RunRecord) -> Said:
    found = hardest_rival(record.report) if record.report else None
    if found is None:
        return Said()
    words = f"{metric_name(found.metric)} better than the baseline '{found.against}' by {shown(found.difference)}"
    sure = found.difference.low is not None and found.difference.low > 0
    return Said(text=words, answer="yes" if sure else "partly")


def goal(record: RunRecord) -> Said:
    report, found = record.report, _primary(record.report)
    if report is None or found is None:
        return Said()
    if report.goal is None:
        return unknown("no goal was set (evaluation.threshold), so there is nothing to meet")
    bound = found.low if report.greater_is_better else found.high
    if bound is None:
        return unknown(f"{metric_name(report.metric)} has no interval to hold against the goal {report.goal:g}")
    met = sign(report) * (bound - report.goal) >= 0
    reached = sign(report) * (found.value - report.goal) >= 0
    answer = "yes" if met else "partly" if reached else "no"
    return Said(
        text=f"{metric_name(report.metric)} {shown(found)} against the goal {report.goal:g}; its pessimistic "
        f"end counts",
        answer=answer,
    )


def complexity(record: RunRecord) -> Said:
    """Rows for each input column, the gap between learned and unseen rows, and what the last doubling of rows gave."""
    report, found = record.report, _primary(record.report)
    if report is None or found is None or not record.chosen_family or not report.task.has_target:
        return Said()
    parts = []
    rows = (record.split.rows.get("train") if record.split else None) or report.n_rows.get("train")
    inputs = len(record.signature.inputs) if record.signature else 0
    if rows and inputs:
        parts.append(f"{rows / inputs:,.0f} rows learned from for each of {inputs} input columns")
    train = report.metrics.get("train", {}).get(report.metric)
    if train is not None:
        parts.append(
            f"{metric_name(report.metric)} {figure(train.value)} on learned rows, {figure(found.value)} on "
            f"{report.judged_rows}"
        )
    curve = record.judgement.learning_curve if record.judgement else None
    if curve is not None and curve.last_gain is not None:
        parts.append(f"the last doubling of rows changed {metric_name(curve.metric)} by {shown(curve.last_gain)}")
    if train is None and (curve is None or curve.last_gain is None):
        return unknown("neither a score on learned rows nor a learning curve was measured")
    few = bool(rows and inputs and rows < 10 * inputs)
    return Said(text=f"{record.chosen_family}: {'; '.join(parts)}", answer="partly" if few else "yes")


def search(record: RunRecord) -> Said:
    if not record.leaderboard:
        return Said()
    done = sum(row.status == "done" for row in record.leaderboard)
    trials = f" and {len(record.trials)} trials" if record.trials else ""
    n = len(record.leaderboard)
    return Said(text=f"{n} candidate{'s' * (n != 1)}{trials}, {done} finished, each with its parameters and score")


def metric(record: RunRecord) -> Said:
    if record.report is None or record.problem is None:
        return Said()
    return Said(text=f"{metric_name(record.report.metric)}: {record.problem.metric_reason}")


def interpretable(record: RunRecord) -> Said:
    """How the model can be looked into."""
    judged, ways = record.judgement, []
    if record.report is not None and record.report.importances:
        ways.append("importance of every input column")
    if judged is not None and judged.contributions:
        ways.append("contributions of each column to single answers (SHAP values)")
    if judged is not None and judged.dependence:
        ways.append(f"partial dependence on {', '.join(one.column for one in judged.dependence[:3])}")
    return Said(text=f"measured on sealed rows: {'; '.join(ways)}") if ways else Said()


def importance(record: RunRecord) -> Said:
    if record.report is None or not record.report.importances:
        return Said()
    found = sorted(record.report.importances, key=lambda one: (-one.value, one.column))
    top = ", ".join(f"{one.column} {figure(one.value)}" for one in found[:3])
    return Said(text=f"what {metric_name(record.report.metric)} loses when a column is shuffled: {top}")


def inputs(record: RunRecord) -> Said:
    if record.signature is None or not record.profile:
        return Said()
    n = len(record.signature.inputs)
    return Said(text=f"none of {n} input columns behaves as if it were written after the event")


def leaks(record: RunRecord) -> Said:
    """The checks found nothing, and where it was tried, a shuffled target left nothing to find."""
    if not record.profile:
        return Said()
    text = "no column, combination of columns or shared row gave the target away"
    for proof in record.judgement.proofs if record.judgement else ():
        if proof.kind == "shuffled_target":
            text += f"; with a shuffled target {_metric_name(record)} falls to {shown(proof.score)}"
            break
    return Said(text=text)


def _metric_name(record: RunRecord) -> str:
    return metric_name(record.report.metric) if record.report else "the score"


def scaling(record: RunRecord) -> Said:
    """Read from the steps that ran; whether the family wants scaling is its own declaration."""
    if not record.pipeline:
        return Said()
    lines = [line for line in record.pipeline if "scal" in line.lower()]
    if lines:
        return Said(text=_steps(lines))
    wants = {family: _wants_scaling(family) for family in families_of(record)}
    wanting = [family for family, wanted in wants.items() if wanted]
    if wanting:
        return Said(text=f"'{wanting[0]}' wants scaled columns and no step scales them", answer="no")
    if None in wants.values():
        return unknown(f"whether '{record.chosen_family}' needs scaling is not known")
    return Said(text=f"'{record.chosen_family}' does not need scaling", answer=NOT_APPLICABLE)


def _steps(lines: list[str]) -> str:
    """At most three steps; each names its first columns and how it ends."""
    return "; ".join(line if len(line) <= _LINE else f"{line[:60].rstrip(', ')} ... {line[-90:]}" for line in lines[:3])


def _wants_scaling(family: str) -> bool | None:
    from modelwright.core import plugins
    from modelwright.core.errors import ModelwrightError

    try:
        needs = getattr(plugins.load("families", family), "needs", None)
    except ModelwrightError:
        return None
    return None if needs is None else bool(needs.scaled)


def missing(record: RunRecord) -> Said:
    if not record.pipeline:
        return Said()
    lines = [line for line in record.pipeline if any(w in line.lower() for w in ("missing", "imput", "median"))]
    if lines:
        return Said(text=_steps(lines))
    return Said(text="missing values reach the family as such, which handles them")


def encodings(record: RunRecord) -> Said:
    if not record.pipeline:
        return Said()
    words = ("categor", "one-hot", "one_hot", "code", "encod", "rate", "frequency")
    lines = [line for line in record.pipeline if any(word in line.lower() for word in words)]
    if lines:
        return Said(text=_steps(lines))
    return Said(text="there are no category columns", answer=NOT_APPLICABLE)


def seeds(record: RunRecord) -> Said:
    known = bool(record.plan or record.leaderboard)
    return Said(text=f"one seed ({record.seed}) from which all others derive") if known else Said()


def splits(record: RunRecord) -> Said:
    if record.split is None:
        return Said()
    rows = ", ".join(f"{name} {count:,}" for name, count in record.split.rows.items())
    return Said(text=f"{record.split.kind} split ({rows}): {record.split.reason}")


def imbalance(record: RunRecord) -> Said:
    if record.problem is None:
        return Said()
    if not record.problem.classes:
        return Said(text="the target is not a class", answer=NOT_APPLICABLE)
    classes = record.problem.classes
    rarest = min(classes, key=lambda label: (classes[label], label))
    share = classes[rarest] / max(sum(classes.values()), 1)
    return Said(
        text=f"the rarest class '{rarest}' is {share:.1%} of rows ({classes[rarest]:,}); "
        f"judged by {record.problem.metric}"
    )


def errors(record: RunRecord) -> Said:
    if record.report is None or not record.report.curves:
        return Said()
    text = f"measured: {', '.join(sorted(name.replace('_', ' ') for name in record.report.curves))}"
    worst = record.judgement.worst_rows if record.judgement else ()
    return Said(text=f"{text}; the {len(worst)} worst rows are listed" if worst else text)


def reproducible(record: RunRecord) -> Said:
    known = bool(record.environment and record.data_digest)
    return Said(text="library versions, data digest and seed are recorded") if known else Said()


def scorers(record: RunRecord) -> Said:
    chosen = next((one for one in record.scorers if one.chosen), None)
    return (
        Said(text=f"scorer '{chosen.name}' passed the parity gate on {chosen.rows_tried:,} rows") if chosen else Said()
    )


def limits(record: RunRecord) -> Said:
    said = [
        *record.notes,
        *(record.report.notes if record.report else ()),
        *(record.problem.notes if record.problem else ()),
    ]
    if said:
        return Said(text="; ".join(dict.fromkeys(said[:3])))
    known = record.signature is not None
    return (
        Said(text="answers are measured for inputs inside the ranges and categories of the signature")
        if known
        else Said()
    )

"""What every document says of a run: the record's own fields, ordered and put into words once.

A record may be empty in any part (a run that failed, or whose data was refused); each function then returns
an empty answer instead of raising, and the documents leave that part out.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelwright.core.nouns import Decision, Estimate, Finding, LeaderboardRow, Severity
from modelwright.core.report import Comparison, Report
from modelwright.core.run import RunRecord
from modelwright.documents.words import (
    bounds,
    count,
    listed,
    metric_name,
    number,
    plain,
    sentence,
    share,
    span,
    split_name,
)

TOLD_PACKAGES = frozenset(
    {"catboost", "interpret-core", "lightgbm", "numpy", "onnx", "onnxruntime", "optuna", "polars", "pyarrow",
     "scikit-learn", "scipy", "xgboost"}
)  # fmt: skip
NOTES = 12  # notes on reading that a report shows
#: tone -> the words a reader sees beside the shape
TONES = {Decision.APPROVE: "good", Decision.CONDITIONAL: "warn", Decision.NEEDS_REWORK: "bad"}
UNJUDGED = {
    "failed": ("FAILED", "bad", "The run stopped before a model could be judged."),
    "interrupted": ("INTERRUPTED", "warn", "The run was interrupted; start it again and finished steps are reused."),
    "running": ("RUNNING", "none", "The run has not finished yet; this is what is known so far."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    word: str
    tone: str  # good | warn | bad | none
    sentence: str
    confidence: str = ""
    rest: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    name: str
    estimate: Estimate
    comparison: Comparison | None


def headline(record: RunRecord) -> Headline:
    """The verdict in one word and one sentence; the state of the run where no verdict was reached."""
    verdict = record.verdict
    if verdict is None:
        word, tone, text = UNJUDGED.get(record.status, ("NOT JUDGED", "none", "This run has no verdict."))
        first = next((finding for finding in findings(record) if finding.blocking), None)
        return Headline(word=word, tone=tone, sentence=sentence(first.message) if first else text)
    reasons = tuple(sentence(reason) for reason in verdict.reasons)
    default = {
        Decision.APPROVE: "Every check that could be made passed.",
        Decision.CONDITIONAL: "The model may be used once the conditions below are met.",
        Decision.NEEDS_REWORK: "The model should not be used as it is.",
    }[verdict.decision]
    return Headline(
        word=verdict.decision.value,
        tone=TONES[verdict.decision],
        sentence=reasons[0] if reasons else default,
        confidence=verdict.confidence.value.lower(),
        rest=reasons[1:],
    )


def findings(record: RunRecord) -> list[Finding]:
    """Blocking first, then by severity; inside one severity as code and subject read."""
    found = record.findings or (record.verdict.findings if record.verdict else ())
    return ordered(found)


def ordered(found: Sequence[Finding]) -> list[Finding]:
    return sorted(found, key=lambda each: (not each.blocking, -each.severity.rank, each.code, each.subject))


def refit(found: Finding) -> str:
    """Beside a leak, what the chosen configuration scores without it; empty where that was not tried."""
    told = found.evidence.get("counter_proof") if isinstance(found.evidence, Mapping) else None
    tried = told.get("refit") if isinstance(told, Mapping) else None
    if not isinstance(tried, Mapping):
        return ""
    without, usual = (_interval(tried.get(name)) for name in ("score", "with"))
    columns = listed([str(name) for name in tried.get("without") or ()], 4)
    if not (without and usual and columns):
        return ""
    return f"Trained again without {columns} on the same folds: {without} instead of {usual}"


def _interval(told: Any) -> str:
    value = told.get("value") if isinstance(told, Mapping) else None
    if not isinstance(value, int | float):
        return ""
    between = span(told.get("low"), told.get("high"))
    return number(value) + (f" ({between})" if between else "")


def open_questions(record: RunRecord) -> list[str]:
    """What a person has to decide: blocking findings and the verdict's conditions, each as one sentence."""
    asked = [
        f"{sentence(finding.message)} {sentence(finding.advice)}".strip()
        for finding in findings(record)
        if finding.blocking
    ]
    conditions = [sentence(each) for each in (record.verdict.conditions if record.verdict else ())]
    return list(dict.fromkeys([*asked, *conditions]))


def tally(found: Sequence[Finding]) -> str:
    """`2 blocking, 1 high, 3 low`."""
    parts = []
    blocking = sum(finding.blocking for finding in found)
    if blocking:
        parts.append(f"{blocking} blocking")
    for severity in reversed(Severity):
        n = sum(finding.severity is severity and not finding.blocking for finding in found)
        if n:
            parts.append(f"{n} {severity.value}")
    return ", ".join(parts)


def primary(record: RunRecord) -> Estimate | None:
    """The metric the run is judged by, on the most honest split there is."""
    if record.report is None:
        return None
    try:
        return record.report.primary
    except KeyError:
        return None


def judged_split(report: Report) -> str:
    for split in ("test", "val", "train"):
        if report.metric in report.metrics.get(split, {}):
            return split
    return ""


def best_baseline(report: Report | None) -> Baseline | None:
    """The strongest baseline on the primary metric, with its paired comparison where one was made."""
    if report is None:
        return None
    known = {
        name: found[report.metric]
        for name, found in report.baselines.items()
        if report.metric in found and math.isfinite(found[report.metric].value)
    }
    if not known:
        return None
    best = (max if report.greater_is_better else min)(sorted(known), key=lambda name: known[name].value)
    comparison = next(
        (each for each in report.comparisons if each.against == best and each.metric == report.metric), None
    )
    return Baseline(name=best, estimate=known[best], comparison=comparison)


def goal_words(report: Report) -> str:
    """How the goal was met, judged by the pessimistic bound."""
    if report.goal is None:
        return ""
    try:
        estimate = report.primary
    except KeyError:
        return ""
    bound = estimate.low if report.greater_is_better else estimate.high
    side = "lower" if report.greater_is_better else "upper"
    judged = estimate.value if bound is None else bound
    met = judged >= report.goal if report.greater_is_better else judged <= report.goal
    reached = estimate.value >= report.goal if report.greater_is_better else estimate.value <= report.goal
    word = "met" if met else "reached, but not for certain" if reached else "missed"
    what = f"{side} bound" if bound is not None else "value"
    return f"{word}: the {what} {number(judged)} against {number(report.goal)}"


def metric_names(report: Report) -> list[str]:
    """Primary metric first, then in the order of the most honest split."""
    names = [report.metric]
    for split in ("test", "val", "train", *report.metrics):
        names += [name for name in report.metrics.get(split, {}) if name not in names]
    known = {name for found in report.metrics.values() for name in found}
    return [name for name in names if name in known]


def splits(report: Report) -> list[str]:
    """Most honest split first."""
    usual = [split for split in ("test", "val", "train") if report.metrics.get(split)]
    return usual + sorted(set(report.metrics) - {"train", "val", "test"})


def leaderboard(record: RunRecord) -> list[LeaderboardRow]:
    """By score, then what failed or was skipped."""
    better = -1 if record.report is None or record.report.greater_is_better else 1

    def key(row: LeaderboardRow) -> tuple[bool, float, bool, str]:
        scored = row.score is not None and math.isfinite(row.score)
        return not scored, better * row.score if scored and row.score is not None else 0.0, not row.chosen, row.name

    return sorted(record.leaderboard, key=key)


def comparison_words(baseline: Baseline) -> str:
    """`+0.034 (0.010 to 0.058) on the same rows`."""
    found = baseline.comparison
    if found is None:
        return ""
    difference = found.difference
    word = "better" if difference.value > 0 else "worse" if difference.value < 0 else "the same"
    between = f" ({bounds(difference)})" if bounds(difference) else ""
    if word == "the same":
        return f"no difference{between} on the same rows"
    return f"{number(abs(difference.value))} {word}{between} on the same rows"


def part_name(report: Report, split: str) -> str:
    """`training`, `sealed test`; of predictions that came with their rows: `rows given`."""
    return split_name(split) if split != "test" or report.is_sealed else report.judged_rows


def looks_words(report: Report) -> str:
    if not report.is_sealed:
        return "Nothing here can say how often these rows were used to choose."
    if report.looks <= 1:
        return "The sealed test rows were opened once, for this estimate."
    return (
        f"The sealed test rows have been opened {report.looks} times; "
        "each look makes the estimate a little more hopeful than it should be."
    )


def data_rows(record: RunRecord) -> list[tuple[str, str]]:
    """Name and value of what was read, only what is known."""
    problem, schema = record.problem, record.schema
    rows = [
        ("Source", record.source),
        ("Size", f"{count(record.n_rows, 'row')}, {count(record.n_columns, 'column')}" if record.n_rows else ""),
        ("Target", problem.target or "none" if problem else (schema.target or "" if schema else "")),
        ("Task", f"{problem.task.value}. {sentence(problem.reason)}" if problem else ""),
        ("Metric", f"{metric_name(problem.metric)}. {sentence(problem.metric_reason)}" if problem else ""),
        ("Classes", class_words(problem.classes) if problem else ""),
        ("Columns used", role_words(record)),
        ("Content digest", record.data_digest),
    ]
    return [(name, value.strip()) for name, value in rows if value.strip()]


def class_words(classes: dict[str, int]) -> str:
    total = sum(classes.values())
    return listed([f"{name} {share(n / total)}" for name, n in classes.items()], 8) if total else ""


def role_words(record: RunRecord) -> str:
    """`18 features (12 number, 6 category); left out: id, when`."""
    if record.schema is None:
        return ""
    kinds: dict[str, int] = {}
    for column in record.schema.features:
        kinds[column.type.value] = kinds.get(column.type.value, 0) + 1
    text = count(len(record.schema.features), "feature")
    if kinds:
        text += f" ({', '.join(f'{n} {kind}' for kind, n in sorted(kinds.items(), key=lambda pair: -pair[1]))})"
    others = [f"{c.name} ({c.role.value})" for c in record.schema.columns if c.role.value not in ("feature", "target")]
    return text + (f"; not used as features: {listed(others)}" if others else "")


def data_notes(record: RunRecord) -> list[str]:
    """What a reader should know of the reading: notes of problem, split and run, each once."""
    notes = [*(record.problem.notes if record.problem else ()), *(record.split.notes if record.split else ())]
    if record.problem and record.problem.simpler:
        notes.insert(0, record.problem.simpler)
    later = set(record.report.notes) if record.report else set()  # those stand where the model is judged
    ran = [note for note in record.notes if note not in later]
    said = [sentence(note) for note in dict.fromkeys([*notes, *ran]) if note.strip()]
    read = [line for line in reading_notes(record.profile) if line not in said]
    more = [f"And {len(read) - NOTES} more values or rows were rewritten or set aside; see profile.json."]
    return [*said, *read[:NOTES], *(more if len(read) > NOTES else [])]


def reading_notes(profile: Mapping[str, Any]) -> list[str]:
    """What was rewritten or set aside on reading, one sentence each."""
    lines = [
        f"{each.get('column')}: {plain(each.get('what'))}."
        for each in profile.get("coercions") or []
        if isinstance(each, Mapping)
    ]
    lines += [
        f"Line {each.get('line')} was set aside: {plain(each.get('reason'))}."
        for each in profile.get("quarantined") or []
        if isinstance(each, Mapping)
    ]
    return lines


def slice_metric(report: Report) -> str:
    """What groups are compared by: the primary metric, or one that means the same in every group."""
    return next((each.metric for each in report.slices if each.metric), report.metric)


def made_rows(record: RunRecord) -> list[tuple[str, str]]:
    """Everything needed to make the same model again."""
    rows = [
        ("Run", record.run_id),
        ("Model", f"{record.name} version {record.version}" if record.version else record.name),
        ("Started", record.started_at),
        ("Finished", record.finished_at),
        ("Seed", str(record.seed)),
        ("Commit", record.commit),
        ("Data digest", record.data_digest),
        ("Bundle digest", record.bundle_digest),
    ]
    return [(name, value) for name, value in rows if value]


def environment_rows(record: RunRecord) -> list[tuple[str, str]]:
    """The environment flattened to one level: `packages.numpy` -> `numpy`; of the packages those that may change a
    model. The others are in the run's record."""
    rows: list[tuple[str, str]] = []
    for key, value in record.environment.items():
        if isinstance(value, dict):
            told = [name for name in value if key != "packages" or name in TOLD_PACKAGES]
            rows += [(str(inner), _text(value[inner])) for inner in told]
        else:
            rows.append((str(key).replace("_", " "), _text(value)))
    return [row for row in rows if row[1]]


def commands(record: RunRecord) -> list[tuple[str, str]]:
    """What to type next, and what it does; only what can work for this run."""
    run, bundle = shlex.quote(record.run_id or "latest"), record.paths.get("bundle", "")
    blocked = record.verdict is None or record.verdict.decision is Decision.NEEDS_REWORK
    found: list[tuple[str, str]] = []
    if record.report is None:
        found.append(("modelwright check data pipeline.yaml", "check the data again after a fix, without training"))
        found.append(("modelwright run pipeline.yaml", "run again; finished steps are reused"))
        return found
    if bundle:
        found.append((f"modelwright predict {shlex.quote(bundle)} DATA -o predictions.csv", "score new rows"))
    found.append((f"modelwright explain {run} --row 0", "why the model says what it says of one row"))
    found.append((f"modelwright review model {run}", "the whole review, with evidence"))
    if blocked:
        found.append(("modelwright run pipeline.yaml --budget-s 300", "try longer, after acting on the findings"))
    found.append(("modelwright runs compare " + run + " OTHER", "what differs between two runs"))
    found.append((f"modelwright reproduce {run}", "make the same bundle again, or name the difference"))
    return found


def judged_on(report: Report) -> str:
    """`1,021 sealed test rows`."""
    split = judged_split(report)
    n = report.n_rows.get(split) or (report.metrics.get(split, {}).get(report.metric) or Estimate(value=0)).n
    name = report.judged_rows if split == "test" else f"{split_name(split)} rows"
    return f"{n:,} {name}" if n and split else (name if split else "")


def _text(value: Any) -> str:
    return plain(value) if value not in (None, "", [], ()) else ""

"""The model card: what the model is for, what it learned from, how good it is and where not to trust it.

The card travels in the bundle and enters its digest. It therefore says only what follows from data, spec and
model: no moments, no run ids, no paths, no timings. Form after Mitchell et al., "Model
Cards for Model Reporting", 2019.
"""

from __future__ import annotations

import re

from modelwright.core.nouns import ColumnType, Finding, Severity, Signature, SignatureField, Task
from modelwright.core.report import Report
from modelwright.core.run import RunRecord
from modelwright.documents import facts, measured, review_text
from modelwright.documents import markdown as text
from modelwright.documents.words import (
    count,
    listed,
    metric_name,
    microseconds,
    number,
    plain,
    sentence,
    size,
    span,
    split_name,
)

#: findings whose codes speak of people: the only ground on which the card makes ethical notes
PEOPLE = ("fairness", "bias", "protected", "privacy", "sensitive", "personal")
INPUTS_LISTED = 200


def markdown(record: RunRecord) -> str:
    """The card as Markdown; the same data, spec and model always give the same bytes."""
    report, signature = record.report, record.signature
    verdict = record.verdict
    return text.document(
        [
            f"# Model card: {text.safe(record.name)}",
            *review_text.escalation(verdict),
            "## Verdict" if verdict is not None and verdict.escalation else "",
            *_verdict(record),
            *text.section("Model details", *_model(record)),
            *text.section("Intended use", *_use(record)),
            *text.section("Factors", *_factors(record)),
            *(text.section("Metrics", *_metrics(record, report)) if report else []),
            *text.section("Evaluation data", *_evaluation_data(record)),
            *text.section("Training data", *_data(record)),
            *(text.section("Quantitative analyses", *_quality(record, report)) if report else []),
            *text.section("Ethical considerations", *_people(record)),
            *text.section("Caveats and recommendations", *_limits(record)),
            *(text.section("Inputs", *_inputs(signature)) if signature else []),
            *text.section("How to use it", LOADING),
        ]
    )


LOADING = """\
~~~sh
modelwright predict BUNDLE DATA -o predictions.csv
~~~

Loading verifies every file against the manifest and checks the golden rows first; no code from the bundle runs."""


def _verdict(record: RunRecord) -> list[str]:
    return text.verdict_lines(record) if record.verdict else []


def _use(record: RunRecord) -> list[str]:
    problem, signature = record.problem, record.signature
    if problem is None:
        return []
    target = text.code(problem.target) if problem.target else "structure in the rows"
    what = {
        Task.BINARY: f"Gives the probability and the answer for {target}",
        Task.MULTICLASS: f"Gives a probability for each class of {target}",
        Task.REGRESSION: f"Estimates {target}",
        Task.CLUSTERING: "Puts each row into a cluster",
        Task.ANOMALY: "Gives each row an anomaly score",
    }[problem.task]
    lines = [f"{what}, for rows that come from the same source and process as the data below."]
    classes = signature.classes if signature else tuple(problem.classes)
    if problem.task.is_classification and classes:
        lines.append(f"Classes: {text.safe(listed(classes, 12))}.")
    if problem.positive is not None and problem.task is Task.BINARY:
        lines.append(f"The probability is that of {text.code(problem.positive)}.")
    lines.append("Not meant for rows of another population or time; it finds what goes together, not what causes what.")
    if problem.simpler:
        lines.append(text.safe(sentence(problem.simpler)))
    return [text.bullets(lines)]


def _factors(record: RunRecord) -> list[str]:
    """The groups that were looked at, and those that were not."""
    judged, report = measured.judged(record), record.report
    lines = []
    columns = [each.column for each in judged.fairness]
    if columns:
        lines.append(f"Compared as groups of people: {text.safe(listed(columns, 12))}.")
    conditions = list(dict.fromkeys(each.condition for each in (report.slices if report else ())))
    if conditions:
        lines.append(f"Measured one by one: {text.safe(listed(conditions, 8))}.")
    if judged.weak_slices:
        n = sum(each.confirmed for each in judged.weak_slices)
        lines.append(f"Groups were also searched for by the model's errors; {count(n, 'weak one')} confirmed.")
    if not lines:
        lines.append("No group of rows was measured by itself, so nothing is known of factors.")
    return [text.bullets(lines)]


def _metrics(record: RunRecord, report: Report) -> list[str]:
    lines = [f"Judged by {metric_name(report.metric)}."]
    if record.problem is not None and record.problem.metric_reason:
        lines.append(f"Why this one: {text.safe(sentence(record.problem.metric_reason))}")
    if report.decision_threshold is not None:
        lines.append(f"The answer is positive from a probability of {number(report.decision_threshold)}.")
    lines.append(
        f"Goal {facts.goal_words(report)}." if facts.goal_words(report) else "No goal was set (evaluation.threshold)."
    )
    found = facts.primary(record)
    if found is not None and found.method:
        lines.append(f"Intervals: {found.level:.0%}, {text.safe(found.method)}.")
    return [text.bullets(lines)]


def _evaluation_data(record: RunRecord) -> list[str]:
    if record.split is None:
        return []
    sizes = ", ".join(f"{split_name(name)} {n:,}" for name, n in record.split.rows.items())
    return [
        f"Split: {text.safe(record.split.kind)} ({sizes} rows). {text.safe(sentence(record.split.reason))}",
        "The sealed test rows are not among those the model was trained or tuned on."
        if record.split.rows.get("test")
        else "",
    ]


def _data(record: RunRecord) -> list[str]:
    rows = [row for row in facts.data_rows(record) if row[0] not in ("Source", "Task", "Metric", "Content digest")]
    if record.data_digest:
        rows.append(("Content digest", record.data_digest))
    return [text.pairs(rows)]


def _model(record: RunRecord) -> list[str]:
    rows = [("Family", record.chosen_family.replace("_", " ")), ("Parameters", plain(record.chosen_params, 600))]
    steps = "\n".join(f"{place}. {text.safe(step)}" for place, step in enumerate(record.pipeline, 1))
    return [text.pairs([row for row in rows if row[1]]), steps]


def _quality(record: RunRecord, report: Report) -> list[str]:
    split = facts.judged_split(report)
    rows = text.estimate_cells(report, split) if split else []
    lines = []
    on = facts.judged_on(report)
    if on:
        lines.append(f"Measured on {on}.")
    baseline = facts.best_baseline(report)
    if baseline is not None:
        words = facts.comparison_words(baseline)
        against = f"{text.safe(baseline.name)} reaches {number(baseline.estimate.value)}"
        lines.append(f"The best baseline: {against}{f'; the model is {words}' if words else ''}.")
    return [
        text.bullets(lines),
        text.table(("Metric", "Value", "Interval"), rows, right=(1,)),
        review_text.weak_slices(record),
        *review_text.fairness(record),
        review_text.certainty(record),
        review_text.proofs(record),
        review_text.robustness(record),
        text.importances(report, 10),
    ]


def _limits(record: RunRecord) -> list[str]:
    """From findings, weak groups and what could not be judged; never invented."""
    found = [each for each in facts.findings(record) if each.severity.rank >= Severity.MEDIUM.rank]
    lines = [_limit(each) for each in found if not each.undecided]
    if record.report is not None:
        for group in sorted(record.report.slices, key=lambda each: (each.difference, each.condition))[:5]:
            high, low, primary = group.estimate.high, group.estimate.low, facts.primary(record)
            if primary is None or low is None or high is None:
                continue
            whole = primary.value if group.whole is None else group.whole
            if group.difference < 0 and not low <= whole <= high:
                value, name = number(group.estimate.value), text.safe(group.condition)
                metric = metric_name(group.metric or record.report.metric)
                lines.append(
                    f"Weaker where {name}: {metric} {value} on {count(group.n, 'row')}, {number(whole)} on all."
                )
    if record.verdict and record.verdict.undecided:
        lines.append(f"Could not be judged: {text.safe(listed(record.verdict.undecided, 12))}.")
    if record.report and record.report.n_rows.get("test", 10_000) < 200:
        lines.append(
            f"Only {record.report.n_rows['test']:,} rows judged it; the intervals say how much that leaves open."
        )
    if record.verdict is not None:
        told = {each.code for each in found}
        lines += [
            text.safe(sentence(_without_paths(f"{each.priority}: {each.text}")))
            for each in record.verdict.recommendations
            if not told & set(each.codes)
        ]
    return [text.bullets(dict.fromkeys(lines))]


def _limit(found: Finding) -> str:
    advice = f" {text.safe(sentence(_without_paths(found.advice)))}" if found.advice else ""
    return f"{text.safe(sentence(_without_paths(found.message)))}{advice}"


def _people(record: RunRecord) -> list[str]:
    found = [each for each in facts.findings(record) if any(word in each.code for word in PEOPLE)]
    lines = [_limit(each) for each in found if not each.undecided]
    if not measured.judged(record).fairness:
        lines.append("Unequal treatment of people could not be judged: no column was compared by groups of people.")
    return [text.bullets(lines)]


def _inputs(signature: Signature) -> list[str]:
    rows = [
        (text.code(each.name), each.type.value, "yes" if each.nullable else "no", text.safe(_seen(each)))
        for each in signature.inputs[:INPUTS_LISTED]
    ]
    more = len(signature.inputs) - len(rows)
    return [
        text.table(("Column", "Type", "May be missing", "Seen in training"), rows),
        f"And {more} more." if more else "",
    ]


def _seen(field: SignatureField) -> str:
    if field.categories is not None:
        return listed((short_text(name) for name in field.categories), 8)
    if field.low is not None and field.high is not None and field.type is ColumnType.NUMBER:
        return span(field.low, field.high)
    return ""


def short_text(value: str, limit: int = 40) -> str:
    return value if len(value) <= limit else value[: limit - 1] + "…"


def _without_paths(words: str) -> str:
    """The words with absolute paths cut to their last part: a card reads the same on every machine."""
    return re.sub(r"(?<![\w:/.])/(?:[\w.@+-]+/)+([\w.@+-]+)", r"\1", words)


def of_fast(record: RunRecord) -> str:
    """The card of the quick product: what it is, and what its speed costs. Its review is that of `best`."""
    name = text.safe(record.name)
    target = record.problem.target if record.problem and record.problem.target else "the target"
    words = (
        f"One small model that predicts {text.safe(target)} and stands in for the ensemble `best` of the same run "
        "where a row has to be scored in microseconds. The findings, the limits and the verdict are those of `best`, "
        "whose card is in its own bundle."
    )
    table = text.table(*product_table(record), right=(2, 3))
    return f"# {name}: the quick product\n\n{words}\n\n{table}\n"


def product_table(record: RunRecord) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """What the products of a run score; size and speed are known after packaging only."""
    metric = metric_name(record.report.metric) if record.report else "score"
    heads = ("Product", "Model", f"{metric} out of fold", f"{metric} on sealed rows", "Gain kept", "Per row", "Size")
    rows = [
        (
            one.name,
            text.safe(one.family.replace("_", " ")),
            "" if one.oof is None else number(one.oof),
            "" if one.test is None else number(one.test),
            "" if one.kept is None else f"{one.kept:.0%}",
            microseconds(one.us_per_row),
            size(one.size_bytes),
        )
        for one in record.products
    ]
    kept = [at for at in range(len(heads)) if at < 4 or any(row[at] for row in rows)]
    return tuple(heads[at] for at in kept), [tuple(row[at] for at in kept) for row in rows]

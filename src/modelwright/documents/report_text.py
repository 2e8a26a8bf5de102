"""The report of a run in Markdown: the same content as the page, as tables and lists."""

from __future__ import annotations

from modelwright.core.report import Report
from modelwright.core.run import RunRecord
from modelwright.documents import card, facts, review_text, search, summary
from modelwright.documents import markdown as text
from modelwright.documents.words import (
    duration,
    interval,
    listed,
    metric_name,
    microseconds,
    number,
    sentence,
    share,
    size,
    span,
    split_name,
)


def markdown(record: RunRecord) -> str:
    """The whole report. Sections whose part of the record is empty are left out."""
    return text.document(
        [
            *_opening(record),
            *text.section(
                "What to do", *review_text.recommendations(record.verdict.recommendations if record.verdict else ())
            ),
            *text.section("What clears it", *_clearing(record)),
            *text.section("Findings", *_found(record)),
            *text.section("What was read", *_read(record)),
            *text.section("What was tried", *_tried(record)),
            *(_quality(record.report) if record.report else []),
            review_text.champion(record),
            *review_text.sections(record),
            *text.section("Review", text.checklist(record.verdict.checklist) if record.verdict else ""),
            *text.section("The bundle", *_bundle(record)),
            *text.section("How it was made", *_made(record)),
            *text.section("What to type next", _commands(record)),
        ]
    )


def _opening(record: RunRecord) -> list[str]:
    """What a person must decide, the verdict, why in three sentences, what to do next."""
    head, why = facts.headline(record), summary.why(record)
    confidence = f" ({head.confidence} confidence)" if head.confidence else ""
    return [
        f"# {text.safe(record.name)}",
        *review_text.escalation(record.verdict),
        "## Summary" if record.verdict and record.verdict.escalation else "",
        f"**{head.word}**{confidence}: {' '.join(text.safe(each) for each in why)}",
        *text.section("What to do next", review_text.next_steps(summary.steps(record))),
    ]


def _clearing(record: RunRecord) -> list[str]:
    """What must pass for an APPROVE, and what became of the conditions of the former run."""
    questions = "\n".join(f"{place}. {text.safe(each)}" for place, each in enumerate(facts.open_questions(record), 1))
    return [questions, text.bullets(text.safe(line) for line in summary.since_words(record))]


def _found(record: RunRecord) -> list[str]:
    found = facts.findings(record)
    if not found:
        return ["No finding: every check that could be made passed."] if record.verdict else []
    parts = [sentence(facts.tally(found)), text.findings(found)]
    if record.verdict and record.verdict.undecided:
        parts.append(f"Could not be judged, for want of evidence: {text.safe(listed(record.verdict.undecided, 12))}.")
    return parts


def _read(record: RunRecord) -> list[str]:
    parts = [text.pairs(facts.data_rows(record))]
    if record.split is not None:
        total = sum(record.split.rows.values()) or 1
        rows = [
            (split_name(name), f"{n:,}", share(n / total), text.safe(" to ".join(record.split.spans.get(name, ()))))
            for name, n in record.split.rows.items()
        ]
        parts.append(f"Split: {text.safe(record.split.kind)}. {text.safe(sentence(record.split.reason))}")
        parts.append(text.table(("Part", "Rows", "Share", "Span"), rows, right=(1, 2)))
    parts.append(text.bullets(text.safe(note) for note in facts.data_notes(record)))
    return parts


def _tried(record: RunRecord) -> list[str]:
    rows = [
        (
            f"**{text.safe(row.name)}**" if row.chosen else text.safe(row.name),
            number(row.score),
            span(row.low, row.high),
            duration(row.fit_s),
            microseconds(row.predict_us_per_row),
            size(row.size_bytes),
            text.safe("chosen" if row.chosen else row.status) + (f": {text.safe(row.note)}" if row.note else ""),
        )
        for row in facts.leaderboard(record)
    ]
    heads = ("Candidate", "Score", "Interval", "Fit", "Per row", "Size", "Outcome")
    return [text.table(heads, rows, right=(1, 3, 4, 5)), *_trials(record)]


def _trials(record: RunRecord) -> list[str]:
    if not record.trials:
        return []
    shown = [tuple(text.safe(cell) for cell in row) for row in search.rows(record)]
    heads = ("Trial", "Family", "Parameters", "Score", "Fit", "Outcome")
    explained = ", ".join(f"{text.safe(name)} {share(value)}" for name, value in search.importances(record)[:5])
    told = f"What each parameter explains of the score alone: {explained}." if explained else ""
    return [f"Search of parameters: {search.caption(record)}", text.table(heads, shown, right=(0, 3, 4)), told]


def _quality(report: Report) -> list[str]:
    shown, baseline = facts.splits(report), facts.best_baseline(report)
    heads = ["Metric", *(facts.part_name(report, name) for name in shown)]
    heads += [f"baseline ({text.safe(baseline.name)})"] if baseline else []
    rows = []
    for name in facts.metric_names(report):
        cells = [interval(report.metrics[split].get(name)) for split in shown]
        cells += [interval(report.baselines[baseline.name].get(name))] if baseline else []
        rows.append((metric_name(name), *cells))
    notes = [facts.looks_words(report)] if "test" in report.metrics else []
    if baseline and facts.comparison_words(baseline):
        notes.append(f"Against {text.safe(baseline.name)}: {facts.comparison_words(baseline)}.")
    if report.goal is not None:
        notes.append(f"Goal {facts.goal_words(report)}.")
    if report.decision_threshold is not None:
        notes.append(f"The answer is positive from a probability of {number(report.decision_threshold)}.")
    notes += [text.safe(sentence(note)) for note in report.notes]
    return [
        *text.section(
            "How good it is", text.table(heads, rows, right=range(1, len(heads))), text.bullets(notes), _slices(report)
        ),
        *text.section("Why it says so", text.importances(report)),
    ]


def _slices(report: Report) -> str:
    rows = [
        (text.safe(each.condition), f"{each.n:,}", interval(each.estimate), number(each.difference))
        for each in sorted(report.slices, key=lambda each: (each.difference, each.condition))[:30]
    ]
    return text.table(("Group", "Rows", metric_name(facts.slice_metric(report)), "Difference"), rows, right=(1, 2, 3))


def _bundle(record: RunRecord) -> list[str]:
    rows = [
        (
            f"**{each.name}**" if each.chosen else each.name,
            "passed" if each.passed else "refused",
            f"{each.rows_tried:,}",
            number(each.worst_difference),
            microseconds(each.us_per_row),
            size(each.size_bytes),
            text.safe(each.reason),
        )
        for each in record.scorers
    ]
    heads = ("Scorer", "Parity", "Rows tried", "Worst difference", "Per row", "Size", "Reason")
    inputs = ""
    if record.signature:
        names = listed([text.code(each.name) for each in record.signature.inputs], 40)
        inputs = f"Inputs: {names}."
    products = text.table(*card.product_table(record), right=(2, 3)) if len(record.products) > 1 else ""
    return [products, text.table(heads, rows, right=(2, 3, 4, 5)), inputs]


def _made(record: RunRecord) -> list[str]:
    order = "\n".join(f"{place}. {text.safe(step)}" for place, step in enumerate(record.pipeline, 1))
    steps = text.table(
        ("Step", "Outcome", "Time", "Why"),
        [
            (text.safe(s.name), "reused" if s.reused else "ran", duration(s.seconds), text.safe(s.reason))
            for s in record.steps
        ],
        right=(2,),
    )
    fence = "~~~"
    while fence in record.spec_text:
        fence += "~"
    spec = f"{fence}yaml\n{record.spec_text.strip()}\n{fence}" if record.spec_text.strip() else ""
    return [text.pairs(facts.made_rows(record)), order, steps, spec, text.pairs(facts.environment_rows(record))]


def _commands(record: RunRecord) -> str:
    return text.bullets(f"{text.code(command)}: {what}" for command, what in facts.commands(record))

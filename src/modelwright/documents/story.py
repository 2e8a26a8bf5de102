"""The story of a run for a terminal: what was read, found and tried, why this verdict, what to type next."""

from __future__ import annotations

import textwrap

from modelwright.core.nouns import Severity
from modelwright.core.run import RunRecord
from modelwright.documents import facts
from modelwright.documents.words import (
    bounds,
    count,
    duration,
    listed,
    metric_name,
    microseconds,
    number,
    sentence,
    share,
    split_name,
)

WIDTH = 78
INDENT = "  "


def story(record: RunRecord) -> str:
    """Plain text of short lines without markup; parts the run never reached are left out."""
    chapters = [
        ("A person must decide this first", _escalated(record)),
        ("What was read", _read(record)),
        ("What was found", _found(record)),
        ("What was tried", _tried(record)),
        ("How good it is", _quality(record)),
        (f"Verdict: {facts.headline(record).word}", _verdict(record)),
    ]
    parts = []
    for title, lines in chapters:
        kept = [line for line in lines if line.strip()]
        if kept:
            parts.append("\n".join([title, *(_wrapped(line) for line in kept)]))
    parts.append("\n".join(["What to type next", *_next(record)]))
    return "\n\n".join(parts) + "\n"


def _escalated(record: RunRecord) -> list[str]:
    lines = []
    for each in record.verdict.escalation if record.verdict else ():
        lines += [f"{each.question} {sentence(each.why)}", *(f"- {sentence(option)}" for option in each.options)]
    return lines


def _read(record: RunRecord) -> list[str]:
    lines = []
    if record.n_rows:
        lines.append(f"{record.source}: {count(record.n_rows, 'row')}, {count(record.n_columns, 'column')}.")
    problem = record.problem
    if problem is not None:
        aim = (
            f"To predict: {problem.target} ({problem.task.value})."
            if problem.target
            else f"Task: {problem.task.value}."
        )
        classes = facts.class_words(problem.classes)
        lines.append(f"{aim}{f' Classes: {classes}.' if classes else ''}")
        if problem.simpler:
            lines.append(sentence(problem.simpler))
    if record.schema is not None:
        lines.append(sentence(facts.role_words(record)))
    if record.split is not None:
        total = sum(record.split.rows.values()) or 1
        parts = [f"{split_name(name)} {share(n / total)}" for name, n in record.split.rows.items() if n]
        lines.append(f"Split: {record.split.kind}, {', '.join(parts)}. {sentence(record.split.reason)}")
    return lines


def _found(record: RunRecord) -> list[str]:
    found = [each for each in facts.findings(record) if not each.undecided]
    if not found:
        return ["Nothing that speaks against the model."] if record.verdict else []
    lines = [f"{sentence(facts.tally(found))}"]
    listed = [each for each in found if each.severity is not Severity.INFO][:4] or found[:2]
    for each in listed:
        flag = "BLOCKING, " if each.blocking else ""
        lines.append(f"- {flag}{each.severity.value}: {sentence(each.message)}")
    if len(found) > len(listed):
        lines.append(f"  and {len(found) - len(listed)} more, in the report.")
    return lines


def _tried(record: RunRecord) -> list[str]:
    rows = facts.leaderboard(record)
    if not rows:
        return []
    better = [row for row in rows if row.score is not None]
    widest = max((len(row.name) for row in better[:6]), default=0)
    spent = record.timings_s.get("train", record.timings_s.get("training"))
    lines = [f"{count(len(rows), 'candidate')}" + (f" in {duration(spent)}" if spent else "") + ", best first:"]
    shown = better[:6] + [row for row in better[6:] if row.chosen]
    for row in shown:
        mark = "  <- chosen" if row.chosen else ""
        lines.append(f"- {row.name[:40].ljust(min(widest, 40))}  {number(row.score)}{mark}")
    if len(better) > len(shown):
        lines.append(f"  and {len(better) - len(shown)} more.")
    failed = [row.name for row in rows if row.status == "failed"]
    if failed:
        lines.append(f"Failed: {listed(failed)}.")
    if record.trials:
        lines.append(f"{count(len(record.trials), 'trial')} of tuning.")
    return lines


def _quality(record: RunRecord) -> list[str]:
    report, estimate = record.report, facts.primary(record)
    if report is None or estimate is None:
        return []
    between = f" ({bounds(estimate)})" if bounds(estimate) else ""
    lines = [f"{metric_name(report.metric)} {number(estimate.value)}{between} on {facts.judged_on(report)}."]
    baseline = facts.best_baseline(report)
    if baseline is not None:
        words = facts.comparison_words(baseline)
        lines.append(
            f"The best baseline, {baseline.name.replace('_', ' ')}, reaches {number(baseline.estimate.value)}"
            + (f"; the model is {words}." if words else ".")
        )
    if report.goal is not None:
        lines.append(f"Goal {facts.goal_words(report)}.")
    top = [each.column for each in sorted(report.importances, key=lambda each: -each.value)[:3] if each.value > 0]
    if top:
        lines.append(f"It looks mostly at {listed(top)}.")
    chosen = next((each for each in record.scorers if each.chosen), None)
    if chosen is not None:
        lines.append(f"The {chosen.name} scorer answers in {microseconds(chosen.us_per_row)} a row.")
    return lines


def _verdict(record: RunRecord) -> list[str]:
    head = facts.headline(record)
    lines = [head.sentence + (f" ({head.confidence.capitalize()} confidence.)" if head.confidence else "")]
    lines += [f"- {reason}" for reason in head.rest[:3]]
    questions = facts.open_questions(record)
    if questions:
        lines.append("What a person must decide:")
        lines += [f"- {question}" for question in questions[:4]]
    return lines


def _next(record: RunRecord) -> list[str]:
    """Commands are never wrapped, so that they can be copied."""
    lines = []
    if record.paths.get("report"):
        lines.append(f"{INDENT}open {record.paths['report']}")
    for command, what in facts.commands(record)[:3]:
        lines += [f"{INDENT}{command}", f"{INDENT}    {what}"]
    return lines


def _wrapped(line: str) -> str:
    """Indented and broken at the terminal's width; a bullet's second line stands under its first."""
    hang = "  " if line.startswith(("- ", "  ")) else ""
    text = " ".join(line.split()) if not line.startswith("- ") else line
    first = INDENT + ("  " if line.startswith("  ") else "")
    return textwrap.fill(
        text.strip(), WIDTH, initial_indent=first, subsequent_indent=INDENT + hang, break_on_hyphens=False
    )

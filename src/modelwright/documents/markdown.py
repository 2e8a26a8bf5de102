"""Markdown: tables and lists that read well in a terminal and in a pull request, and the report in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from modelwright.core.nouns import ChecklistItem, Finding
from modelwright.core.report import Report
from modelwright.core.run import RunRecord
from modelwright.documents import facts
from modelwright.documents.words import (
    bounds,
    metric_name,
    number,
    plain,
    sentence,
    span,
)


def safe(value: object) -> str:
    """Text that cannot become markup, a table cell's end, or a second line."""
    text = " ".join(str(value).split())
    for mark in ("\\", "`", "*", "|", "[", "]"):
        text = text.replace(mark, "\\" + mark)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def code(value: object) -> str:
    """Inline code; backticks and line ends inside are replaced, since they would end it."""
    text = " ".join(str(value).split()).replace("`", "ˋ").replace("|", "¦").replace("<", "‹").replace(">", "›")
    return f"`{text}`" if text else ""


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[int] = ()) -> str:
    """A pipe table, padded so that it also reads well unrendered. Cells must be safe already."""
    body = [[cell or " " for cell in row] for row in rows]
    if not body:
        return ""
    widths = [max(3, len(head), *(len(row[place]) for row in body)) for place, head in enumerate(heads)]
    widths = [min(width, 60) for width in widths]

    def line(cells: Sequence[str]) -> str:
        padded = [
            cell.rjust(widths[place]) if place in right else cell.ljust(widths[place])
            for place, cell in enumerate(cells)
        ]
        return "| " + " | ".join(padded) + " |"

    rule = "|" + "|".join("-" * (w + 1) + (":" if p in right else "-") for p, w in enumerate(widths)) + "|"
    return "\n".join([line(heads), rule, *map(line, body)])


def bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def document(parts: Iterable[str]) -> str:
    """The parts that say something, one blank line between them, one line end at the end."""
    return "\n\n".join(part.strip("\n") for part in parts if part and part.strip()) + "\n"


def section(title: str, *parts: str) -> list[str]:
    """A heading and its parts; nothing where all parts are empty."""
    kept = [part for part in parts if part and part.strip()]
    return [f"## {title}", *kept] if kept else []


def pairs(rows: Sequence[tuple[str, str]]) -> str:
    return bullets(f"{name}: {safe(value)}" for name, value in rows)


def findings(found: Sequence[Finding]) -> str:
    """Each finding as one block: what, where, evidence, what to do."""
    return "\n".join(_finding(each) for each in found)


def _finding(found: Finding) -> str:
    flag = " **blocking**" if found.blocking else ""
    judged = " (could not judge)" if found.undecided else ""
    lines = [f"- **{found.severity.value}**{flag} {safe(sentence(found.message))}{judged} {code(found.subject)}"]
    measured = [
        f"{name} {safe(plain(value))}"
        for name, value in (("measured", found.observed), ("limit", found.threshold), ("evidence", found.evidence))
        if value is not None
    ]
    proof = facts.refit(found)
    if proof:
        lines.append(f"  Counter-proof: {safe(sentence(proof))}")
    rule = f"rule {code(found.code)}, {found.confidence.value.lower()} confidence"
    lines.append("  " + "; ".join([*measured, rule]))
    if found.advice:
        lines.append(f"  Do: {safe(sentence(found.advice))}")
    return "\n".join(lines)


def checklist(items: Sequence[ChecklistItem]) -> str:
    rows = [(safe(item.question), safe(item.answer), safe(item.evidence)) for item in items]
    return table(("Question", "Answer", "Evidence"), rows)


def verdict_lines(record: RunRecord) -> list[str]:
    head = facts.headline(record)
    confidence = f" ({head.confidence} confidence)" if head.confidence else ""
    return [f"**{head.word}**{confidence}: {safe(head.sentence)}", bullets(safe(reason) for reason in head.rest)]


def importances(report: Report, limit: int = 20) -> str:
    found = sorted(report.importances, key=lambda each: (-each.value, each.column))
    rows = [
        (
            code(each.column),
            number(each.value),
            span(each.low, each.high),
        )
        for each in found[:limit]
    ]
    return table(("Column", f"Loss of {metric_name(report.metric)}", "Interval"), rows, right=(1,))


def estimate_cells(report: Report, split: str) -> list[tuple[str, str, str]]:
    """(metric, value, interval) of one split, for the card."""
    found = report.metrics.get(split, {})
    return [
        (metric_name(name), number(found[name].value), bounds(found[name]))
        for name in facts.metric_names(report)
        if name in found
    ]

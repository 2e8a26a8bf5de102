"""The report of a run: one HTML page with pictures, and the same content in Markdown."""

from __future__ import annotations

from typing import Any

from modelwright.core.nouns import Severity
from modelwright.core.report import Report
from modelwright.core.run import RunRecord
from modelwright.documents import card, curve_figures, facts, figures, measured, report_text, search, summary
from modelwright.documents.page import render
from modelwright.documents.words import (
    bounds,
    count,
    duration,
    listed,
    metric_name,
    moment,
    number,
    sentence,
    short,
    size,
)

#: a page stays below 2 MB; what goes beyond is counted and named, never dropped in silence
COLUMNS_SHOWN = 250
INPUTS_SHOWN = 250
CANDIDATES_SHOWN = 100
FINDINGS_SHOWN = 300
SPEC_SHOWN = 40_000


def html(record: RunRecord) -> str:
    """One self-contained page; any part of the record may be empty."""
    context = {**_top(record), **_data(record), **_training(record), **_quality(record), **_made(record)}
    context |= _measured(record)
    context["sections"] = _sections(context)
    return render("report.html.j2", context)


def markdown(record: RunRecord) -> str:
    """The same content as tables and lists, for a terminal and a pull request."""
    return report_text.markdown(record)


def _top(record: RunRecord) -> dict[str, Any]:
    found = facts.findings(record)
    shown = found[:FINDINGS_SHOWN]
    rank = Severity.MEDIUM.rank
    tally = facts.tally(found)
    if len(found) > len(shown):
        tally += f" (the first {len(shown)} are shown)"
    return {
        "record": record,
        "headline": facts.headline(record),
        "subtitle": _subtitle(record),
        "escalations": summary.escalations(record),
        "why": summary.why(record),
        "steps": summary.steps(record),
        "recommendations": record.verdict.recommendations if record.verdict else (),
        "red_flags": record.verdict.red_flags if record.verdict else (),
        "since": summary.since_words(record),
        "questions": facts.open_questions(record),
        "blocking": any(each.blocking for each in found),
        "tiles": _tiles(record),
        "key_figure": figures.key_figure(record),
        "key_title": _key_title(record),
        "key_caption": _key_caption(record),
        "findings": found,
        "tally": sentence(tally).rstrip("."),
        "findings_major": [each for each in shown if each.blocking or each.severity.rank >= rank],
        "findings_minor": [each for each in shown if not each.blocking and each.severity.rank < rank],
        "undecided": listed(record.verdict.undecided, 12) if record.verdict else "",
    }


def _subtitle(record: RunRecord) -> str:
    problem = record.problem
    parts = []
    if problem is not None:
        aim = f"Predicts {problem.target}" if problem.target else "Looks for structure"
        parts.append(f"{aim} ({problem.task.value})")
    if record.source:
        parts.append(f"from {record.source}")
    text = " ".join(parts)
    if record.started_at:
        text += f"{', ' if text else ''}run of {moment(record.started_at)}"
    return sentence(text)


def _tiles(record: RunRecord) -> list[dict[str, Any]]:
    tiles: list[dict[str, Any]] = []

    def add(name: str, value: str, note: str = "", *, words: bool = False) -> None:
        tiles.append({"name": name, "value": value, "note": note, "words": words})

    report, estimate = record.report, facts.primary(record)
    if report is not None and estimate is not None:
        add(metric_name(report.metric), number(estimate.value), bounds(estimate) or facts.judged_on(report))
        baseline = facts.best_baseline(report)
        if baseline is not None:
            name = baseline.name.replace("_", " ")
            add("Best baseline", number(baseline.estimate.value), name)
        if report.goal is not None:
            add("Goal", number(report.goal), facts.goal_words(report))
    if record.chosen_family:
        scorer = next((each for each in record.scorers if each.chosen), None)
        note = f"{duration(record.timings_s.get('total'))} in all" if "total" in record.timings_s else ""
        if scorer is not None and scorer.us_per_row is not None:
            note = f"{number(scorer.us_per_row, 2)} µs a row"
        add("Model", record.chosen_family.replace("_", " "), note, words=True)
    if record.n_rows:
        add("Data", f"{record.n_rows:,}", f"rows, {count(record.n_columns, 'column')}")
    return tiles


def _key_title(record: RunRecord) -> str:
    return f"{metric_name(record.report.metric)} against the baselines" if record.report else ""


def _key_caption(record: RunRecord) -> str:
    report = record.report
    if report is None:
        return ""
    on = facts.judged_on(report)
    level = facts.primary(record)
    pct = f"{(level.level if level else 0.95) * 100:.3g} %"
    words = f"On {on}, with {pct} intervals. " if on else f"With {pct} intervals. "
    baseline = facts.best_baseline(report)
    if baseline is not None and facts.comparison_words(baseline):
        words += f"Against {baseline.name.replace('_', ' ')}: {facts.comparison_words(baseline)}."
    return words.strip()


def _data(record: RunRecord) -> dict[str, Any]:
    columns = record.schema.columns if record.schema else ()
    more = f" (the first {COLUMNS_SHOWN} are shown)" if len(columns) > COLUMNS_SHOWN else ""
    return {
        "data_rows": facts.data_rows(record),
        "data_notes": facts.data_notes(record),
        "split_picture": figures.split(record),
        "split_title": f"{record.split.kind.replace('_', ' ').capitalize()} split" if record.split else "",
        "split_caption": sentence(record.split.reason) if record.split else "",
        "missing_picture": figures.missing(record.profile),
        "columns": columns[:COLUMNS_SHOWN],
        "columns_title": f"All {count(len(columns), 'column')}{more}",
    }


def _training(record: RunRecord) -> dict[str, Any]:
    rows = facts.leaderboard(record)
    done = sum(row.status == "done" for row in rows)
    other = [f"{sum(row.status == state for row in rows)} {state}" for state in ("failed", "skipped", "pruned")]
    tried = f"{count(len(rows), 'candidate')}, {done} finished"
    tried += "".join(f", {words}" for words in other if not words.startswith("0 "))
    if len(rows) > CANDIDATES_SHOWN:
        tried += f"; the first {CANDIDATES_SHOWN} are shown"
    spent = record.timings_s.get("train", record.timings_s.get("training"))
    return {
        "leaderboard": rows[:CANDIDATES_SHOWN],
        "leaderboard_picture": figures.leaderboard(record),
        "tried": sentence(tried + (f", in {duration(spent)}" if spent else "")),
        "trials_picture": figures.trials(record),
        "trials_caption": search.caption(record) if record.trials else "",
        "trials": search.table(record),
        "search_importances": search.importance_picture(record),
        "search_slices": search.slice_pictures(record),
    }


def _quality(record: RunRecord) -> dict[str, Any]:
    report = record.report
    if report is None:
        empty = dict.fromkeys(("metrics", "curves", "slices_picture", "importances_picture", "quality_notes"))
        return {**empty, "quality": "", "checklist": record.verdict.checklist if record.verdict else ()}
    return {
        "metrics": metrics_table(report),
        "quality": facts.looks_words(report) if "test" in report.metrics else "",
        "quality_notes": quality_notes(report),
        "curves": curve_figures.curves(report),
        "slices_picture": figures.slices(report),
        "importances_picture": figures.importances(report),
        "checklist": record.verdict.checklist if record.verdict else (),
    }


def _measured(record: RunRecord) -> dict[str, Any]:
    """What was measured beyond the metrics, by the question it answers."""
    return {
        "proofs": measured.proofs(record),
        "rivals": measured.rivals(record),
        "learning": measured.learning_curve(record),
        "groups": [*measured.weak_slices(record), *measured.fairness(record)],
        "robustness": measured.robustness(record),
        "certainty": [*measured.calibration(record), *measured.uncertainty(record)],
        "contributions": measured.contributions(record),
        "dependence": measured.dependence(record),
        "worst_rows": measured.worst_rows(record),
        "unmeasured": measured.unmeasured(record),
    }


def metrics_table(report: Report) -> dict[str, Any]:
    """Rows are metrics, columns splits and the best baseline; each cell is (value, interval)."""
    shown, baseline = facts.splits(report), facts.best_baseline(report)
    heads = [facts.part_name(report, name) for name in shown]
    if baseline is not None:
        heads.append(f"baseline ({baseline.name.replace('_', ' ')})")
    rows = []
    for name in facts.metric_names(report):
        found = [report.metrics[split].get(name) for split in shown]
        if baseline is not None:
            found.append(report.baselines[baseline.name].get(name))
        cells = [(number(each.value) if each else number(None), bounds(each)) for each in found]
        rows.append({"name": metric_name(name), "cells": cells})
    return {"heads": heads, "rows": rows} if rows else {}


def quality_notes(report: Report) -> list[str]:
    notes = [sentence(note) for note in report.notes]
    if report.goal is not None and facts.goal_words(report):
        notes.insert(0, sentence(f"The goal is {facts.goal_words(report)}"))
    if report.decision_threshold is not None:
        notes.append(f"The answer is positive from a probability of {number(report.decision_threshold)}.")
    return notes


def _made(record: RunRecord) -> dict[str, Any]:
    inputs = record.signature.inputs if record.signature else ()
    reused = sum(step.reused for step in record.steps)
    total = record.timings_s.get("total", sum(step.seconds for step in record.steps))
    caption = f"{duration(total)} in all" + (f"; {reused} of {len(record.steps)} steps were reused" if reused else "")
    made = [
        (name, moment(value) if name in ("Started", "Finished") else value) for name, value in facts.made_rows(record)
    ]
    spec = record.spec_text
    return {
        "scorers": record.scorers,
        "products": card.product_table(record) if len(record.products) > 1 else None,
        "bundle": bundle_words(record),
        "inputs": inputs[:INPUTS_SHOWN],
        "inputs_title": f"Signature: {count(len(inputs), 'input')}",
        "timeline_picture": figures.timeline(record),
        "timeline_caption": sentence(caption),
        "made_rows": made,
        "spec_text": spec if len(spec) <= SPEC_SHOWN else spec[:SPEC_SHOWN] + "\n… (cut)",
        "environment": facts.environment_rows(record)[:200],
        "commands": facts.commands(record),
        "footer": " · ".join(word for word in (record.name, record.run_id, record.status) if word),
    }


def bundle_words(record: RunRecord) -> str:
    """Which scorer answers, how large, under which digest."""
    chosen = next((each for each in record.scorers if each.chosen), None)
    parts = []
    if chosen is not None:
        parts.append(f"The {chosen.name} scorer answers")
        if chosen.us_per_row is not None:
            parts[-1] += f" in {number(chosen.us_per_row, 2)} µs a row"
        if chosen.size_bytes is not None:
            parts[-1] += f" from {size(chosen.size_bytes)}"
    if record.bundle_digest:
        parts.append(f"Digest {short(record.bundle_digest, 16)}")
    if record.paths.get("bundle"):
        parts.append(f"Folder {record.paths['bundle']}")
    return " ".join(sentence(part) for part in parts)


def _sections(context: dict[str, Any]) -> list[tuple[str, str]]:
    """What the page has, in reading order."""
    every = [
        ("verdict", "Verdict", True),
        ("todo", "What to do", context["recommendations"]),
        ("findings", "Findings", True),
        ("proofs", "Counter-proofs", context["proofs"]),
        ("data", "What was read", context["data_rows"] or context["split_picture"] or context["missing_picture"]),
        ("tried", "What was tried", context["leaderboard"]),
        ("quality", "How good it is", context["metrics"]),
        ("certainty", "How sure it is", context["certainty"]),
        ("groups", "Whom it serves worse", context["groups"]),
        ("robust", "When inputs go wrong", context["robustness"]),
        ("why", "Why it says so", context["importances_picture"] or context["contributions"] or context["dependence"]),
        ("review", "Review", context["checklist"]),
        ("bundle", "The bundle", context["scorers"] or context["inputs"]),
        ("made", "How it was made", True),
        ("next", "What to type next", True),
    ]
    return [(name, title) for name, title, there in every if there]

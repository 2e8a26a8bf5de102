"""The design of the training pipeline: each step, its parameters, and why it is so."""

from __future__ import annotations

from typing import Any

from modelwright.core.run import RunRecord
from modelwright.documents import facts
from modelwright.documents import markdown as text
from modelwright.documents.words import count, duration, listed, metric_name, number, plain, sentence


def markdown(record: RunRecord) -> str:
    return text.document(
        [
            f"# Training pipeline: {text.safe(record.name)}",
            *text.section("The job", *_job(record)),
            *text.section("Splitting", *_split(record)),
            *text.section("Features", *_features(record)),
            *text.section("Choosing the model", *_choice(record)),
            *text.section("Threshold and calibration", *_finishing(record)),
            *text.section("Judging", *_judging(record)),
            *text.section("Packaging", *_packaging(record)),
            *text.section("Steps as they ran", *_steps(record)),
            *text.section("Making it again", *_again(record)),
            *text.section("Settings", *_settings(record)),
        ]
    )


def _job(record: RunRecord) -> list[str]:
    return [text.pairs(facts.data_rows(record)), text.bullets(text.safe(each) for each in facts.data_notes(record))]


def _split(record: RunRecord) -> list[str]:
    if record.split is None:
        return []
    total = sum(record.split.rows.values()) or 1
    rows = [(name, f"{n:,}", f"{n / total:.0%}") for name, n in record.split.rows.items()]
    why = f"{record.split.kind.replace('_', ' ')}, because {record.split.reason}"
    return [
        text.safe(sentence(why)),
        text.table(("Part", "Rows", "Share"), rows, right=(1, 2)),
        text.bullets(text.safe(sentence(each)) for each in record.split.notes),
    ]


def _features(record: RunRecord) -> list[str]:
    steps = "\n".join(f"{place}. {text.safe(step)}" for place, step in enumerate(record.pipeline, 1))
    note = "Every step learns from training rows only, fold by fold, and is packed with the model." if steps else ""
    return [steps, note]


def _choice(record: RunRecord) -> list[str]:
    rows = facts.leaderboard(record)
    if not rows:
        return []
    done = [row for row in rows if row.status == "done"]
    chosen = next((row for row in rows if row.chosen), None)
    names = text.safe(listed([row.name for row in rows], 12))
    lines = [f"{count(len(rows), 'candidate')} on the same folds, {len(done)} finished: {names}."]
    if record.trials:
        lines.append(f"{count(len(record.trials), 'trial')} of the search for parameters.")
    if chosen is not None:
        lines.append(
            f"Chosen: {text.safe(chosen.name)}, {number(chosen.score)} in cross-validation{_ahead(done, chosen)}."
        )
    if chosen is not None and chosen.note:
        lines.append(text.safe(sentence(chosen.note)))
    table = text.table(("Parameter", "Value"), _parameters(record.chosen_params))
    return [text.bullets(lines), table]


def _ahead(done: list[Any], chosen: Any) -> str:
    rival = next((row for row in done if not row.chosen and row.score is not None), None)
    if rival is None or chosen.score is None:
        return ""
    return f"; {text.safe(rival.name)}, the next, reached {number(rival.score)}"


def _parameters(params: dict[str, Any]) -> list[tuple[str, str]]:
    return [(text.code(name), text.safe(plain(value, 200))) for name, value in sorted(params.items())]


def _finishing(record: RunRecord) -> list[str]:
    lines, report, judged = [], record.report, record.judgement
    if judged is not None and judged.calibration is not None:
        one = judged.calibration
        lines.append(
            f"Probabilities: {text.safe(one.method)}, chosen out of fold; error {number(one.error_raw)} before, "
            f"{number(one.error)} after."
        )
    if report is not None and report.decision_threshold is not None:
        lines.append(f"The answer is positive from a probability of {number(report.decision_threshold)}.")
    lines += [text.safe(sentence(note)) for note in (report.notes if report else ())]
    return [text.bullets(lines)]


def _judging(record: RunRecord) -> list[str]:
    report = record.report
    if report is None:
        return []
    lines = [f"By {metric_name(report.metric)} on {facts.judged_on(report)}.", facts.looks_words(report)]
    if record.problem is not None:
        lines.append(f"Why this metric: {text.safe(sentence(record.problem.metric_reason))}")
    if report.baselines:
        lines.append(f"Held against: {text.safe(listed(sorted(report.baselines), 8))}.")
    return [text.bullets(lines)]


def _packaging(record: RunRecord) -> list[str]:
    lines = [
        f"{each.name}: {'passed' if each.passed else 'refused'} on {count(each.rows_tried, 'row')}"
        + (", in use" if each.chosen else "")
        + (f"; {text.safe(each.reason)}" if each.reason else "")
        + "."
        for each in record.scorers
    ]
    return [text.bullets(lines)]


def _steps(record: RunRecord) -> list[str]:
    rows = [
        (text.safe(step.name), "reused" if step.reused else "ran", duration(step.seconds), text.safe(step.reason))
        for step in record.steps
    ]
    return [text.table(("Step", "Outcome", "Time", "Why"), rows, right=(2,))]


def _again(record: RunRecord) -> list[str]:
    return [
        text.pairs(facts.made_rows(record)),
        text.code(f"modelwright reproduce {record.run_id}") if record.bundle_digest else "",
    ]


def _settings(record: RunRecord) -> list[str]:
    fence = "~~~"
    while fence in record.spec_text:
        fence += "~"
    return [f"{fence}yaml\n{record.spec_text.strip()}\n{fence}" if record.spec_text.strip() else ""]

"""The write-up of an experiment: hypothesis, set-up, results against the baseline, insights, next steps."""

from __future__ import annotations

from modelwright.core.run import RunRecord
from modelwright.documents import facts, measured, review_text
from modelwright.documents import markdown as text
from modelwright.documents.words import count, duration, interval, listed, metric_name, number, sentence


def markdown(record: RunRecord) -> str:
    return text.document(
        [
            f"# Experiment: {text.safe(record.name)}, run {text.safe(record.run_id)}",
            *review_text.escalation(record.verdict),
            *text.section("Hypothesis", *_hypothesis(record)),
            *text.section("Set-up", *_setup(record)),
            *text.section("Results", *_results(record)),
            *text.section("Insights", *_insights(record)),
            *text.section(
                "What would change the result", review_text.proofs(record), review_text.learning_curve(record)
            ),
            *text.section("Conclusion", *_conclusion(record)),
            *text.section(
                "Next steps", *review_text.recommendations(record.verdict.recommendations if record.verdict else ())
            ),
        ]
    )


def _hypothesis(record: RunRecord) -> list[str]:
    problem = record.problem
    if problem is None:
        return []
    if problem.target is None:
        return [f"The rows have a structure that {problem.task.value} can find."]
    metric = metric_name(record.report.metric if record.report else problem.metric)
    goal = record.report.goal if record.report else None
    words = f"The other columns predict {text.code(problem.target)} better than a constant answer and a simple model"
    reach = f", with {metric} at {number(goal)} or better" if goal is not None else ""
    return [
        f"{words}{reach}.",
        ""
        if goal is not None
        else "No goal was set (evaluation.threshold): beating the baselines is all that was tested.",
    ]


def _setup(record: RunRecord) -> list[str]:
    rows = [
        row for row in facts.data_rows(record) if row[0] in ("Source", "Size", "Target", "Task", "Metric", "Classes")
    ]
    if record.split is not None:
        parts = ", ".join(f"{name} {n:,}" for name, n in record.split.rows.items())
        rows.append(("Split", f"{record.split.kind} ({parts}). {sentence(record.split.reason)}"))
    done = [row for row in record.leaderboard if row.status == "done"]
    if done:
        spent = record.timings_s.get("train")
        rows.append(
            (
                "Candidates",
                f"{listed(sorted({row.family for row in done}), 12)}" + (f", in {duration(spent)}" if spent else ""),
            )
        )
    rows.append(("Seed", str(record.seed)))
    return [text.pairs([row for row in rows if row[1]])]


def _results(record: RunRecord) -> list[str]:
    report = record.report
    if report is None:
        return []
    found = facts.primary(record)
    rows = [("this model", interval(found), "")] if found is not None else []
    paired = {each.against: each for each in report.comparisons if each.metric == report.metric}
    for name, metrics in sorted(report.baselines.items()):
        one = paired.get(name)
        gain = measured.signed_interval(one.difference) if one is not None else ""
        rows.append((text.safe(name), interval(metrics.get(report.metric)), gain))
    heads = ("", metric_name(report.metric), "The model is better by")
    lines = [f"On {facts.judged_on(report)}. {facts.looks_words(report)}"]
    if report.goal is not None and facts.goal_words(report):
        lines.append(f"Goal {facts.goal_words(report)}.")
    return [text.table(heads, rows, right=(1, 2)), text.bullets(lines), review_text.champion(record)]


def _insights(record: RunRecord) -> list[str]:
    report, judged, lines = record.report, measured.judged(record), []
    if report is not None and report.importances:
        top = sorted(report.importances, key=lambda each: (-each.value, each.column))
        sure = [each.column for each in top if (each.low if each.low is not None else each.value) > 0]
        if sure:
            lines.append(f"It rests on {text.safe(listed(sure[:5], 5))}.")
        if len(sure) < len(top):
            lines.append(
                f"{count(len(top) - len(sure), 'column')} of {len(top)} add nothing that can be told from noise."
            )
    train = report.metrics.get("train", {}).get(report.metric) if report else None
    found = facts.primary(record)
    if train is not None and found is not None and report is not None:
        lines.append(
            f"{metric_name(report.metric)} is {number(train.value)} on rows learned from and {number(found.value)} on "
            "unseen ones."
        )
    lines += [
        f"Weaker where {text.safe(weak.condition)}: {metric_name(weak.metric)} {interval(weak.estimate)} on "
        f"{count(weak.n, 'row')}, {number(weak.whole)} on all."
        for weak in [each for each in judged.weak_slices if each.confirmed][:3]
    ]
    if record.problem is not None and record.problem.simpler:
        lines.append(text.safe(sentence(record.problem.simpler)))
    grave = [each for each in facts.findings(record) if each.blocking and not each.undecided]
    lines += [text.safe(sentence(each.message)) for each in grave[:5]]
    return [text.bullets(dict.fromkeys(lines))]


def _conclusion(record: RunRecord) -> list[str]:
    return text.verdict_lines(record) if record.verdict else []

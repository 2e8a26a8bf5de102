"""What a verdict and its measurements say, as Markdown: escalations, recommendations, tables of what was measured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from modelwright.core.nouns import Estimate, Recommendation, Verdict
from modelwright.core.run import RunRecord
from modelwright.documents import markdown as text
from modelwright.documents import measured
from modelwright.documents.words import UNKNOWN, interval, metric_name, number, plain, sentence, share

ROWS = 20
EFFORT = "Effort: S a line or an hour, M days, L weeks or new data."


def escalation(verdict: Verdict | None) -> list[str]:
    """Before everything else: what no program may decide. Empty where there is nothing."""
    found = verdict.escalation if verdict is not None else ()
    parts: list[str] = []
    for each in found:
        parts += [f"**{text.safe(each.question)}** {text.safe(sentence(each.why))}"]
        parts += [text.bullets(text.safe(sentence(option)) for option in each.options)]
    return ["## A person must decide this first", *parts] if parts else []


def recommendations(found: Sequence[Recommendation], limit: int = ROWS) -> list[str]:
    rows = [
        (
            each.priority,
            text.safe(sentence(each.text)),
            text.safe(plain(each.impact, 200)),
            each.effort,
            ", ".join(text.code(code) for code in each.codes),
        )
        for each in found[:limit]
    ]
    more = f"And {len(found) - limit} more." if len(found) > limit else ""
    return [text.table(("", "Do", "Impact", "Effort", "Rule"), rows), EFFORT if rows else "", more]


def next_steps(found: Sequence[Recommendation]) -> str:
    return "\n".join(
        f"{place}. **{each.priority}** {text.safe(sentence(each.text))}"
        + (f" Impact: {text.safe(each.impact)}." if each.impact not in ("", "not measured") else "")
        + f" Effort: {each.effort}."
        for place, each in enumerate(found, 1)
    )


def sections(record: RunRecord) -> list[str]:
    """One section for each thing measured beyond the metrics."""
    return [
        *text.section("Counter-proofs", proofs(record)),
        *text.section("Learning curve", learning_curve(record)),
        *text.section("How sure it is", certainty(record)),
        *text.section("Whom it serves worse", weak_slices(record), *fairness(record)),
        *text.section("When inputs go wrong", robustness(record)),
        *text.section("What adds to its answers", contributions(record)),
        *text.section("Not measured", text.bullets(text.safe(line) for line in measured.unmeasured(record))),
    ]


def proofs(record: RunRecord) -> str:
    rows = [
        (
            text.safe(measured.proof_name(each.kind, each.subject)),
            interval(each.score),
            interval(each.unchanged),
            _change(each.difference),
        )
        for each in measured.judged(record).proofs[:ROWS]
    ]
    return text.table(("Under this change", "Score", "As it is", "Change"), rows, right=(1, 2, 3))


def champion(record: RunRecord) -> str:
    found = measured.judged(record).champion
    if found is None:
        return ""
    version = measured.judged(record).champion_version
    looks = measured.judged(record).champion_looks
    words = f"Against the champion{f' (version {version})' if version else ''}, on the same {found.n:,} rows: "
    words += f"{metric_name(found.metric)} {_change(found.difference)}"
    words += f", p {number(found.p_value)}" if found.p_value is not None else ""
    return words + (f", corrected for {looks} looks." if looks > 1 else ".")


def learning_curve(record: RunRecord) -> str:
    curve = measured.judged(record).learning_curve
    if curve is None:
        return ""
    rows = [(f"{each.n:,}", number(each.train), interval(each.judged)) for each in curve.points]
    heads = ("Rows", "On rows learned from", f"{metric_name(curve.metric)} on others")
    said = f"\n\nThe last doubling changed it by {_change(curve.last_gain)}." if curve.last_gain is not None else ""
    return text.table(heads, rows, right=(0, 1, 2)) + said


def certainty(record: RunRecord) -> str:
    found, lines = measured.judged(record), []
    if found.calibration is not None and found.calibration.error is not None:
        one = found.calibration
        lines.append(
            f"Calibration error {number(one.error)} after {text.safe(one.method)}, {number(one.error_raw)} before, "
            "out of fold."
        )
    if found.uncertainty is not None:
        sets = found.uncertainty
        size = "units of the target wide" if sets.kind == "interval" else "labels large"
        lines.append(
            f"Conformal {sets.kind}s asked to hold the truth in {share(sets.asked)} of rows hold it in "
            f"{_shares(sets.coverage)}; {number(sets.size)} {size} on average."
        )
        if sets.worst_coverage is not None:
            lines.append(f"Least where {text.safe(sets.worst_group)}: {share(sets.worst_coverage)}.")
    return text.bullets(lines)


def weak_slices(record: RunRecord) -> str:
    rows = [
        (
            text.safe(each.condition),
            f"{each.n:,}",
            f"{metric_name(each.metric)} {interval(each.estimate)}",
            number(each.whole),
            "confirmed" if each.confirmed else "may be chance",
        )
        for each in sorted(
            measured.judged(record).weak_slices, key=lambda one: (not one.confirmed, one.difference, one.condition)
        )[:ROWS]
    ]
    return text.table(("Weak group", "Rows", "Score", "All rows", "On the second half"), rows, right=(1, 3))


def fairness(record: RunRecord) -> list[str]:
    """One table for each column: groups down, measures across."""
    made = []
    for found in measured.judged(record).fairness:
        told = {name for group in found.groups for name in group.measures}
        names = [name for name in measured.MEASURES if name in told] + sorted(told - set(measured.MEASURES))
        rows = [
            (text.safe(group.group), f"{group.n:,}", *(_measure(group.measures.get(name)) for name in names))
            for group in found.groups[:ROWS]
        ]
        heads = (text.safe(found.column), "Rows", *(measured.measure_name(name, record) for name in names))
        made.append(text.table(heads, rows, right=range(1, len(heads))))
        gaps = [
            f"{measured.measure_name(gap.measure, record)}: {text.safe(gap.best)} over {text.safe(gap.worst)} by "
            f"{interval(gap.difference)}{f', ratio {number(gap.ratio)}' if gap.ratio is not None else ''}."
            for gap in found.gaps
        ]
        made.append(text.bullets([*gaps, *(text.safe(sentence(each)) for each in found.mitigations)]))
    return made


def robustness(record: RunRecord) -> str:
    found = sorted(measured.judged(record).robustness, key=lambda each: (-each.fall, each.kind, each.subject))
    rows = [
        (
            text.safe(measured.disturbance(each)),
            text.safe(each.level),
            interval(each.score),
            number(each.fall),
            share(each.changed) if each.changed is not None else UNKNOWN,
        )
        for each in found[:ROWS]
    ]
    return text.table(("Disturbed", "How strongly", "Score", "Loss", "Answers that change"), rows, right=(2, 3, 4))


def contributions(record: RunRecord) -> str:
    found = sorted(measured.judged(record).contributions.items(), key=lambda pair: (-pair[1], pair[0]))
    total = sum(value for _, value in found) or 1.0
    rows = [(text.code(name), number(value), share(value / total)) for name, value in found[:ROWS]]
    return text.table(("Column", "Mean absolute SHAP value", "Share"), rows, right=(1, 2))


def numbered(lines: Iterable[str]) -> str:
    return "\n".join(f"{place}. {line}" for place, line in enumerate(lines, 1))


def _measure(found: Estimate | None) -> str:
    return interval(found)


def _change(found: Estimate) -> str:
    return measured.signed_interval(found)


def _shares(found: Estimate) -> str:
    ends = f" ({share(found.low)} to {share(found.high)})" if found.low is not None and found.high is not None else ""
    return share(found.value) + ends

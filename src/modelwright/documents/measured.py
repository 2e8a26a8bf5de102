"""Pictures of what was measured beyond the metrics. What the record does not hold gives no picture, never an error."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup
from msgspec.structs import replace

from modelwright.core.judgement import Dependence, Fairness, Judgement, Robustness
from modelwright.core.nouns import Estimate
from modelwright.core.run import RunRecord
from modelwright.documents import facts, pictures
from modelwright.documents.curve_figures import Figure
from modelwright.documents.pictures.canvas import finite
from modelwright.documents.words import bounds, count, interval, listed, metric_name, number, plain, share, signed

GROUPS = 12  # groups of one fairness picture
MEASURES = ("score", "selection_rate", "true_positive_rate", "false_positive_rate", "precision", "mean_error")
BARS = 14
CURVES = 9
BAND = 3.0  # a band this many times taller than the lines tells more of the rows than of the column
MEASURE_NAMES = {
    "selection_rate": "share that gets a yes",
    "true_positive_rate": "share of real cases found",
    "false_positive_rate": "share of others wrongly flagged",
    "precision": "share of alarms that are right",
    "mean_error": "mean error",
}
KINDS = {
    "out_of_range": "values out of range",
    "missing": "missing",
    "noise": "noise",
    "shifted": "shifted",
    "unseen": "unseen values",
    "adversarial": "worst-case noise",
}
Figures = list[Figure]


def judged(record: RunRecord) -> Judgement:
    return record.judgement or Judgement()


def proofs(record: RunRecord) -> Figures:
    """The score as it is, beside the score after each change that should or should not matter."""
    found = [each for each in judged(record).proofs if finite([each.score.value])]
    if not found:
        return []
    first = found[0].unchanged
    rows = [_row("as it is", first, "s1", strong=True)]
    rows += [_row(proof_name(each.kind, each.subject), each.score, "s2") for each in found[:BARS]]
    name = _metric(record)
    constant = record.report.baselines.get("dummy", {}).get(record.report.metric) if record.report else None
    marks = (("constant", constant.value),) if constant is not None else ()
    plot = pictures.Plot(title="Counter-proofs", rows=tuple(rows), axis=f"{name}, on the same folds", marks=marks)
    caption = (
        "The same model, trained again under one change. A score that falls without a column, on later rows or on new "
        "groups is the score to expect there; with a shuffled target nothing may be left."
    )
    return [Figure(title="What remains under a change", caption=caption, picture=pictures.dots(plot))]


def proof_name(kind: str, subject: str) -> str:
    what = subject.partition(":")[2] or subject
    return {
        "without_column": f"without {what}",
        "out_of_time": "later rows only",
        "new_groups": "groups never seen",
        "shuffled_target": "shuffled target",
    }.get(kind, f"{kind.replace('_', ' ')} {what}".strip())


def rivals(record: RunRecord) -> Figures:
    """Paired differences to the champion and the baselines, on the same sealed rows."""
    report, found = record.report, judged(record)
    if report is None:
        return []
    against = [(each.against.replace("_", " "), each) for each in report.comparisons if each.metric == report.metric]
    if found.champion is not None:
        version = f"champion, version {found.champion_version}" if found.champion_version else "champion"
        against.insert(0, (version, found.champion))
    rows = tuple(
        _row(f"against {name}", each.difference, "s1" if (each.difference.low or 0.0) > 0 else "s2", signs=True)
        for name, each in against
        if finite([each.difference.value])
    )
    axis = f"difference in {_metric(record)}, right is better"
    caption = "Model minus rival on the same rows. An interval that touches zero proves no difference."
    if found.champion is not None and found.champion_looks > 1:
        caption += f" The champion's p-value is corrected for {count(found.champion_looks, 'look')} at these rows."
    plot = pictures.Plot(title="Against its rivals", rows=rows, axis=axis, zero=True)
    return [Figure(title="Against its rivals", caption=caption, picture=pictures.dots(plot))] if rows else []


def learning_curve(record: RunRecord) -> Figures:
    curve = judged(record).learning_curve
    if curve is None or not curve.points:
        return []
    name = metric_name(curve.metric)
    ends = [(p.judged.low, p.judged.high) for p in curve.points]
    whole = all(low is not None and high is not None for low, high in ends)
    unseen = pictures.Band(
        name="rows not learned from",
        points=tuple((p.n, p.judged.value) for p in curve.points),
        low=tuple(low for low, _ in ends if low is not None) if whole else (),
        high=tuple(high for _, high in ends if high is not None) if whole else (),
        dots=True,
    )
    learned = pictures.Band(
        name="rows learned from", points=tuple((p.n, p.train) for p in curve.points), css="s2", dots=True
    )
    caption = "What more rows have brought so far."
    if curve.last_gain is not None:
        caption += f" The last doubling changed it by {signed_interval(curve.last_gain)}."
    names = ("rows learned from", name)
    return [
        Figure(
            title="Learning curve", caption=caption, picture=pictures.bands("Learning curve", [unseen, learned], names)
        )
    ]


def signed_interval(estimate: Estimate) -> str:
    return f"{signed(estimate.value)}{f' ({bounds(estimate)})' if bounds(estimate) else ''}"


def calibration(record: RunRecord) -> Figures:
    found = judged(record).calibration
    if found is None or not finite([found.error_raw]) or not finite([found.error]):
        return []
    before, after = found.error_raw or 0.0, found.error or 0.0
    parts = [
        pictures.Part(label="as the model says it", value=before, note=number(before), css="s2"),
        pictures.Part(label=f"after {found.method}", value=after, note=number(after), css="s1"),
    ]
    on = f", on {count(found.n, 'row')}" if found.n else ""
    caption = f"How far probabilities are off on average, out of fold{on}."
    if found.loss_raw is not None and found.loss is not None:
        caption += f" Log loss {number(found.loss_raw)} before, {number(found.loss)} after."
    if found.method == "raw":
        caption += " No calibration did better than leaving them as they are."
        parts = parts[:1]
    picture = pictures.bars("Calibration error before and after", parts)
    return [Figure(title="Calibration before and after", caption=caption, picture=picture)]


def uncertainty(record: RunRecord) -> Figures:
    found = judged(record).uncertainty
    if found is None or not finite([found.coverage.value]):
        return []
    rows = [_row("all sealed rows", found.coverage, "s1", per_cent=True, strong=True)]
    if found.worst_coverage is not None:
        worst = Estimate(value=found.worst_coverage)
        css = "s2" if found.worst_coverage < found.asked else "s1"
        rows.append(_row(f"worst group: {found.worst_group}".rstrip(": "), worst, css, per_cent=True))
    plot = pictures.Plot(
        title="Coverage",
        rows=tuple(rows),
        axis="share of rows whose truth lies inside",
        marks=(("asked", found.asked),),
    )
    what = (
        f"An interval is {number(found.size)} wide on average, in units of the target."
        if found.kind == "interval"
        else f"A set holds {number(found.size)} labels on average."
    )
    caption = f"{found.kind.capitalize()}s made to hold the truth in {share(found.asked)} of rows. {what}"
    return [Figure(title=f"Conformal {found.kind}s", caption=caption, picture=pictures.dots(plot))]


def weak_slices(record: RunRecord) -> Figures:
    """One picture per metric, confirmed groups in colour, suspected ones quiet."""
    made = []
    for name in dict.fromkeys(each.metric for each in judged(record).weak_slices):
        group = [each for each in judged(record).weak_slices if each.metric == name and finite([each.estimate.value])]
        group.sort(key=lambda each: (not each.confirmed, each.difference, each.condition))
        rows = tuple(
            pictures.Row(
                label=each.condition,
                dot=pictures.Dot(value=each.estimate.value, low=each.estimate.low, high=each.estimate.high),
                css="s2" if each.confirmed else "muted",
                note=f"{number(each.estimate.value)} · {each.n:,} rows",
            )
            for each in group[:BARS]
        )
        if not rows:
            continue
        plot = pictures.Plot(
            title="Weak groups", rows=rows, axis=metric_name(name), marks=(("all rows", group[0].whole),)
        )
        confirmed = sum(each.confirmed for each in group)
        caption = (
            f"Found on one half of the judged rows and measured on the other. {confirmed} of {len(group)} "
            f"{'is' if confirmed == 1 else 'are'} confirmed; grey ones may be chance."
        )
        made.append(Figure(title="Weak groups", caption=caption, picture=pictures.dots(plot)))
    return made


def fairness(record: RunRecord) -> Figures:
    """One card for each column, one small plot for each measure."""
    return [figure for each in judged(record).fairness if (figure := _fairness(record, each)) is not None]


def _fairness(record: RunRecord, found: Fairness) -> Figure | None:
    told = [name for group in found.groups for name in group.measures]
    names = [name for name in (*MEASURES, *sorted(told)) if name in told]
    drawn = Markup("")
    for name in list(dict.fromkeys(names))[:5]:
        rows = tuple(
            _row(f"{group.group} ({group.n:,})", group.measures[name], "s1")
            for group in found.groups[:GROUPS]
            if name in group.measures
        )
        axis = measure_name(name, record)
        drawn += pictures.dots(pictures.Plot(title=f"{axis} by {found.column}", rows=rows, axis=axis))
    if not drawn:
        return None
    gaps = [
        f"{measure_name(gap.measure, record)}: {gap.best} {number(gap.difference.value)} above {gap.worst}"
        + (f" (ratio {number(gap.ratio)})" if gap.ratio is not None else "")
        for gap in [each for each in found.gaps if each.difference.value > 0 and each.best != each.worst][:3]
    ]
    caption = "Each group with its rows. " + (f"Widest gaps: {'; '.join(gaps)}. " if gaps else "")
    caption += f"Too small to measure: {listed(found.too_small, 6)}. " if found.too_small else ""
    caption += " ".join(found.mitigations[:3])
    return Figure(title=f"By {found.column}", caption=caption.strip(), picture=drawn)


def measure_name(name: str, record: RunRecord) -> str:
    return _metric(record) if name == "score" else MEASURE_NAMES.get(name, name.replace("_", " "))


def robustness(record: RunRecord) -> Figures:
    found = sorted(judged(record).robustness, key=lambda each: (-each.fall, each.kind, each.subject))
    found = [each for each in found if finite([each.fall])]
    if not found:
        return []
    tried, name = len(found), _metric(record)
    worst: dict[tuple[str, str], Robustness] = {}
    for each in found:  # of several strengths the worst
        worst.setdefault((each.kind, each.subject), each)
    found = list(worst.values())
    parts = [
        pictures.Part(label=disturbance(each), value=max(each.fall, 0.0), note=_fall(each), css=_fall_css(each))
        for each in found[:BARS]
    ]
    caption = f"What {name} loses when inputs are disturbed in one way. "
    if any(each.changed is not None for each in found):
        caption += "The share is that of answers that change. "
    caption += f"{tried} were tried{f', the worst {BARS} are shown' if len(found) > BARS else ''}."
    picture = pictures.bars("Loss under disturbed inputs", parts)
    return [Figure(title="Loss by disturbance", caption=caption, picture=picture)]


def disturbance(found: Robustness) -> str:
    kind = KINDS.get(found.kind, found.kind.replace("_", " "))
    return f"{'all columns' if found.subject == 'all' else found.subject.partition(':')[2] or found.subject}: {kind}"


def _fall(found: Robustness) -> str:
    words = f"loses {number(found.fall)}" if found.fall > 0 else "no loss"
    return f"{words} · {share(found.changed)} change" if found.changed is not None else words


def _fall_css(found: Robustness) -> str:
    whole = abs(found.score.value) + abs(found.fall)
    return "s2" if found.fall > 0.1 * whole else "s1"


def contributions(record: RunRecord) -> Figures:
    found = sorted(judged(record).contributions.items(), key=lambda pair: (-pair[1], pair[0]))
    found = [(name, value) for name, value in found if finite([value]) and value >= 0]
    total = sum(value for _, value in found)
    if not total:
        return []
    parts = [
        pictures.Part(label=name, value=value, note=f"{number(value)} · {share(value / total)}")
        for name, value in found[:BARS]
    ]
    caption = "Mean size of what each column adds to or takes from a single answer (SHAP values)."
    picture = pictures.bars("Contributions to answers", parts)
    return [Figure(title="Contributions to answers", caption=caption, picture=picture)]


def dependence(record: RunRecord) -> Figures:
    """How the answer moves with one column, all else as it was; one scale for all, so that they can be compared.

    The band of the middle 80 % of rows is left out where it would flatten every line.
    """
    shown = judged(record).dependence[:CURVES]
    means = finite([value for each in shown for value in each.mean])
    ends = finite([value for each in shown for value in (*each.low, *each.high)])
    if not means:
        return []
    spread = (max(means) - min(means)) or 1e-12
    banded = bool(ends) and max(ends) - min(ends) <= BAND * spread
    every = [*means, *ends] if banded else means
    scale = (min(every), max(every))
    made = []
    for each in shown:
        whose = f"probability of {each.label}" if each.label else "mean answer"
        drawn = each if banded else replace(each, low=(), high=())
        picture = _dependence(drawn, whose, scale)
        if picture:
            caption = "The band holds the middle 80 % of rows." if banded and each.low else ""
            made.append(Figure(title=each.column, caption=caption, picture=picture))
    return made


def _dependence(found: Dependence, whose: str, scale: tuple[float, float]) -> Markup:
    numbers, title = finite(found.values), f"{whose} by {found.column}"
    if len(numbers) == len(found.values) == len(found.mean) and len(numbers) > 1:
        points = tuple(zip(numbers, found.mean, strict=True))
        band = pictures.Band(name=found.column, points=points, low=found.low, high=found.high)
        return pictures.bands(title, [band], (found.column, whose), y_range=scale, size=pictures.SMALL)
    whole = len(found.low) == len(found.high) == len(found.mean)
    rows: Sequence[tuple[str, float, float | None, float | None]] = [
        (plain(value, 40), mean, found.low[place] if whole else None, found.high[place] if whole else None)
        for place, (value, mean) in enumerate(zip(found.values, found.mean, strict=False))
    ]
    return pictures.levels(title, rows, whose, x_range=scale)


def _metric(record: RunRecord) -> str:
    return metric_name(record.report.metric) if record.report else "the score"


def _row(
    label: str, found: Estimate, css: str, *, strong: bool = False, signs: bool = False, per_cent: bool = False
) -> pictures.Row:
    note = interval(found)
    if signs:
        note = signed_interval(found)
    elif per_cent:
        note = share(found.value)
        if found.low is not None and found.high is not None:
            note += f" ({share(found.low)} to {share(found.high)})"
    dot = pictures.Dot(value=found.value, low=found.low, high=found.high)
    return pictures.Row(label=label, dot=dot, css=css, note=note, strong=strong)


def worst_rows(record: RunRecord) -> list[tuple[str, str, str, str, str]]:
    """Row, truth, answer, loss, and the row's values in few words."""
    return [
        (f"{each.row:,}", plain(each.truth, 40), plain(each.predicted, 40), number(each.loss), plain(each.values, 220))
        for each in judged(record).worst_rows[:10]
    ]


def unmeasured(record: RunRecord) -> list[str]:
    return [f"{name.replace('_', ' ')}: {plain(why, 200)}" for name, why in sorted(judged(record).missing.items())]


def primary_words(record: RunRecord) -> str:
    """`F1 0.62 (0.59 to 0.65) on 900 sealed test rows`."""
    report, found = record.report, facts.primary(record)
    if report is None or found is None:
        return ""
    return f"{metric_name(report.metric)} {interval(found)} on {facts.judged_on(report)}"

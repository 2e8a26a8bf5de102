"""Are the groups of a column served alike: rates and errors by group with intervals, and the gaps between groups.

Sources: Hardt, Price and Srebro (2016), NeurIPS, for equal opportunity; 29 CFR 1607.4 (D), the four-fifths rule.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from modelwright.core.digests import child_seed
from modelwright.core.judgement import Fairness, FairnessGap, GroupMeasure
from modelwright.core.nouns import Estimate, Schema, Task
from modelwright.core.tables import Predictions
from modelwright.evaluation.scores import task_of
from modelwright.stats import intervals

Array = NDArray[np.float64]

#: rows of a group, and rows a rate is a share of, below which nothing is said
MIN_ROWS = 30
MIN_BASE = 10
_MAX_GROUPS = 12
_BINS = 4
_RESAMPLES = 2000
#: small groups that are named one by one
_LISTED = 20
_MISSING = "missing"

#: names of protected attributes (Charter of Fundamental Rights of the EU, article 21; US Civil Rights Act, title VII)
_PROTECTED = re.compile(
    r"(?:^|[^a-z])(sex|gender|ethnic(?:ity)?|religion|nationality|disab(?:ility|led)|marital|"
    r"senior ?citizen|sexual ?orientation|pregnan(?:t|cy))(?:[^a-z]|$)"
)
#: words that mean other things as well (the age of a house, a horse race) and so must stand nearly alone
_PEOPLE = "customer|client|patient|applicant|person|personal|user|employee|respondent|driver|member|student|worker"
_ALONE = re.compile(rf"^(?:(?:{_PEOPLE}) )?(?:age|race)(?: (?:group|band|bracket|range|category|years|yrs|in years))?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measure:
    """A share or a mean: `top` over `base`, both per row."""

    name: str
    top: Array
    base: NDArray[np.bool_]
    is_share: bool = True


def candidates(schema: Schema) -> tuple[str, ...]:
    """Columns whose names say that they are protected attributes; the target is none."""
    found = []
    for column in schema.columns:
        words = re.sub(r"([a-z])([A-Z])", r"\1 \2", column.name).lower().replace("_", " ").replace("-", " ")
        if column.name != schema.target and (_PROTECTED.search(words) or _ALONE.match(words.strip())):
            found.append(column.name)
    return tuple(found)


def fairness(
    groups: pl.Series, y: NDArray[Any], predictions: Predictions, *, seed: int = 0, level: float = 0.95
) -> Fairness:
    """One column's groups. groups: (n,) raw values, numbers are cut into quarters; y: class positions or values.

    A group of fewer than 30 rows, or of one row, is listed in `too_small` and takes no part in a gap; so does a rate
    whose base (the positives of a group, say) has fewer than 10 rows.
    """
    names, codes = _named(groups)
    measures = _measures(y, predictions)
    sizes = np.bincount(codes, minlength=len(names))
    kept = [at for at in np.argsort(-sizes, kind="stable") if sizes[at] >= MIN_ROWS][:_MAX_GROUPS]
    chosen = set(kept)
    left = [at for at in range(len(names)) if sizes[at] and at not in chosen]
    small = [f"{names[at]} ({int(sizes[at])} rows)" for at in left[:_LISTED]]
    if len(left) > _LISTED:
        small.append(f"and {len(left) - _LISTED:,} more groups")
    found = []
    for at in kept:
        inside = codes == at
        rated = {one.name: value for one in measures if (value := _estimate(one, inside, level)) is not None}
        absent = [one.name for one in measures if one.name not in rated]
        if absent:
            small.append(f"{names[at]}: {', '.join(absent)} (fewer than {MIN_BASE} rows to count)")
        found.append(GroupMeasure(group=names[at], n=int(sizes[at]), measures=rated))
    gaps = [_gap(one, names, codes, kept, (seed, level)) for one in measures] if len(kept) > 1 else []
    return Fairness(
        column=groups.name,
        groups=tuple(found),
        gaps=tuple(gap for gap in gaps if gap is not None),
        too_small=tuple(small),
    )


def _named(groups: pl.Series) -> tuple[list[str], NDArray[np.int64]]:
    """The groups' names and each row's group."""
    if groups.dtype.is_temporal():
        groups = groups.to_physical()
    if groups.dtype.is_numeric() and groups.n_unique() > _MAX_GROUPS:
        values = groups.cast(pl.Float64)
        edges = np.unique(np.quantile(values.drop_nulls().to_numpy(), np.linspace(0, 1, _BINS + 1)[1:-1]))
        codes = np.searchsorted(edges, values.fill_null(0.0).to_numpy(), side="left")
        shown = [f"{edge:.6g}" for edge in edges]
        inner = [f"{a} to {b}" for a, b in pairwise(shown)]
        names = [f"up to {shown[0]}", *inner, f"above {shown[-1]}"] if shown else ["all"]
    else:
        texts = groups.cast(pl.String)
        names = sorted(str(value) for value in texts.drop_nulls().unique().to_list())
        place = {name: at for at, name in enumerate(names)}
        codes = np.array([place.get(value, 0) for value in texts.to_list()], dtype=np.int64)
    missing = groups.is_null().to_numpy()
    if missing.any():
        codes = np.where(missing, len(names), codes)
        names = [*names, _MISSING if _MISSING not in names else "no value"]
    return names, codes.astype(np.int64)


def _measures(y: NDArray[Any], predictions: Predictions) -> list[_Measure]:
    task = task_of(predictions)
    everyone = np.ones(y.size, dtype=bool)
    if task is Task.REGRESSION:
        assert predictions.values is not None
        error = predictions.values - y
        return [
            _Measure(name="mean_error", top=error, base=everyone, is_share=False),
            _Measure(name="mae", top=np.abs(error), base=everyone, is_share=False),
        ]
    assert predictions.labels is not None
    right = (predictions.labels == y).astype(np.float64)
    accuracy = _Measure(name="accuracy", top=right, base=everyone)
    if task is not Task.BINARY:
        return [accuracy]
    yes = predictions.labels == 1
    found = [
        _Measure(name="selection_rate", top=yes.astype(np.float64), base=everyone),
        _Measure(name="true_positive_rate", top=yes.astype(np.float64), base=y == 1),
        _Measure(name="false_positive_rate", top=yes.astype(np.float64), base=y == 0),
        _Measure(name="precision", top=(y == 1).astype(np.float64), base=yes),
        accuracy,
    ]
    if predictions.probabilities is not None:
        gap = y - predictions.probabilities[:, 1]
        found.append(_Measure(name="calibration_error", top=gap, base=everyone, is_share=False))
    return found


def _estimate(one: _Measure, inside: NDArray[np.bool_], level: float) -> Estimate | None:
    rows = inside & one.base
    n = int(rows.sum())
    if n < MIN_BASE:
        return None
    value = float(one.top[rows].mean())
    if one.is_share:
        low, high = intervals.wilson(float(one.top[rows].sum()), n, level)
        return Estimate(value=value, low=min(low, value), high=max(high, value), level=level, n=n, method="wilson")
    low, high = intervals.mean(one.top[rows], level)
    return Estimate(value=value, low=low, high=high, level=level, n=n, method="student")


def _gap(
    one: _Measure, names: list[str], codes: NDArray[np.int64], kept: list[Any], how: tuple[int, float]
) -> FairnessGap | None:
    """Largest less smallest, with an interval that knows they were picked for being largest and smallest.

    Every group mean carries an error, so the largest less the smallest is positive where all are equal. The bootstrap
    of centred group means gives the range that chance alone makes; the lower bound is the range less what chance stays
    below (a parametric bootstrap of the range: Efron, 1985, Biometrika 72).
    """
    seed, level = how
    groups = [at for at in kept if int(((codes == at) & one.base).sum()) >= MIN_BASE]
    if len(groups) < 2:
        return None
    parts = [one.top[(codes == at) & one.base] for at in groups]
    means = np.array([float(part.mean()) for part in parts])
    errors = np.array([_error(part, one.is_share) for part in parts])
    rng = np.random.default_rng(child_seed(seed, "gap", one.name))
    noise = rng.normal(size=(_RESAMPLES, len(groups))) * errors
    chance = np.ptp(noise, axis=1)
    range_ = float(np.ptp(means))
    top, bottom = int(np.argmax(means)), int(np.argmin(means))
    half = intervals.z_value(level) * float(np.hypot(errors[top], errors[bottom]))
    # no larger than chance makes at this level: nothing is left of the gap
    low = max(0.0, range_ - float(np.quantile(chance, level)))
    best, worst = (top, bottom) if one.name not in _LESS_IS_BETTER else (bottom, top)
    return FairnessGap(
        measure=one.name,
        best=names[groups[best]],
        worst=names[groups[worst]],
        difference=Estimate(
            value=range_,
            low=low,
            high=range_ + half,
            level=level,
            n=int(sum(part.size for part in parts)),
            method="bootstrap of the range",
        ),
        ratio=float(means[bottom] / means[top]) if one.is_share and means[top] > 0 else None,
        ratio_high=_ratio_bound(means, noise) if one.is_share and means[top] > 0 else None,
    )


_LESS_IS_BETTER = ("false_positive_rate", "mae")


def _error(part: Array, is_share: bool) -> float:
    """The standard error of a mean; of a share by Agresti and Coull (1998), which is not zero where all agree."""
    if is_share:
        share = (float(part.sum()) + 2) / (part.size + 4)
        return float(np.sqrt(share * (1 - share) / (part.size + 4)))
    return float(part.std(ddof=1) / np.sqrt(part.size))


def _ratio_bound(means: Array, noise: Array) -> float:
    """The ratio of smallest to largest that 95 % of the resamples stay below, corrected for picking the extremes."""
    centre = float(means.mean())
    if centre <= 0:
        return 1.0
    by_chance = np.clip(centre + noise, 1e-9, None)
    usual = float(np.quantile(by_chance.min(axis=1) / by_chance.max(axis=1), 0.05))
    return min(1.0, float(means.min() / means.max()) / max(usual, 1e-9))


# ---------------------------------------------------------------- a way out, tried


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """The same column, truth and probability of the positive class, on the rows to choose with and those to judge."""

    groups: pl.Series
    y: NDArray[Any]
    p: Array


def own_thresholds(
    choose: Sides, judged: Sides, threshold: float, score: Callable[[NDArray[Any], Array], float]
) -> str:
    """What a threshold of its own for each group would change, chosen out of fold so that every group's true positive
    rate is that of the whole, judged on the sealed rows. Empty where it cannot be tried."""
    whole = choose.p[choose.y == 1]
    if whole.size < 5 * MIN_BASE:
        return ""
    wanted = float((whole >= threshold).mean())
    cuts = {}
    for name in choose.groups.cast(pl.String).unique().drop_nulls().to_list():
        rows = (choose.groups.cast(pl.String) == name).fill_null(False).to_numpy() & (choose.y == 1)
        if int(rows.sum()) >= 2 * MIN_BASE:
            cuts[name] = float(np.quantile(choose.p[rows], 1 - wanted)) if wanted > 0 else threshold
    if len(cuts) < 2:
        return ""
    own = np.array([cuts.get(name, threshold) for name in judged.groups.cast(pl.String).to_list()])
    before, after = (judged.p >= threshold), (judged.p >= own)
    gaps = [_tpr_gap(judged, answers, list(cuts)) for answers in (before, after)]
    if gaps[0] is None or gaps[1] is None:
        return ""
    costs = [score(judged.y, answers.astype(np.float64)) for answers in (before, after)]
    listed = ", ".join(f"{name} {cut:.3f}" for name, cut in sorted(cuts.items()))
    return (
        f"a threshold for each group ({listed}) takes the gap in true positive rate from {gaps[0]:.3f} to "
        f"{gaps[1]:.3f} and balanced accuracy from {costs[0]:.3f} to {costs[1]:.3f} on the sealed rows"
    )


def _tpr_gap(judged: Sides, answers: NDArray[np.bool_], names: list[str]) -> float | None:
    texts = judged.groups.cast(pl.String)
    rates = []
    for name in names:
        rows = (texts == name).fill_null(False).to_numpy() & (judged.y == 1)
        if int(rows.sum()) >= MIN_BASE:
            rates.append(float(answers[rows].mean()))
    return float(np.ptp(rates)) if len(rates) > 1 else None


def balanced(y: NDArray[Any], answers: Array) -> float:
    """Balanced accuracy of 0/1 answers; 0.5 where a class is missing."""
    if not (y == 1).any() or not (y == 0).any():
        return 0.5
    return float((answers[y == 1].mean() + (1 - answers[y == 0]).mean()) / 2)

"""Ablation: what each group of columns, each column and each component of the pipeline adds to the score.

The chosen configuration is fit again without the item and compared with the unchanged one on the same out-of-fold
rows. Two errors are added up: that of the rows (paired) and that of refitting (other random numbers, same
configuration); verdicts are corrected for the number of items (Holm 1979, Scandinavian Journal of Statistics 6).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec

from modelwright.core.nouns import ColumnType, Estimate, Noun, Schema
from modelwright.training.candidates import Candidate, load_family, rounds_field, simple_family
from modelwright.training.changes import Change
from modelwright.training.feature_groups import feature_groups
from modelwright.training.proving import compare_refits
from modelwright.training.variations import LATE, UNCHANGED, Refit, RefitOrder, Refits, Variation, refit

if TYPE_CHECKING:
    from modelwright.features.pipeline import FittedFeatures

KINDS = ("groups", "columns", "components")
#: refits with other random numbers, from which the error of refitting is known
_AGAIN = 3
_SURE = 0.05


class Ablated(Noun, frozen=True, kw_only=True):
    """One item. `adds` is the score with it minus the score without it, signed so that more is better."""

    kind: str  # group | column | component
    name: str
    columns: tuple[str, ...] = ()
    #: what stands in its place
    instead: str = ""
    metric: str = ""
    without: Estimate | None = None
    adds: Estimate | None = None
    #: two-sided, corrected for all items measured
    p_value: float | None = None
    verdict: str = "not measured"  # helps | hurts | no measurable effect | not measured
    reason: str = ""  # why it was not measured
    folds: int = 0


class Ablation(Noun, frozen=True, kw_only=True):
    metric: str
    score: Estimate | None  # of the unchanged configuration
    items: tuple[Ablated, ...]
    #: standard deviation of the score when only the random numbers differ
    refit_noise: float = 0.0
    interrupted: bool = False
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Item:
    kind: str
    name: str
    variation: Variation
    columns: tuple[str, ...] = ()
    instead: str = ""
    metric: str = ""
    #: what it is compared with, where that is not the unchanged configuration
    base: Variation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What the chosen model is made of, beyond its candidate."""

    features: FittedFeatures | None = None
    calibrated: bool = False


def ablate(order: RefitOrder, kinds: Sequence[str], built: Built) -> Ablation:
    """Every item of these kinds that the time allows; the others are in the list with the reason."""
    items = items_of(order, kinds, built)
    again = [Variation(name=f"again {number}", change=Change(again=number)) for number in range(1, _AGAIN + 1)]
    wanted = [*again, *(one for item in items for one in (item.base, item.variation) if one is not None)]
    refits = refit(replace(order, variations=list({one.name: one for one in wanted}.values())))
    base = refits.done.get(UNCHANGED)
    metric = order.judge.metric_name
    if base is None:
        why = refits.missing.get(UNCHANGED, LATE)
        lost = tuple(_unmeasured(item, why, metric) for item in items)
        return Ablation(metric=metric, score=None, items=lost, interrupted=refits.interrupted, seconds=refits.seconds)
    found = [_measured(order, item, refits) for item in items]
    return Ablation(
        metric=metric,
        score=compare_refits(order, base, base)[2],
        items=tuple(corrected(found)),
        refit_noise=_noise(order, refits, metric)[0],
        interrupted=refits.interrupted,
        seconds=refits.seconds,
    )


# ------------------------------------------------------------ what there is to leave out


def items_of(order: RefitOrder, kinds: Sequence[str], built: Built) -> list[_Item]:
    """Components first, because they are few; then groups; then columns in the order of the table."""
    found: list[_Item] = []
    request = order.request
    if "components" in kinds:
        found += _components(order, built)
    if "groups" in kinds:
        for name, columns in feature_groups(request.frame, request.schema, request.seed).items():
            found.append(_left_out("group", name, columns))
    if "columns" in kinds:
        found += [_left_out("column", column.name, (column.name,)) for column in request.schema.features]
    return found


def _left_out(kind: str, name: str, columns: tuple[str, ...]) -> _Item:
    variation = Variation(name=f"{kind} {name}", change=Change(without=columns))
    return _Item(kind=kind, name=name, columns=columns, variation=variation)


def _components(order: RefitOrder, built: Built) -> list[_Item]:
    request, candidate = order.request, order.candidate
    task, found = request.task, list[_Item]()

    def changed(name: str, instead: str, change: Change | None = None, other: Candidate | None = None) -> None:
        variation = Variation(name=f"component {name}", change=change or Change(), candidate=other)
        found.append(_Item(kind="component", name=name, instead=instead, variation=variation))

    plain = simple_family(task)
    if candidate.family not in (plain, "dummy"):
        changed(f"family {candidate.family}", plain, other=Candidate(name=plain, family=plain))
    if candidate.params:
        changed("tuning", "default parameters", other=msgspec.structs.replace(candidate, params={}))
    if candidate.weighting != "none":
        changed(candidate.weighting, "no weights", other=msgspec.structs.replace(candidate, weighting="none"))
    if candidate.early_stopping and _stops_early(candidate, order):
        changed("early stopping", "all rounds", other=msgspec.structs.replace(candidate, early_stopping=False))
    found += _finishing(order, built)
    for name, instead, change in _feature_changes(order, built):
        changed(name, instead, change)
    return found


def _stops_early(candidate: Candidate, order: RefitOrder) -> bool:
    from modelwright.training.candidates import read_params

    family = load_family(candidate.family, order.request.base_dir)
    return rounds_field(read_params(family, candidate.params, candidate.family)) is not None


def _finishing(order: RefitOrder, built: Built) -> list[_Item]:
    """What is put on top of the family; no new fit is needed to know what it adds."""
    found = []
    if built.calibrated:
        raw = Variation(name="component calibration", change=Change(), calibrate=False)
        base = Variation(name="with calibration", change=Change(), calibrate=True)
        found.append(
            _Item(
                kind="component",
                name="calibration",
                instead="raw probabilities",
                variation=raw,
                base=base,
                metric="log_loss",
            )
        )
    if order.judge.tunes_threshold:
        half = Variation(name="component threshold", change=Change(), threshold=0.5)
        found.append(_Item(kind="component", name="tuned threshold", instead="0.5", variation=half))
    return found


def _feature_changes(order: RefitOrder, built: Built) -> list[tuple[str, str, Change]]:
    request = order.request
    spec, schema = request.features, request.schema
    needs = load_family(order.candidate.family, request.base_dir).needs
    kinds = {column.type for column in schema.features}
    found = []
    made = [*spec.derived, *(window.name for window in spec.windows)]
    if made or spec.crosses or spec.custom:
        bare = msgspec.structs.replace(spec, derived={}, windows=[], crosses=[], custom=None)
        found.append(("derived columns", "only those of the table", Change(features=bare)))
    if ColumnType.DATETIME in kinds and spec.date_parts:
        days = msgspec.structs.replace(spec, date_parts=False)
        found.append(("date parts", "elapsed days only", Change(features=days)))
    if spec.target_rates is not False and _has_many_levels(order, schema):
        counts = msgspec.structs.replace(spec, target_rates=False)
        found.append(("target rates", "codes and counts only", Change(features=counts)))
    if needs.scaled and ColumnType.NUMBER in kinds:
        found.append(("scaling", "numbers as they are", Change(needs={"scaled": False})))
    if ColumnType.CATEGORY in kinds:
        name, other = ("one column per category", "integer codes")[:: 1 if needs.one_hot else -1]
        found.append((name, other, Change(needs={"one_hot": not needs.one_hot})))
    return found


def _has_many_levels(order: RefitOrder, schema: Schema) -> bool:
    from modelwright.features.planner import MANY_LEVELS, MIN_ROWS_FOR_RATES

    frame = order.request.frame
    if frame.height < MIN_ROWS_FOR_RATES and not order.request.features.target_rates:
        return False
    categories = [column.name for column in schema.features if column.type is ColumnType.CATEGORY]
    return any(frame[name].n_unique() > MANY_LEVELS for name in categories)


# ------------------------------------------------------------ what it adds


def _unmeasured(item: _Item, reason: str, metric: str) -> Ablated:
    return Ablated(
        kind=item.kind,
        name=item.name,
        columns=item.columns,
        instead=item.instead,
        metric=item.metric or metric,
        reason=reason,
    )


def _measured(order: RefitOrder, item: _Item, refits: Refits) -> Ablated:
    metric = item.metric or order.judge.metric_name
    done = refits.done.get(item.variation.name)
    base = refits.done.get(item.base.name if item.base is not None else UNCHANGED)
    if done is None or base is None:
        return _unmeasured(item, refits.missing.get(item.variation.name, LATE), metric)
    comparison, score, _ = compare_refits(order, done, base, metric)
    refits_anew = item.variation.change != Change() or item.variation.candidate is not None
    noise = _noise(order, refits, metric) if refits_anew else (0.0, 0)
    adds, p = with_refit_noise(comparison.difference, noise)
    return Ablated(
        kind=item.kind,
        name=item.name,
        columns=item.columns,
        instead=item.instead,
        metric=metric,
        without=score,
        adds=adds,
        p_value=p,
        folds=done.folds,
    )


def _noise(order: RefitOrder, refits: Refits, metric: str) -> tuple[float, int]:
    """Standard deviation of the score over refits with other random numbers, and its degrees of freedom."""
    import statistics

    again = [one for name, one in refits.done.items() if name == UNCHANGED or name.startswith("again ")]
    if len(again) < 2:
        return 0.0, 0
    folds = min(one.folds for one in again)
    scores = [_whole(order, one, metric) for one in again if one.folds == folds]
    return (statistics.stdev(scores), len(scores) - 1) if len(scores) > 1 else (0.0, 0)


def _whole(order: RefitOrder, one: Refit, metric: str) -> float:
    from modelwright.evaluation.catalog import resolve

    return float(resolve(metric, order.request.task)[1].score(one.y, one.predicted))


def with_refit_noise(difference: Estimate, noise: tuple[float, int]) -> tuple[Estimate, float]:
    """What the item adds, and the two-sided p-value: `difference` is without it minus with it, its interval that of
    the rows alone. Both refits err, so twice the variance of refitting is added; few refits make it a t distribution
    with the degrees of freedom of Satterthwaite (1946), Biometrics Bulletin 2."""
    from scipy.special import ndtri, stdtr, stdtrit

    value, level, (spread, freedom) = -difference.value, difference.level, noise
    if difference.low is None or difference.high is None:
        return Estimate(value=value, level=level, n=difference.n), 1.0
    of_rows = (difference.high - difference.low) / (2 * float(ndtri(0.5 + level / 2)))
    of_refits = math.sqrt(2) * spread
    error = math.hypot(of_rows, of_refits)
    if error <= 0:
        exact = Estimate(value=value, low=value, high=value, level=level, n=difference.n, method=difference.method)
        return exact, 0.0 if value else 1.0
    freedom_all = freedom * (error / of_refits) ** 4 if of_refits > 0 else 1e9
    half = float(stdtrit(freedom_all, 0.5 + level / 2)) * error
    p = 2 * float(stdtr(freedom_all, -abs(value) / error))
    method = f"{difference.method} and refits" if of_refits > 0 else difference.method
    return Estimate(value=value, low=value - half, high=value + half, level=level, n=difference.n, method=method), min(
        1.0, p
    )


def corrected(items: Sequence[Ablated]) -> list[Ablated]:
    """The same items with p-values corrected by Holm's steps, and their verdicts."""
    tested = sorted((at for at, item in enumerate(items) if item.p_value is not None), key=lambda at: _p(items[at]))
    found, highest = list(items), 0.0
    for place, at in enumerate(tested):
        highest = max(highest, min(1.0, (len(tested) - place) * _p(items[at])))
        adds = items[at].adds
        verdict = "no measurable effect"
        if highest < _SURE and adds is not None:
            verdict = "helps" if adds.value > 0 else "hurts"
        found[at] = msgspec.structs.replace(items[at], p_value=highest, verdict=verdict)
    return found


def _p(item: Ablated) -> float:
    return 1.0 if item.p_value is None else item.p_value

"""Choose features by what they add out of fold, inside the training rows: nothing is chosen on a row that judges.

A small booster learns half of the rows and judges the other half, with the plain features and with each kind of
proposed ones. A kind stays when it lowers the loss by more than noise. The idea follows TabPrep (2025) and AutoGluon's
notes on it; the work is bounded by fixed numbers, so that the same rows and seed choose the same features anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from modelwright.core.digests import child_seed
from modelwright.core.nouns import ColumnType, Task
from modelwright.core.ports import FitContext
from modelwright.features import screening
from modelwright.features.deriving import Maker
from modelwright.features.dividing import Half
from modelwright.features.encoding import Folds
from modelwright.features.planner import MIN_ROWS_FOR_RICH, FeaturePlan, listing
from modelwright.features.proposing import MOST_LEVELS, Kind, Proposal, Strong, propose
from modelwright.features.resolving import Step, resolve

if TYPE_CHECKING:
    import polars as pl

#: rows that features are tried on
_SAMPLE = 20_000
#: names in the note
_NAMED = 30
#: strong columns that are looked at: numbers are combined in pairs
NUMBERS, _CATEGORIES = 7, 12
#: a number with at most so many different values is a kind of category
_FEW_VALUES = 32
#: columns that a crossed category gets at most, where a family needs one for each level
_ONE_HOT = 20
#: proposals of one kind that the booster tries together
_TOGETHER: Mapping[Kind, int] = {"arithmetic": 12, "groups": 8, "rates": 6, "crosses": 3, "counts": 5}
#: standard errors that a kind must gain, and the least share of the loss
_CERTAIN, _LEAST = 2.0, 0.001
#: times as many of them are first shown to one booster, which takes its pick
_WIDER = 2
#: standard errors that a single proposal may seem to harm what is left, and still be shown: most of what arithmetic
#: adds is seen together with other columns only
_PROMISING = -1.0
#: two proposals whose bins correlate beyond this say the same
_SAME = 0.98


class Chosen(NamedTuple):
    """What is added to the plain features: makers in order, then encoders; and a sentence on how it was found."""

    makers: tuple[Maker, ...]
    steps: tuple[Step, ...]
    note: str


def choose(
    plan: FeaturePlan,
    table: pl.DataFrame,
    types: Mapping[str, ColumnType],
    encoded: Mapping[str, ColumnType],
    y: NDArray[Any],
    context: FitContext,
    folds: Folds | None,
) -> Chosen:
    """table: the training rows with derived columns; `types` knows them all, `encoded` those that become features.

    folds: as in `pipeline.fit`; then rows are judged by the same rules. Returns nothing but a note where nothing helps.
    """
    if table.height < MIN_ROWS_FOR_RICH:
        return Chosen((), (), f"rich features: none, under {MIN_ROWS_FOR_RICH:,} training rows")
    seed = child_seed(context.seed, "rich")
    pairs = _pairs(table.height, folds, seed)
    if not pairs:
        return Chosen((), (), "rich features: none, the rows cannot be divided to judge them")
    context = replace(context, seed=seed)
    bare = msgspec.structs.replace(plan, scaled=False, imputed=False, one_hot=False)
    steps = [step for step in resolve(bare, table, dict(encoded)).steps if step.transformer != "text"]
    halves = [Half(bare, table, types, y, pair, context, _within(folds, pair[0])) for pair in pairs]
    if not steps or not all(half.start(steps) for half in halves):
        return Chosen((), (), "rich features: none tried, the table has too few or too many columns")
    strong = _strong(halves, steps, encoded, table)
    proposals = propose(strong, table.columns, rates=plan.target_rates is not False)
    found = _search(proposals, halves, width=int(y.max()) + 1 if plan.task is Task.MULTICLASS else 1)
    if not found.kept:
        return Chosen((), (), f"rich features: none of {found.tried} tried helped out of fold")
    return _settled(plan, found, table, types)


def _pairs(n_rows: int, folds: Folds | None, seed: int) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Two (learn, judge) divisions of at most _SAMPLE rows: the last two folds, or random halves."""
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.permutation(n_rows)[:_SAMPLE])
    if not folds:
        part = rng.permutation(chosen.size) % 2 == 0
        return [(chosen[part], chosen[~part]), (chosen[~part], chosen[part])]
    inside = np.zeros(n_rows, dtype=bool)
    inside[chosen] = True
    pairs = [(learn[inside[learn]], judge[inside[judge]]) for learn, judge in folds]
    good = [pair for pair in pairs if min(pair[0].size, pair[1].size) >= MIN_ROWS_FOR_RICH // 10]
    return good[-2:]


def _within(folds: Folds | None, learn: NDArray[np.int64]) -> Folds | None:
    """The folds as they divide the rows learned from, in positions among them, so that rates keep groups and time."""
    if not folds:
        return None
    place = np.full(max(int(max(part.max(initial=0) for pair in folds for part in pair)), int(learn.max())) + 1, -1)
    place[learn] = np.arange(learn.size)
    inside = [tuple(part[part >= 0] for part in (place[left], place[right])) for left, right in folds]
    return [(left, right) for left, right in inside if left.size and right.size]


def _strong(
    halves: Sequence[Half], steps: Sequence[Step], encoded: Mapping[str, ColumnType], table: pl.DataFrame
) -> Strong:
    """Columns by the gain of the plain boosters' splits, the strongest first."""
    gains = dict.fromkeys(encoded, 0.0)
    for half in halves:
        for source, gain in zip(half.sources, half.plain.gain, strict=True):
            gains[source] = gains.get(source, 0.0) + float(gain)
    used = [name for name in sorted(gains, key=lambda name: -gains[name]) if gains[name] > 0.0]
    by_kind = {kind: tuple(name for name in used if encoded.get(name) is kind) for kind in ColumnType}
    counted = {name for step in steps if step.transformer == "frequency" for name in step.columns}
    rated = {name for step in steps if step.transformer == "target_rate" for name in step.columns}
    numbers = by_kind[ColumnType.NUMBER][:NUMBERS]
    return Strong(
        numbers=numbers,
        booleans=by_kind[ColumnType.BOOLEAN],
        categories=by_kind[ColumnType.CATEGORY][:_CATEGORIES],
        few=frozenset(name for name in numbers if table[name].n_unique() <= _FEW_VALUES),
        counted=frozenset(counted),
        rated=frozenset(rated),
    )


class _Judged(NamedTuple):
    proposal: Proposal
    gain: float  # mean squared error less, of what was left
    bins: NDArray[np.int64]


def _promising(proposals: Sequence[Proposal], half: Half) -> list[_Judged]:
    """Proposals that explain some of what the plain booster left; the best first."""
    found = []
    for proposal in proposals:
        if not half.make(proposal) or _too_many_levels(proposal, half):
            continue
        gains, bins = half.judge(proposal)
        if screening.certainty(gains) > _PROMISING:
            found.append(_Judged(proposal, float(gains.mean()), bins))
    return sorted(found, key=lambda one: -one.gain)


def _too_many_levels(proposal: Proposal, half: Half) -> bool:
    """Each level is a line in the model."""
    columns = [proposal.column] if proposal.transformer in ("codes", "frequency", "target_rate") else []
    columns += [make.of[0] for make in proposal.makes if make.how == "group"]
    return any(half.levels(name) > MOST_LEVELS for name in columns)


def _different(judged: Sequence[_Judged], most: int) -> list[Proposal]:
    """The best that do not say the same as a better one."""
    kept: list[_Judged] = []
    for one in judged:
        if len(kept) == most:
            break
        if all(abs(_correlation(one.bins, other.bins)) < _SAME for other in kept):
            kept.append(one)
    return [one.proposal for one in kept]


def _correlation(left: NDArray[np.int64], right: NDArray[np.int64]) -> float:
    a, b = left - left.mean(), right - right.mean()
    size = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / size if size > 0.0 else 0.0


class _Found(NamedTuple):
    kept: list[Proposal]
    tried: int
    less: float  # share of the plain loss


def _search(proposals: Sequence[Proposal], halves: Sequence[Half], width: int) -> _Found:
    """Kind by kind, the most promising first: what the booster does not do better with goes. width: of a rate."""
    room = {kind: max(1, most // width) if kind == "rates" else most for kind, most in _TOGETHER.items()}
    groups, order = _shortlist(proposals, halves[-1], room)
    plain = best = np.concatenate([half.plain.loss for half in halves])
    kept: list[Proposal] = []
    for kind in order:
        tried = [half.fit([*kept, *groups[kind]]) for half in halves]
        loss = np.concatenate([one.loss for one in tried])
        if screening.certainty(best - loss) > _CERTAIN and (best - loss).mean() > _LEAST * plain.mean():
            kept, best = [*kept, *groups[kind]], loss
    return _Found(kept, len(proposals), float(1.0 - best.mean() / plain.mean()))


def _shortlist(
    proposals: Sequence[Proposal], half: Half, room: Mapping[Kind, int]
) -> tuple[dict[Kind, list[Proposal]], list[Kind]]:
    """The proposals of each kind that one booster, having all the promising ones, splits on most; the best kind first.

    It is one division only, and its judged rows say little here, so that judging on both stays honest.
    """
    judged = _promising(proposals, half)
    wide: list[Proposal] = []
    for kind, most in room.items():
        wide += _different([one for one in judged if one.proposal.kind == kind], _WIDER * most)
    gain = dict(zip(wide, half.gains(wide), strict=True)) if wide else {}
    best = sorted((one for one in wide if gain[one] > 0.0), key=lambda one: -gain[one])
    groups = {kind: [one for one in best if one.kind == kind][:most] for kind, most in room.items()}
    order = sorted((kind for kind in room if groups[kind]), key=lambda kind: -sum(gain[one] for one in groups[kind]))
    return groups, order


def _settled(plan: FeaturePlan, found: _Found, table: pl.DataFrame, types: Mapping[str, ColumnType]) -> Chosen:
    """What was chosen, learned again from all training rows."""
    known = dict(types)
    makers: dict[str, Maker | None] = {}
    for make in (make for proposal in found.kept for make in proposal.makes):
        if make.name not in makers:
            maker = makers[make.name] = make.fit(table, known)
            if maker is not None:
                table = table.with_columns(maker.extend(table))
                known.update(maker.makes)
    kept = [one for one in found.kept if all(makers[make.name] is not None for make in one.makes)]
    columns: dict[str, list[str]] = {}
    for one in kept:
        columns.setdefault(one.transformer, []).append(one.column)
    steps = tuple(_finished(plan, transformer, tuple(names)) for transformer, names in columns.items())
    note = (
        f"rich features: {len(kept)} of {found.tried} tried; out of fold they lower the loss of a small booster by "
        f"{found.less:.1%}: {listing([one.column for one in kept], _NAMED)}"
    )
    return Chosen(tuple(maker for maker in makers.values() if maker is not None), steps, note)


def _finished(plan: FeaturePlan, transformer: str, columns: tuple[str, ...]) -> Step:
    """The encoder as the family needs it."""
    if transformer == "numeric":
        return Step(transformer, columns, {"impute": plan.imputed, "scale": plan.scaled})
    if transformer != "codes":
        return Step(transformer, columns, {"scale": plan.scaled})
    if plan.one_hot:
        return Step("one_hot", columns, {"max_categories": _ONE_HOT})
    return Step(transformer, columns, {"impute": plan.imputed})

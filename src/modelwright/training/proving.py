"""Proofs about the chosen configuration: without its suspects, by time, for new groups, on a shuffled target, on less.

Each is a refit under a change, judged on rows that the unchanged configuration is judged on too, and compared row by
row. The order is that of what a reader needs most, because the time may not suffice for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from modelwright.core.digests import child_seed
from modelwright.core.judgement import LearningCurve, LearningPoint, Proof
from modelwright.core.nouns import Estimate
from modelwright.training.changes import Change
from modelwright.training.variations import LATE, UNCHANGED, Refit, RefitOrder, Refits, Variation, refit

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from modelwright.core.report import Comparison
    from modelwright.core.tables import Predictions

WITHOUT, LATER, GROUPS, SHUFFLED, CURVE = "without", "later", "new groups", "shuffled target", "learning curve"
#: suspects that are also left out one by one
_ALONE = 6
_SHARES = (0.5, 0.25, 0.125)
#: a point of the curve below this many rows says nothing
_LEAST_ROWS = 20
_SHUFFLES = 100
_CHANCE_ROWS = 20_000
#: below this p-value the permutations are counted, so many of them
_DOUBTED_P, _COUNTED = 1e-3, 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubts:
    """What there is to prove. Columns are names of the development table."""

    suspects: tuple[str, ...] = ()
    #: suspects that leak only together, such as the parts of a sum
    pairs: tuple[tuple[str, ...], ...] = ()
    #: column that tells the time, `order` where the rows themselves do, empty where nothing does
    time: str = ""
    group: str = ""
    by_order: bool = False

    @property
    def any(self) -> bool:
        return bool(self.suspects or self.time or self.group or self.by_order)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proofs:
    proofs: tuple[Proof, ...] = ()
    learning_curve: LearningCurve | None = None
    missing: dict[str, str] | None = None
    plan: tuple[str, ...] = ()
    interrupted: bool = False
    seconds: float = 0.0


def prove(order: RefitOrder, doubts: Doubts) -> Proofs:
    """Everything that fits into the time; what does not is in `missing`: name of the proof -> reason."""
    refits = refit(replace(order, variations=variations(doubts, order)))
    reader = _Reader(order=order, refits=refits)
    base = refits.done.get(UNCHANGED)
    if base is None:
        reason = refits.missing.get(UNCHANGED, LATE)
        names = [one.name for one in variations(doubts, order)]
        missing = dict.fromkeys(_plain_names(names), reason)
        return Proofs(missing=missing, plan=refits.plan, interrupted=refits.interrupted, seconds=refits.seconds)
    missing = _missing(refits)
    curve = reader.curve(base)
    if curve is None:
        missing.setdefault(CURVE, "there are too few rows for smaller shares of them")
    return Proofs(
        proofs=tuple(reader.proofs(base, doubts)),
        learning_curve=curve,
        missing=missing,
        plan=refits.plan,
        interrupted=refits.interrupted,
        seconds=refits.seconds,
    )


def variations(doubts: Doubts, order: RefitOrder) -> tuple[Variation, ...]:
    """What is to be fit again, the most telling first."""
    found = []
    if doubts.suspects:
        found.append(_without(doubts.suspects))
    if doubts.by_order or doubts.time:
        change = Change(folds="order") if doubts.by_order else Change(folds="time", by=doubts.time)
        found.append(Variation(name=LATER, change=change))
    if doubts.group:
        found.append(Variation(name=GROUPS, change=Change(folds="group", by=doubts.group)))
    found.append(Variation(name=SHUFFLED, change=Change(shuffled=True)))
    if len(doubts.suspects) > 1:
        apart = [pair for pair in doubts.pairs if set(pair) < set(doubts.suspects)]
        found += [_without(pair) for pair in apart[:_ALONE]]
        found += [_without((name,)) for name in doubts.suspects[:_ALONE]]
    learned = min((len(learn) for learn, _ in order.request.folds), default=0)
    for share in _SHARES:
        if share * learned >= _LEAST_ROWS:
            change = Change(share=share, learned=True)
            found.append(Variation(name=f"{CURVE} {share:g}", change=change, together=CURVE, cost=share))
    return tuple(found)


def _without(columns: Sequence[str]) -> Variation:
    return Variation(name=f"{WITHOUT} {', '.join(columns)}", change=Change(without=tuple(columns)))


def _plain_names(names: Sequence[str]) -> list[str]:
    """The curve once, whatever points of it there are."""
    return list(dict.fromkeys(CURVE if name.startswith(CURVE) else name for name in names))


def _missing(refits: Refits) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, reason in refits.missing.items():
        if name.startswith(CURVE):
            if not any(done.startswith(CURVE) for done in refits.done):
                found[CURVE] = reason
        elif name != UNCHANGED:
            found[name] = reason
    return found


def compare_refits(
    order: RefitOrder, changed: Refit, unchanged: Refit, metric: str = ""
) -> tuple[Comparison, Estimate, Estimate]:
    """Changed minus unchanged on the rows that both judge, and what each scores there; by the order's metric, or
    another one."""
    import numpy as np

    from modelwright.evaluation.comparison import compare

    _, left, right = np.intersect1d(changed.rows, unchanged.rows, assume_unique=True, return_indices=True)
    y, new, old = changed.y[left], changed.predicted.rows(left), unchanged.predicted.rows(right)
    level, seed = order.request.evaluation.level, child_seed(order.request.seed, "proof")
    metric = metric or order.judge.metric_name
    found = compare(y, new, old, metric, against=UNCHANGED, level=level, seed=seed)
    return found, _score(order, y, new, metric), _score(order, y, old, metric)


def _score(order: RefitOrder, y: NDArray[Any], predicted: Predictions, metric: str = "") -> Estimate:
    from modelwright.evaluation.scores import estimate

    name, level = metric or order.judge.metric_name, order.request.evaluation.level
    return estimate(y, predicted, [name], level=level, seed=order.request.seed)[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reader:
    """Turns refits into what people read."""

    order: RefitOrder
    refits: Refits

    def proofs(self, base: Refit, doubts: Doubts) -> list[Proof]:
        found = []
        left_out = {one.name: one.change.without for one in variations(doubts, self.order)}
        for name, done in self.refits.done.items():
            if name.startswith(f"{WITHOUT} "):
                columns = left_out[name]
                found.append(self._paired(done, base, "without_column", (_subject(columns), columns)))
            elif name == LATER:
                where = "split" if doubts.by_order else f"column:{doubts.time}"
                found.append(self._paired(done, base, "out_of_time", (where, ())))
            elif name == GROUPS:
                found.append(self._paired(done, base, "new_groups", (f"column:{doubts.group}", ())))
            elif name == SHUFFLED:
                found.append(self._shuffled(done, base))
        return found

    def _paired(self, done: Refit, base: Refit, kind: str, what: tuple[str, tuple[str, ...]]) -> Proof:
        comparison, score, unchanged = compare_refits(self.order, done, base)
        subject, columns = what
        p = comparison.p_value
        return Proof(
            kind=kind,
            subject=subject,
            columns=columns,
            score=score,
            unchanged=unchanged,
            difference=comparison.difference,
            n=comparison.n,
            p_value=None if p is None else 1.0 - p,  # that it is no worse
            note=_folds_note(done, base),
        )

    def _shuffled(self, done: Refit, base: Refit) -> Proof:
        """The control: a pipeline that sees no label it should not see cannot beat chance on a shuffled target."""
        score = _score(self.order, done.y, done.predicted)
        observed, chance, p = against_chance(self.order, done)
        sign = 1.0 if self.order.judge.metric.greater_is_better else -1.0
        difference = Estimate(value=sign * (observed - chance.value), n=chance.n, method="against shuffled answers")
        return Proof(
            kind="shuffled_target",
            subject="pipeline",
            score=score,
            unchanged=_score(self.order, base.y, base.predicted),
            difference=difference,
            n=chance.n,
            chance=chance,
            p_value=p,
            note=_folds_note(done, base),
        )

    def curve(self, base: Refit) -> LearningCurve | None:
        order, done = self.order, self.refits.done
        points = [done[name] for name in sorted(done, key=_share_of) if name.startswith(CURVE)]
        if not points:
            return None
        rows = points[-1].rows
        last = _cut(base, rows)
        found = [
            LearningPoint(n=one.n_learned, train=one.learned or 0.0, judged=_score(order, one.y, one.predicted))
            for one in points
        ]
        gain = None
        if f"{CURVE} {_SHARES[0]:g}" in done:
            gain = compare_refits(order, last, done[f"{CURVE} {_SHARES[0]:g}"])[0].difference
        whole = LearningPoint(
            n=base.n_learned, train=self._train_score(base), judged=_score(order, last.y, last.predicted)
        )
        return LearningCurve(metric=order.judge.metric_name, points=(*found, whole), last_gain=gain)

    def _train_score(self, base: Refit) -> float:
        """The finished model's score on the rows it was fit on, which the caller knows."""
        return self.order.train_score if self.order.train_score is not None else base.learned or 0.0


def _share_of(name: str) -> float:
    return float(name.removeprefix(CURVE)) if name.startswith(CURVE) else 1.0


def _cut(refit_: Refit, rows: NDArray[np.int64]) -> Refit:
    """The same predictions for these rows only."""
    import numpy as np

    _, _, at = np.intersect1d(rows, refit_.rows, assume_unique=True, return_indices=True)
    return replace(refit_, rows=refit_.rows[at], y=refit_.y[at], predicted=refit_.predicted.rows(at))


def against_chance(order: RefitOrder, done: Refit) -> tuple[float, Estimate, float]:
    """The score of predictions against the target they were learned for, the scores of the same predictions against
    targets in other random orders, and the share of those that are as good: a permutation test (Ojala and Garriga
    2010, JMLR 11), whose normal tail is used where no permutation comes near."""
    import math

    import numpy as np

    metric = order.judge.metric
    rng = np.random.default_rng(child_seed(order.request.seed, "chance"))
    rows = np.sort(rng.permutation(done.y.size)[:_CHANCE_ROWS])
    y, predicted = done.y[rows], done.predicted.rows(rows)
    observed = float(metric.score(y, predicted))
    scores = np.array([float(metric.score(y[rng.permutation(y.size)], predicted)) for _ in range(_SHUFFLES)])
    low, high = (float(value) for value in np.quantile(scores, [0.025, 0.975]))
    chance = Estimate(value=float(scores.mean()), low=low, high=high, n=int(y.size), method="shuffled answers")
    gain = (observed - scores.mean()) * (1.0 if metric.greater_is_better else -1.0)
    spread = float(scores.std(ddof=1))
    if not math.isfinite(gain) or spread <= 0:
        return observed, chance, 1.0
    p = 0.5 * math.erfc(gain / spread / math.sqrt(2))
    if p < _DOUBTED_P:  # a normal tail is not to be believed where a metric jumps, so count
        sign = 1.0 if metric.greater_is_better else -1.0
        more = (sign * float(metric.score(y[rng.permutation(y.size)], predicted)) for _ in range(_COUNTED))
        p = max(p, (1 + sum(one >= sign * observed for one in more)) / (1 + _COUNTED))
    return observed, chance, p


def _subject(columns: Sequence[str]) -> str:
    return f"column:{columns[0]}" if len(columns) == 1 else "columns:" + ",".join(sorted(columns))


def _folds_note(done: Refit, base: Refit) -> str:
    return f"on {done.folds} of {base.folds} folds" if done.folds < base.folds and done.folds > 1 else ""

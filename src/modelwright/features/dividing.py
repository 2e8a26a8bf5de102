"""One division of the training rows: features learned on some rows are judged on the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from modelwright.core.nouns import ColumnType
from modelwright.core.ports import FitContext, FittedTransformer
from modelwright.features import screening
from modelwright.features.encoding import Folds, encode, learn
from modelwright.features.planner import FeaturePlan
from modelwright.features.proposing import Make, Proposal
from modelwright.features.resolving import Step
from modelwright.features.values import numbers

if TYPE_CHECKING:
    import polars as pl

#: matrix columns that the small booster reads, and beyond which nothing is tried
_WIDTH, _MOST_WIDTH = 60, 2_000


class Half:
    """One division: learn from some rows, judge others; what was made of them is kept."""

    def __init__(
        self,
        plan: FeaturePlan,
        table: pl.DataFrame,
        types: Mapping[str, ColumnType],
        y: NDArray[Any],
        pair: tuple[NDArray[np.int64], NDArray[np.int64]],
        context: FitContext,
        folds: Folds | None,
    ) -> None:
        learn, judge = pair
        self._plan, self._context, self._folds = plan, context, folds
        self._n_classes = int(y.max()) + 1 if y.dtype.kind != "f" else 0
        self._columns = [{series.name: series for series in part} for part in (table[learn], table[judge])]
        self._y, self.y_judge = y[learn], y[judge]
        self._types = dict(types)
        self._made: dict[str, bool] = {}
        self._levels: dict[str, int] = {}
        half = np.zeros(judge.size, dtype=bool)
        half[np.random.default_rng(context.seed).permutation(judge.size)[::2]] = True
        self._parts = half
        self._base: list[NDArray[np.float64]] = []
        self.sources: tuple[str, ...] = ()
        self.plain: screening.Fit

    def start(self, steps: Sequence[Step]) -> bool:
        """Learn from the plain features; False where there are too many of them."""
        parts = [self._encode(step) for step in steps]
        sources = [source for _, _, fitted in parts for source in fitted.sources]
        if not sources or len(sources) > _MOST_WIDTH:
            return False
        self._base = [np.hstack([part[0] for part in parts]), np.hstack([part[1] for part in parts])]
        if len(sources) > _WIDTH:
            goal = self._goal()
            scores = [self._score(self._base[1][:, at], goal).mean() for at in range(len(sources))]
            best = np.sort(np.argsort(-np.array(scores), kind="stable")[:_WIDTH])
            self._base = [block[:, best] for block in self._base]
            sources = [sources[at] for at in best]
        self.sources = tuple(sources)
        self.plain = self.fit([])
        return True

    def fit(self, proposals: Sequence[Proposal]) -> screening.Fit:
        """A small booster with the plain features and these."""
        return self._boost([self._block(one) for one in proposals])

    def gains(self, proposals: Sequence[Proposal]) -> list[float]:
        """By how much the splits on each proposal lower the loss, when a small booster has them all to choose from."""
        blocks = [self._block(one) for one in proposals]
        gain = self._boost(blocks).gain[self._base[0].shape[1] :]
        ends = np.cumsum([0, *(learned.shape[1] for learned, _ in blocks)]).tolist()
        return [float(gain[start:end].sum()) for start, end in pairwise(ends)]

    def _block(self, proposal: Proposal) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        if not self.make(proposal):  # the other half had something to make it of: these rows do not
            return tuple(np.empty((block.shape[0], 0)) for block in self._base)  # type: ignore[return-value]
        return self._encode(_step(proposal))[:2]

    def _boost(self, blocks: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]]) -> screening.Fit:
        learn_rows = np.hstack([self._base[0], *(block[0] for block in blocks)])
        judged = (np.hstack([self._base[1], *(block[1] for block in blocks)]), self.y_judge)
        return screening.boost(learn_rows, self._y, judged, self._plan.task, self._n_classes, self._context.seed)

    def make(self, proposal: Proposal) -> bool:
        """Make what a proposal reads; False where these rows have nothing to make it of."""
        return all(self._make(make) for make in proposal.makes)

    def _make(self, make: Make) -> bool:
        if make.name not in self._made:
            maker = make.fit(self._table(0, make.reads), self._types)
            self._made[make.name] = maker is not None
            if maker is not None:
                for side in (0, 1):
                    (column,) = maker.extend(self._table(side, maker.columns))
                    self._columns[side][column.name] = column
                self._types.update(maker.makes)
        return self._made[make.name]

    def _table(self, side: int, names: Sequence[str]) -> pl.DataFrame:
        """Some columns of the rows learned from (0) or judged (1)."""
        import polars as pl

        return pl.DataFrame([self._columns[side][name] for name in names])

    def levels(self, column: str) -> int:
        if column not in self._levels:
            self._levels[column] = int(self._columns[0][column].n_unique())
        return self._levels[column]

    def judge(self, proposal: Proposal) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """What the proposal explains of what the plain booster left, per judged row (n,), and its bins there."""
        judged = self._table(1, (proposal.column,))
        if proposal.transformer == "numeric":
            values = numbers(judged, (proposal.column,))
        else:
            known = self._table(0, (proposal.column,))
            values = learn(_step(proposal), known, self._y, self._context).apply(judged)
        gains = [self._score(values[:, at], self.plain.left) for at in range(values.shape[1])]
        best = int(np.argmax([gain.sum() for gain in gains]))
        return gains[best], screening.in_bins(values[:, best])

    def _score(self, values: NDArray[np.float64], left: NDArray[np.float64]) -> NDArray[np.float64]:
        return screening.explained(screening.in_bins(values), left, self._parts)

    def _goal(self) -> NDArray[np.float64]:
        y = self.y_judge
        if y.dtype.kind == "f":
            return np.asarray(y - y.mean())[:, None]
        shares = np.eye(self._n_classes)[y]
        return np.asarray(shares - shares.mean(axis=0))

    def _encode(self, step: Step) -> tuple[NDArray[np.float64], NDArray[np.float64], FittedTransformer]:
        fitted, block = encode(step, self._table(0, step.columns), self._y, self._context, self._folds)
        return block, fitted.apply(self._table(1, step.columns)), fitted


def _step(proposal: Proposal) -> Step:
    return Step(proposal.transformer, (proposal.column,), {})

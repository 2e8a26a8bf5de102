"""The smoothed target rate of each category: a share per class, or the mean of a numeric target.

A training row gets the rate of the other folds' rows, so its own target never reaches its own feature; later rows
get the rate of all training rows. rate = (sum + m * prior) / (n + m), the m-estimate of Micci-Barreca (2001),
"A preprocessing scheme for high-cardinality categorical attributes". Unseen categories get the prior.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from msgspec import Meta

from modelwright.core.digests import child_seed
from modelwright.core.errors import ModelError
from modelwright.core.nouns import ColumnType
from modelwright.core.ports import FitContext, FittedTransformer, Params, Transformer
from modelwright.features.transformers import _shared
from modelwright.features.values import positions

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

_Pair = tuple["NDArray[np.int64]", "NDArray[np.int64]"]
Folds = Sequence[_Pair]


class TargetRateParams(Params, frozen=True, kw_only=True):
    smoothing: Annotated[float, Meta(gt=0.0, le=1e6)] = 10.0
    folds: Annotated[int, Meta(ge=2, le=50)] = 5
    max_categories: Annotated[int, Meta(ge=1, le=1_000_000)] = 50_000
    #: several classes: only the most frequent ones get a column
    max_classes: Annotated[int, Meta(ge=1, le=100)] = 8
    scale: bool = False


class _Column(_shared.Saved, frozen=True, kw_only=True):
    name: str
    keys: tuple[str, ...]
    rates: tuple[tuple[float, ...], ...]
    center: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()


class _State(_shared.Saved, frozen=True, kw_only=True):
    columns: tuple[_Column, ...]
    prior: tuple[float, ...]
    labels: tuple[str, ...]


def _goals(y: NDArray[Any], params: TargetRateParams) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """What is averaged, (n, k), and its name per column."""
    if y.dtype.kind == "f":
        return y.astype(np.float64)[:, None], ("mean target",)
    rows = np.bincount(y)
    if len(rows) <= 2:
        return (y == 1).astype(np.float64)[:, None], ("rate of class 1",)
    chosen = sorted(np.argsort(-rows, kind="stable")[: params.max_classes].tolist())
    return (y[:, None] == np.array(chosen)).astype(np.float64), tuple(f"rate of class {at}" for at in chosen)


def _rates(
    at: NDArray[np.int64], goals: NDArray[np.float64], n_keys: int, m: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rates (n_keys + 1, k) of rows at the given positions, the prior last, and the rows per key."""
    prior = goals.mean(axis=0) if len(goals) else np.zeros(goals.shape[1])
    rows = np.bincount(at, minlength=n_keys + 1)[: n_keys + 1].astype(np.float64)
    sums = np.stack([np.bincount(at, weights=goals[:, j], minlength=n_keys + 1) for j in range(goals.shape[1])], axis=1)
    table = (sums + m * prior) / (rows + m)[:, None]
    table[-1] = prior  # rare categories beyond the cap and unseen ones: nothing is known
    return table, rows


def _complete(folds: Folds | None, n_rows: int, params: TargetRateParams, seed: int) -> list[_Pair]:
    """(learn, judge) pairs that judge each row once: the folds' own, then random parts of whatever they leave out.

    The rows left out learn from each other alone: with folds that go forward in time they are the earliest, and
    whatever a fold judges comes after them.
    """
    pairs: list[_Pair] = []
    open_rows = np.ones(n_rows, dtype=bool)
    for learned, judged in folds or ():
        part = judged[open_rows[judged]]
        open_rows[part] = False
        pairs.append((learned, part))
    rest = np.flatnonzero(open_rows)
    if len(rest):
        shuffled = np.random.default_rng(seed).permutation(rest)
        parts = np.array_split(shuffled, min(params.folds, len(rest)))
        pairs += [(np.setdiff1d(rest, part, assume_unique=True), part) for part in parts]
    return [(learned.astype(np.int64), part.astype(np.int64)) for learned, part in pairs if len(part)]


def _learn(series: pl.Series, goals: NDArray[np.float64], params: TargetRateParams) -> _Column:
    keys = list(_shared.counts(series))[: params.max_categories]
    at = positions(series, {key: place for place, key in enumerate(keys)}, len(keys))
    table, rows = _rates(at, goals, len(keys), params.smoothing)
    center: tuple[float, ...] = ()
    spread: tuple[float, ...] = ()
    if params.scale:
        middle, width = _shared.scaled(table, rows)
        center, spread = tuple(middle.tolist()), tuple(width.tolist())
    return _Column(
        name=series.name, keys=tuple(keys), rates=tuple(map(tuple, table[:-1].tolist())), center=center, scale=spread
    )


def _finished(rows: NDArray[np.float64], column: _Column) -> NDArray[np.float64]:
    if not column.scale:
        return rows
    scaled: NDArray[np.float64] = (rows - np.array(column.center)) / np.array(column.scale)
    return np.clip(scaled, -_shared.CLIP, _shared.CLIP)


def _table(column: _Column, state: _State) -> _shared.Table:
    keys = {key: at for at, key in enumerate(column.keys)}
    width = len(state.prior)
    _shared.require(len(keys) == len(column.keys) == len(column.rates), "categories and rates differ in number")
    _shared.require(all(len(rates) == width for rates in column.rates), "a wrong width")
    _shared.require(len(column.center) == len(column.scale) and len(column.scale) in (0, width), "a wrong width")
    _shared.require(all(value > 0 for value in column.scale), "a scale that is not positive")
    rows = np.array([*column.rates, state.prior], dtype=np.float64)
    names = tuple(f"{column.name}: {label}" for label in state.labels)
    return _shared.Table(column=column.name, keys=keys, rows=_finished(rows, column), names=names)


class _TargetRate:
    Params = TargetRateParams
    accepts = frozenset({ColumnType.CATEGORY})

    def fit(
        self, frame: pl.DataFrame, y: NDArray[Any] | None, params: TargetRateParams, context: FitContext
    ) -> FittedTransformer:
        if y is None:
            raise ModelError("Target rates need a target.", code="features.no_target", hint="set target_rates: false")
        goals, labels = _goals(y, params)
        columns = tuple(_learn(series, goals, params) for series in frame)
        return self._made(_State(columns=columns, prior=tuple(goals.mean(axis=0).tolist()), labels=labels))

    def out_of_fold(
        self,
        fitted: Any,
        frame: pl.DataFrame,
        y: NDArray[Any],
        params: TargetRateParams,
        *,
        seed: int,
        folds: Folds | None,
    ) -> NDArray[np.float64]:
        """The training rows' own values, (n, k): each row sees only targets of the rows its fold learns from."""
        goals, _ = _goals(y, params)
        pairs = _complete(folds, frame.height, params, child_seed(seed, "target_rate"))
        blocks = []
        for series, column in zip(frame, fitted.learned.columns, strict=True):
            at = positions(series, {key: place for place, key in enumerate(column.keys)}, len(column.keys))
            block = np.empty((frame.height, goals.shape[1]))
            for learned, part in pairs:
                table, _ = _rates(at[learned], goals[learned], len(column.keys), params.smoothing)
                block[part] = table[at[part]]
            blocks.append(_finished(block, column))
        return np.hstack(blocks)

    def restore(self, state: Mapping[str, Any]) -> FittedTransformer:
        return self._made(_shared.saved(_State, state))

    def _made(self, state: _State) -> FittedTransformer:
        _shared.require(len(state.prior) == len(state.labels), "a wrong width")
        return _Fitted(state, [_table(column, state) for column in state.columns])


class _Fitted(_shared.Tabled):
    @property
    def learned(self) -> Any:
        return self._state


PLUGIN: Transformer = _TargetRate()

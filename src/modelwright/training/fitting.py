"""Fit one unit: features on the learn rows, the family on their matrix, predictions for the rows to judge.

Nothing here looks at the clock to decide anything: the same unit gives the same bytes on a busy and an idle machine.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelwright.core.digests import child_seed, digest_of
from modelwright.core.errors import ModelError
from modelwright.core.nouns import ColumnType, Role, Schema, Task
from modelwright.core.ports import FitContext, Fitted, TrainBatch
from modelwright.core.tables import Matrix, State
from modelwright.spec.model import FeaturesSpec
from modelwright.training import changed, soft_targets
from modelwright.training.bench import Bench
from modelwright.training.candidates import load_family, read_params, rounds_field, with_rounds
from modelwright.training.capacity import worker_share_bytes
from modelwright.training.inner import inner_folds
from modelwright.training.units import Product, Unit, UnitResult, UnitStore
from modelwright.training.weighting import balance, inner_slice

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from modelwright.features.pipeline import FittedFeatures
    from modelwright.training.inner import Pairs

#: matrices kept in a worker because candidates with the same needs share them
_KEPT_MATRICES = 12
_KEPT_BYTES = 256 << 20
_SILHOUETTE_ROWS = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prepared:
    features: FittedFeatures
    learn: Matrix
    judge: Matrix | None
    pipeline: tuple[str, ...]

    @property
    def size_bytes(self) -> int:
        return self.learn.values.nbytes + (0 if self.judge is None else self.judge.values.nbytes)


@dataclass(slots=True, kw_only=True)
class Fitter:
    """Runs units against one bench, keeping recent matrices; a finished unit is read, not repeated."""

    bench: Bench
    store: UnitStore
    _kept: OrderedDict[str, _Prepared] = field(default_factory=OrderedDict)

    def run(self, unit: Unit) -> UnitResult:
        key = unit.key(self.bench.job)
        known = self.store.finished(unit, key)
        if known is not None:
            return known
        product = self._at_bench_of(unit)._fit(unit, key)
        self.store.write(product)
        return product.result

    def _at_bench_of(self, unit: Unit) -> Fitter:
        """Itself, or one whose table, target and folds are as the unit's change makes them."""
        if unit.change is None:
            return self
        return Fitter(bench=changed.apply(self.bench, unit.change), store=self.store)

    def _fit(self, unit: Unit, key: str) -> Product:
        started = time.perf_counter()
        family = load_family(unit.family, self.bench.job.base_dir)
        params = read_params(family, unit.params, unit.family)
        if unit.rounds is not None:
            params = with_rounds(params, unit.rounds)
        prepared = self._prepare(unit, changed.changed_needs(family.needs, unit.change))
        batch = self._batch(unit, prepared.learn, early=unit.early_stopping and rounds_field(params) is not None)
        fit_started = time.perf_counter()
        fitted: Fitted = family.fit(batch, params, FitContext(seed=unit.seed))
        fit_s = time.perf_counter() - fit_started
        judged = prepared.judge if prepared.judge is not None else (prepared.learn if unit.keep_predictions else None)
        predictions, us_per_row = _predict(fitted, judged)
        wants_state = unit.fold is None or unit.keep_state
        state = _state_of(fitted, unit) if wants_state or unit.fold == 0 else None
        result = UnitResult(
            key=key,
            name=unit.name,
            seconds=round(time.perf_counter() - started, 4),
            fit_s=round(fit_s, 4),
            rounds=_rounds(fitted, batch) if unit.fold is not None else unit.rounds,
            size_bytes=0 if state is None else size_of(state),
            predict_us_per_row=us_per_row,
            pipeline=prepared.pipeline,
            silhouette=self._silhouette(prepared.learn, predictions, unit) if unit.keep_predictions else None,
        )
        return Product(
            result=result,
            predictions=predictions,
            learned=fitted.predict(prepared.learn.values) if unit.change is not None and unit.change.learned else None,
            features=prepared.features.state() if wants_state else None,
            state=state if wants_state else None,
        )

    def _prepare(self, unit: Unit, needs: Any) -> _Prepared:
        if unit.narrow:
            return self._prepare_narrow(unit, needs)
        return self._prepare_by(unit, needs, self.bench.job.schema, self.bench.job.features)

    def _prepare_narrow(self, unit: Unit, needs: Any) -> _Prepared:
        """One column is enough, but not each is of use: the first that is, the cheapest kinds first."""
        schema, spec = self.bench.job.schema, FeaturesSpec(target=self.bench.job.features.target)
        for name in cheapest(schema):
            try:
                return self._prepare_by(unit, needs, narrowed(schema, name), spec)
            except ModelError as error:
                if error.code != "features.none":
                    raise
        return self._prepare_by(unit, needs, schema, self.bench.job.features)

    def _prepare_by(self, unit: Unit, needs: Any, schema: Schema, spec: FeaturesSpec) -> _Prepared:
        from modelwright.features import pipeline, planner

        job = self.bench.job
        plan = planner.with_recipe(
            planner.plan(schema, spec, needs, job.task, self.bench.frame.height),
            "plain" if unit.narrow else unit.recipe,
        )
        name = digest_of([plan, unit.fold, unit.most_rows])
        if name in self._kept:
            self._kept.move_to_end(name)
            return self._kept[name]
        rows = self._learn_rows(unit)
        frame = self.bench.frame.select(known for known in schema.names if known in self.bench.frame.columns)
        learn = frame if rows.size == frame.height else frame[rows]
        y = None if self.bench.y is None else self.bench.y[rows]
        context = FitContext(
            seed=child_seed(job.seed, "features", "all" if unit.fold is None else unit.fold),
            base_dir=Path(job.base_dir),
        )
        folds = self._inner_folds(unit, context.seed) if plan.looks_at_target else None
        features, matrix = pipeline.fit(plan, learn, y, context, folds=folds)
        judge = None if unit.fold is None else features.transform(frame[self.bench.folds[unit.fold][1]])
        prepared = _Prepared(features=features, learn=matrix, judge=judge, pipeline=tuple(features.describe()))
        self._keep(name, prepared)
        return prepared

    def _keep(self, name: str, prepared: _Prepared) -> None:
        share = worker_share_bytes()
        most = _KEPT_BYTES if share is None else min(_KEPT_BYTES, share // 8)
        if prepared.size_bytes > most:
            return
        self._kept[name] = prepared
        while len(self._kept) > _KEPT_MATRICES or sum(one.size_bytes for one in self._kept.values()) > most:
            self._kept.popitem(last=False)

    def _batch(self, unit: Unit, matrix: Matrix, *, early: bool) -> TrainBatch:
        """Weights, resampling and the early-stopping slice: all of them inside the learn rows."""
        import numpy as np

        job, y = self.bench.job, self.bench.y
        if y is None:
            return TrainBatch(X=matrix, y=None, task=job.task)
        y = y[self._learn_rows(unit)]
        valid = None
        kept = np.arange(y.size, dtype=np.int64)
        if early and unit.fold is not None:
            order, groups = self._order(unit), self._ranks(Role.GROUP, unit)
            kept, held = inner_slice(y, job.task, seed=unit.seed, order=order, groups=groups)
            if held.size:
                valid = (matrix.rows(held), y[held])
        if job.task.is_classification:
            rows, weight = balance(y[kept], self.bench.n_classes, unit.weighting, unit.seed)
            kept = kept[rows]
        else:
            weight = None
        whole = kept.size == y.size and bool(np.array_equal(kept, np.arange(y.size)))
        X = matrix if whole else matrix.rows(kept)
        batch = TrainBatch(X=X, y=y[kept], task=job.task, n_classes=self.bench.n_classes, weight=weight, valid=valid)
        return self._taught(batch, unit, kept)

    def _taught(self, batch: TrainBatch, unit: Unit, kept: NDArray[np.int64]) -> TrainBatch:
        """The batch of a student; what a change is to prove is proved on the labels."""
        if not unit.teacher or unit.change is not None:
            return batch
        targets = soft_targets.load(self.bench.folder, unit.teacher)[self._learn_rows(unit)[kept]]
        return soft_targets.taught(batch, targets, load_family(unit.family, self.bench.job.base_dir))

    def _learn_rows(self, unit: Unit) -> NDArray[np.int64]:
        """Positions of the rows a unit learns from: those of its fold, or as many of them as it wants, drawn."""
        import numpy as np

        rows = self.bench.learn_rows(unit.fold)
        if not 0 < unit.most_rows < rows.size:
            return rows
        rng = np.random.default_rng(child_seed(self.bench.job.seed, "rows", unit.most_rows))
        return rows[np.sort(rng.permutation(rows.size)[: unit.most_rows])]

    def _inner_folds(self, unit: Unit, seed: int) -> Pairs:
        """How out-of-fold target rates divide the learn rows: forward in time, by group, or (empty) at random."""
        times = self._ranks(Role.TIME, unit) if self.bench.job.ordered else None
        n_rows = self._learn_rows(unit).size
        return inner_folds(n_rows, seed=seed, times=times, groups=self._ranks(Role.GROUP, unit))

    def _order(self, unit: Unit) -> NDArray[np.int64] | None:
        """Learn rows from the earliest to the latest, where folds go forward in time."""
        import numpy as np

        times = self._ranks(Role.TIME, unit) if self.bench.job.ordered else None
        return None if times is None else np.argsort(times, kind="stable")

    def _ranks(self, role: Role, unit: Unit) -> NDArray[np.int64] | None:
        """Dense ranks of the first column with a role, by learn row; None without such a column."""
        import numpy as np

        found = self.bench.job.schema.with_role(role)
        if not found or found[0].name not in self.bench.frame.columns:
            return None
        column = self.bench.frame[found[0].name][self._learn_rows(unit)]
        return column.rank("dense").fill_null(0).to_numpy().astype(np.int64)

    def _silhouette(self, matrix: Matrix, labels: NDArray[np.float64] | None, unit: Unit) -> float | None:
        import numpy as np

        if labels is None or self.bench.job.task is not Task.CLUSTERING:
            return None
        from sklearn.metrics import silhouette_score

        rng = np.random.default_rng(child_seed(self.bench.job.seed, "silhouette"))
        rows = np.sort(rng.permutation(labels.size)[:_SILHOUETTE_ROWS])
        values, found = matrix.values[rows], labels[rows]
        if not 2 <= np.unique(found).size < found.size or not np.isfinite(values).all():
            return None
        return float(silhouette_score(values, found))


def _state_of(fitted: Fitted, unit: Unit) -> State:
    """Trees in their compact form: an ensemble reads dozens of them back at the end of a budget, and a booster's own
    text takes a hundred times as long."""
    from modelwright.stats.trees_model import TreeModel

    return fitted.compact_state() if isinstance(fitted, TreeModel) and ":" not in unit.family else fitted.state()


def cheapest(schema: Schema) -> list[str]:
    """Feature columns, the kinds that cost least to encode first."""
    order = list(ColumnType)
    return [column.name for column in sorted(schema.features, key=lambda column: order.index(column.type))]


def narrowed(schema: Schema, name: str) -> Schema:
    """The target and one feature column: all that a constant needs."""
    return Schema(
        columns=tuple(column for column in schema.columns if column.name == name or column.role is Role.TARGET)
    )


def size_of(state: State) -> int:
    """Bytes of a state's arrays and texts, before any compression."""
    return sum(array.nbytes for array in state.arrays.values()) + sum(len(text) for text in state.texts.values())


def _predict(fitted: Fitted, matrix: Matrix | None) -> tuple[NDArray[np.float64] | None, float | None]:
    if matrix is None or matrix.values.shape[0] == 0:
        return None, None
    started = time.perf_counter()
    predictions = fitted.predict(matrix.values)
    seconds = time.perf_counter() - started
    return predictions, round(seconds / matrix.values.shape[0] * 1e6, 3)


def _rounds(fitted: Fitted, batch: TrainBatch) -> int | None:
    """Boosting rounds that early stopping kept: said by the family, or counted from its trees."""
    if batch.valid is None:
        return None
    said = getattr(fitted, "rounds", None)
    if said is None and (tables := getattr(fitted, "tables", None)) is not None:
        said = tables.n_trees // (tables.n_outputs if tables.value.shape[1] == 1 else 1)
    return max(1, int(said)) if said else None

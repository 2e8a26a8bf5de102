"""The rows an optimisation learns from and is measured on, and what the bundle's model honestly answers there.

Honest means: by members that have not learned from the row. Development rows of the bundle's own run are answered by
the fold models that did not see them, or by the run's out-of-fold answers; rows of the user's are taken as new.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from modelwright.core.digests import child_seed
from modelwright.core.errors import DataError, ModelwrightError, NotFoundError, SpecError
from modelwright.core.nouns import Column, Role, Schema, Signature, Task
from modelwright.core.tables import Predictions
from modelwright.lifecycle.operation import Context
from modelwright.training.request import TrainRequest

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    from modelwright.core.run import RunRecord
    from modelwright.registry.bundle import LoadedBundle

_FOLDS = 5
_FEWEST_ROWS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Predictions for some of the rows, by ascending position."""

    rows: NDArray[np.int64]
    predictions: Predictions

    def at(self, rows: NDArray[np.int64]) -> Predictions:
        """The predictions of rows that are all among them."""
        import numpy as np

        return self.predictions.rows(np.searchsorted(self.rows, rows))


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Rows with their target, as a training request, so that students can be fit on them."""

    request: TrainRequest
    #: rows the bundle has not learned from: every member may answer all of them
    fresh: bool
    source: str
    level: float = 0.95
    #: the run's own out-of-fold answers; None for rows of the user's
    told: Answers | None = None
    #: (n,) numbers of rows that share their luck, where there are such
    clusters: NDArray[Any] | None = None
    run: RunRecord | None = None

    @property
    def frame(self) -> pl.DataFrame:
        return self.request.frame

    @property
    def y(self) -> NDArray[Any]:
        assert self.request.y is not None
        return self.request.y


def gather(bundle: LoadedBundle, folder: Path, data: DataAsked, context: Context, cache: Path) -> Evidence:
    """The user's rows where they are given, else the development rows of the run that made the bundle.

    Raises SpecError (`optimize.no_target`), NotFoundError (`optimize.no_rows`) and DataError.
    """
    if not bundle.signature.task.has_target:
        raise SpecError(
            "Without a target nothing can be said about what a smaller model loses.",
            code="optimize.no_target",
            hint="optimise a bundle that predicts a column",
            subject="bundle",
        )
    if data.source is not None:
        return _of_table(bundle, data, cache)
    return _of_run(bundle, folder, context, cache)


@dataclass(frozen=True, slots=True, kw_only=True)
class DataAsked:
    source: str | None
    table: str | None = None
    metric: str | None = None


# ---------------------------------------------------------------- the bundle's own run


def _of_run(bundle: LoadedBundle, folder: Path, context: Context, cache: Path) -> Evidence:
    from modelwright.evaluation.costs import charged
    from modelwright.lifecycle.stages import judge, learn, partition
    from modelwright.lifecycle.workspace import Workspace
    from modelwright.spec.model import Spec

    space = Workspace(context.workspace)
    record = _maker(space, bundle, folder)
    steps = {step.name: space.steps / step.key.removeprefix("b3:")[:32] for step in record.steps}
    try:
        parts = partition.read(steps["split"])
        learned = learn.read(steps["train"])
    except (OSError, KeyError, ModelwrightError, msgspec.MsgspecError) as error:
        raise _no_rows(f"the stored rows of run {record.run_id} are gone") from error
    assert record.problem is not None
    assert record.report is not None
    spec, base = msgspec.convert(record.spec, Spec), Path(record.paths.get("base", "."))
    order = learn.LearnOrder(
        spec=spec,
        problem=record.problem,
        classes=bundle.signature.classes,
        metric=record.report.metric,
        base_dir=base,
        units=cache,
        code="",
    )
    with charged(spec.evaluation.cost, bundle.signature.classes):
        request = learn.request_of(parts, order, context)
    told = Answers(rows=learned.oof_rows, predictions=learned.oof) if learned.oof_rows.size else None
    return Evidence(
        request=request,
        fresh=False,
        source=f"the development rows of run {record.run_id}, out of fold",
        level=spec.evaluation.level,
        told=told,
        clusters=judge.related_rows(parts.frame, spec, parts),
        run=record,
    )


def _maker(space: Any, bundle: LoadedBundle, folder: Path) -> RunRecord:
    """The run that wrote the bundle: by its digest, or by where it lies."""
    beside = folder.absolute().parent
    for record in space.readable_runs():
        if record.status != "done":
            continue
        if record.bundle_digest == bundle.digest or space.run_folder(record.run_id).absolute() == beside:
            found: RunRecord = record
            return found
    raise _no_rows("no finished run in this workspace has written it")


def _no_rows(why: str) -> NotFoundError:
    return NotFoundError(
        f"There are no rows to measure this bundle on: {why}.",
        code="optimize.no_rows",
        hint="name the workspace of its run (--workspace), or give rows with the target (--data)",
        subject="bundle",
    )


# ---------------------------------------------------------------- a table of the user's


def _of_table(bundle: LoadedBundle, data: DataAsked, cache: Path) -> Evidence:
    from modelwright.evaluation.catalog import resolve
    from modelwright.lifecycle.prepare import read_source
    from modelwright.spec.model import DataSpec, FeaturesSpec, Spec

    assert data.source is not None
    signature = bundle.signature
    raw = read_source(Spec(data=DataSpec(source=data.source, table=data.table)), Path.cwd())
    target = str(signature.target)
    if target not in raw.frame.columns:
        raise DataError(
            f"The table has no column '{target}', which the bundle predicts.",
            code="optimize.no_truth",
            hint="give rows whose outcome is known",
            subject=f"column:{target}",
        )
    raw_frame = raw.frame.filter(raw.frame[target].is_not_null())
    if raw_frame.height < _FEWEST_ROWS:
        raise DataError(
            f"{raw_frame.height} rows with a known '{target}' are too few to tell what a smaller model loses.",
            code="optimize.few_rows",
            hint=f"give at least {_FEWEST_ROWS}",
            subject="data",
        )
    frame, _ = bundle.conform(raw_frame)
    y = _encoded(raw_frame[target], signature)
    metric, _ = resolve(data.metric, signature.task)
    columns = [Column(name=field.name, type=field.type) for field in signature.inputs]
    schema = Schema(columns=(*columns, Column(name=target, type=signature.target_type, role=Role.TARGET)))
    request = TrainRequest(
        frame=frame.with_columns(raw_frame[target]),
        schema=schema,
        task=signature.task,
        metric=metric,
        cache=cache,
        y=y,
        classes=signature.classes,
        positive=signature.positive,
        folds=_folds(y, signature.task),
        features=FeaturesSpec(target=target),
    )
    return Evidence(request=request, fresh=True, source=f"{raw.source}, taken as rows the bundle has not learned from")


def _encoded(column: pl.Series, signature: Signature) -> NDArray[Any]:
    import numpy as np
    import polars as pl

    from modelwright.data.target import labels

    if not signature.task.is_classification:
        values = column.cast(pl.Float64, strict=False)
        if values.null_count():
            raise _strange(str(column.filter(values.is_null())[0]), signature, "is not a number")
        return values.to_numpy().astype(np.float64)
    text = labels(column)
    known = list(signature.classes)
    found = text.replace_strict(known, list(range(len(known))), default=None, return_dtype=pl.Int64)
    if found.null_count():
        raise _strange(str(text.filter(found.is_null())[0]), signature, f"is none of {', '.join(known[:8])}")
    return found.to_numpy().astype(np.int64)


def _strange(value: str, signature: Signature, why: str) -> DataError:
    return DataError(
        f"The value '{value[:80]}' of '{signature.target}' {why}.",
        code="optimize.truth",
        hint="leave such rows out, or give the table the model was made for",
        subject=f"column:{signature.target}",
    )


def _folds(y: NDArray[Any], task: Task) -> Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Five folds at random, every class spread evenly."""
    import numpy as np

    rng = np.random.default_rng(child_seed(0, "optimise", "folds"))
    part = np.empty(y.size, dtype=np.int64)
    groups = [np.flatnonzero(y == one) for one in np.unique(y)] if task.is_classification else [np.arange(y.size)]
    start = 0
    for rows in groups:
        part[rng.permutation(rows)] = (start + np.arange(rows.size)) % _FOLDS
        start += rows.size
    return [(np.flatnonzero(part != at), np.flatnonzero(part == at)) for at in range(_FOLDS)]

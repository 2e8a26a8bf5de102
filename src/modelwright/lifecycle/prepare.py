"""From a spec to typed rows and a split, in memory: everything that can be refused is refused here.

Nothing is written, so a mistake in the file or the data leaves the workspace as it was.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelwright.core.digests import digest_of
from modelwright.core.ports import FitContext, Needs, ReadOptions
from modelwright.core.run import Problem
from modelwright.core.tables import Dataset, RawTable
from modelwright.spec.model import Spec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from modelwright.data.parts import Split
    from modelwright.features.planner import FeaturePlan

#: about how many rows a function of the user's own is tried on before the work begins
_TRIED_ROWS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """Typed rows with the target encoded. y: int64 class positions or float64 values, None without a target."""

    dataset: Dataset
    problem: Problem
    y: NDArray[Any] | None
    classes: tuple[str, ...]
    #: names the rows as used: bytes of the source, reading rules, types, roles, sampling
    digest: str
    #: the table as read, kept only where a function of the user's own changed it
    raw: RawTable | None = None
    base_dir: Path | None = None


def read_source(spec: Spec, base_dir: Path) -> RawTable:
    """Read the table; remote objects pass through a temporary folder."""
    from modelwright.data.read import read_table

    options = ReadOptions(types=dict(spec.data.types), table=spec.data.table)
    with tempfile.TemporaryDirectory(prefix="modelwright-") as cache:
        return read_table(spec.data.source, options, base_dir=base_dir, cache_dir=Path(cache))


def prepare(spec: Spec, base_dir: Path) -> Prepared:
    """Read, type, check the target. Raises DataError or SpecError."""
    from modelwright.data.conform import conform
    from modelwright.data.problem import analyse
    from modelwright.data.sampling import sample
    from modelwright.data.schema import infer
    from modelwright.data.target import encode
    from modelwright.features.planner import plan
    from modelwright.lifecycle.typed import declared_texts, typed
    from modelwright.spec.hooks import resolve, spec_hooks

    for hook in spec_hooks(spec, base_dir):
        resolve(hook, base_dir)  # a function that is not there is said before the work, not after
    raw = as_read = read_source(spec, base_dir)
    if spec.data.prepare is not None:
        raw = as_read = typed(as_read, declared_texts(spec))
        raw = apply_prepare(raw, spec.data.prepare, base_dir)
    schema = infer(raw.frame, spec.features, spec.data.types)
    dataset = conform(raw, schema)
    problem = analyse(dataset, spec)
    planned = plan(dataset.schema, spec.features, Needs(), problem.task, dataset.n_rows)
    dataset = sample(dataset, spec.data.sample_rate, spec.training.seed)
    dataset, y, classes = encode(dataset, problem)
    if planned.custom is not None:
        _try_custom(planned, dataset, y, base_dir)
    parts = [
        raw.digest,
        dataset.schema,
        spec.data,
        spec.features,
        spec.model.task,
        spec.model.positive,
        spec.training.seed,
    ]
    return Prepared(
        dataset=dataset,
        problem=problem,
        y=y,
        classes=classes,
        digest=digest_of(parts),
        raw=as_read if spec.data.prepare is not None else None,
        base_dir=base_dir,
    )


def _try_custom(planned: FeaturePlan, dataset: Dataset, y: NDArray[Any] | None, base_dir: Path) -> None:
    """Call the user's function on a few rows: in training its failure would be that of every candidate."""
    from modelwright.core.errors import ModelError, SpecError
    from modelwright.features import pipeline

    step = max(1, dataset.n_rows // _TRIED_ROWS)
    few = None if y is None else y[::step]
    try:
        pipeline.fit(planned, dataset.frame.gather_every(step), few, FitContext(seed=0, base_dir=base_dir))
    except ModelError as error:
        if error.code == "features.custom":
            raise SpecError(error.message, code=error.code, hint=error.hint, subject=error.subject) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Division:
    """The three parts, and the (learn, judge) folds inside train and val on which candidates are compared."""

    split: Split
    folds: list[tuple[NDArray[np.int64], NDArray[np.int64]]]


def divide(prepared: Prepared, spec: Spec, base_dir: Path) -> Division:
    """Split the rows. Raises SpecError or DataError when a part would be empty or lack a class."""
    from modelwright.data.split import folds, split

    seed = spec.training.seed
    parts = split(prepared.dataset, spec, prepared.problem, seed, base_dir=base_dir)
    return Division(split=parts, folds=folds(parts, prepared.dataset, spec, prepared.y, seed))


def apply_prepare(raw: RawTable, hook: str, base_dir: Path) -> RawTable:
    """The table as the user's own function makes it; call `lifecycle.typed` first.

    Raises SpecError (`hook.*`) or DataError."""
    from dataclasses import replace

    import polars as pl

    from modelwright.core.errors import DataError
    from modelwright.spec.hooks import call, hook_digest

    result = call(hook, base_dir, raw.frame)
    if not isinstance(result, pl.DataFrame):
        raise DataError(
            f"The hook '{hook}' returned {type(result).__name__}, not a polars DataFrame.",
            code="data.prepare_hook",
            hint="return the prepared frame",
            subject="data.prepare",
        )
    return replace(raw, frame=result, digest=digest_of([raw.digest, hook_digest(hook, base_dir)]))

"""From a spec to typed rows and a split, in memory: everything that can be refused is refused here.

Nothing is written, so a mistake in the file or the data leaves the workspace as it was.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from modelwright.core.digests import digest_of
from modelwright.core.ports import FitContext, Needs, ReadOptions
from modelwright.core.run import Problem
from modelwright.core.tables import Dataset, RawTable
from modelwright.spec.model import Spec
from modelwright.training.capacity import table_bytes

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
    #: share of the source's rows that was drawn
    sample_rate: float = 1.0


def read_source(spec: Spec, base_dir: Path, *, draw: bool = False) -> RawTable:
    """Read the table; remote objects pass through a temporary folder.

    draw: rows are drawn where `data.sample_rate` asks for it, or where the table would not fit the memory allowed.
    """
    from modelwright.data.read import read_table

    options = ReadOptions(types=dict(spec.data.types), table=spec.data.table)
    if draw:
        options = replace(
            options,
            sample_rate=spec.data.sample_rate,
            seed=spec.training.seed,
            memory_bytes=table_bytes(spec.training.memory_share, spec.training.workers),
            group=spec.features.group,
            target=spec.features.target,
        )
    with tempfile.TemporaryDirectory(prefix="modelwright-") as cache:
        return read_table(spec.data.source, options, base_dir=base_dir, cache_dir=Path(cache))


def prepare(spec: Spec, base_dir: Path) -> Prepared:
    """Read, type, check the target. Raises DataError or SpecError."""
    from modelwright.data.conform import conform
    from modelwright.data.problem import analyse
    from modelwright.data.schema import infer
    from modelwright.data.target import encode
    from modelwright.features.planner import plan
    from modelwright.lifecycle.typed import declared_texts, typed
    from modelwright.spec.hooks import resolve, spec_hooks

    for hook in spec_hooks(spec, base_dir):
        resolve(hook, base_dir)  # a function that is not there is said before the work, not after
    raw = as_read = read_source(spec, base_dir, draw=True)
    if spec.data.prepare is not None:
        raw = as_read = typed(raw, declared_texts(spec))
        raw = apply_prepare(raw, spec.data.prepare, base_dir)
    schema = infer(raw.frame, spec.features, spec.data.types, raw.counters)
    dataset = conform(raw, schema)
    rate, digest = raw.sample_rate, raw.digest
    before_hook = as_read if spec.data.prepare is not None else None
    del raw, as_read  # as texts, the table is several times as large as typed
    problem = analyse(dataset, spec)
    planned = plan(dataset.schema, spec.features, Needs(), problem.task, dataset.n_rows)
    dataset, y, classes = encode(dataset, problem)
    if planned.custom is not None:
        _try_custom(planned, dataset, y, base_dir)
    parts = [
        digest,
        dataset.schema,
        msgspec.structs.replace(spec.data, sample_rate=rate),
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
        raw=before_hook,
        sample_rate=rate,
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


@dataclass(slots=True, kw_only=True)
class Rows:
    """The prepared table and its division, for as long as a run needs the whole of it.

    Training reads the development rows from the split step's files, so the table would only lie beside them.
    """

    prepared: Prepared
    division: Division

    def release(self) -> None:
        """Keep what the table is and nothing of what it holds."""
        hollow = replace(self.prepared.dataset, frame=self.prepared.dataset.frame.clear())
        self.prepared = replace(self.prepared, dataset=hollow, y=None, raw=None)
        self.division = replace(self.division, folds=[])


def divide(prepared: Prepared, spec: Spec, base_dir: Path) -> Division:
    """Split the rows. Raises SpecError or DataError when a part would be empty or lack a class."""
    from modelwright.data.split import folds, split

    seed = spec.training.seed
    parts = split(prepared.dataset, spec, prepared.problem, seed, base_dir=base_dir)
    return Division(split=parts, folds=folds(parts, prepared.dataset, spec, prepared.y, seed))


def apply_prepare(raw: RawTable, hook: str, base_dir: Path) -> RawTable:
    """The table as the user's own function makes it; call `lifecycle.typed` first.

    Raises SpecError (`hook.*`) or DataError."""
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
    kept = frozenset(result.columns)
    counters = tuple(name for name in raw.counters if name in kept and result[name].equals(raw.frame[name]))
    return replace(raw, frame=result, counters=counters, digest=digest_of([raw.digest, hook_digest(hook, base_dir)]))


def notes_of(prepared: Prepared) -> list[str]:
    """What was changed in cells and set aside while the rows were read."""
    dataset = prepared.dataset
    notes = [f"{each.column}: {each.what}" for each in dataset.coercions]
    if dataset.quarantined:
        first = dataset.quarantined[0]
        notes.append(
            f"{len(dataset.quarantined)} rows could not be read and were set aside, the first in line {first.line}: "
            f"{first.reason}"
        )
    return notes

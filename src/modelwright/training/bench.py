"""The workbench of one training: the development table, the target and the folds, as files that workers read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from modelwright.core.digests import canonical_json, digest, digest_file, digest_of
from modelwright.core.nouns import Role
from modelwright.training.request import TrainRequest
from modelwright.training.units import Job

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Everything a unit needs besides itself."""

    job: Job
    frame: pl.DataFrame
    y: NDArray[Any] | None
    folds: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]]
    #: where its files lie
    folder: Path = Path()

    @property
    def n_classes(self) -> int:
        return len(self.job.classes)

    def learn_rows(self, fold: int | None) -> NDArray[np.int64]:
        import numpy as np

        return np.arange(self.frame.height, dtype=np.int64) if fold is None else self.folds[fold][0]


def lay(request: TrainRequest, folder: Path) -> Bench:
    """Write the request's table for the workers and return the bench that this process uses."""
    import numpy as np
    import polars as pl

    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("worker-*.log"):
        old.unlink(missing_ok=True)
    frame = request.frame.rechunk()
    # The old layout copies texts, so that no buffer of a larger table, with its sealed rows, comes along.
    oldest = pl.CompatLevel.oldest()
    frame.write_ipc(folder / "development.arrow", compression="uncompressed", compat_level=oldest)
    if request.y is not None:
        np.save(folder / "y.npy", request.y, allow_pickle=False)
    arrays = {
        f"{at}-{part}": rows for at, pair in enumerate(request.folds) for part, rows in zip("lj", pair, strict=True)
    }
    _save_folds(folder / "folds.npz", {name: np.asarray(rows, dtype=np.int64) for name, rows in arrays.items()})
    target = "" if request.y is None else digest(np.ascontiguousarray(request.y).tobytes())
    job = Job(
        data_digest=digest_of([digest_file(folder / "development.arrow"), target]),
        schema=request.schema,
        features=request.features,
        task=request.task,
        classes=request.classes,
        fold_digests=tuple(_rows_digest(learn, judge) for learn, judge in request.folds),
        ordered=goes_forward(request),
        base_dir=str(request.base_dir.absolute()),
        code_digest=digest_of([request.code_digest, *_hooks(request)]),
        seed=request.seed,
    )
    (folder / "job.json").write_bytes(canonical_json(job))
    return Bench(job=job, frame=frame, y=request.y, folds=request.folds, folder=folder)


def read(folder: Path) -> Bench:
    """The bench as a worker sees it."""
    import numpy as np
    import polars as pl

    job = msgspec.json.decode((folder / "job.json").read_bytes(), type=Job)
    target = folder / "y.npy"
    with np.load(folder / "folds.npz", allow_pickle=False) as stored:
        folds = [(stored[f"{at}-l"], stored[f"{at}-j"]) for at in range(len(job.fold_digests))]
    return Bench(
        job=job,
        frame=pl.read_ipc(folder / "development.arrow"),
        y=np.load(target, allow_pickle=False) if target.exists() else None,
        folds=folds,
        folder=folder,
    )


def goes_forward(request: TrainRequest) -> bool:
    """Whether every fold judges rows that come after those it learned from, by the time column."""
    times = request.schema.with_role(Role.TIME)
    if not times or not request.folds or times[0].name not in request.frame.columns:
        return False
    column = request.frame[times[0].name]
    for learn, judge in request.folds:
        last, first = column[learn].max(), column[judge].min()
        if last is None or first is None or last > first:  # type: ignore[operator]
            return False
    return True


def _hooks(request: TrainRequest) -> list[str]:
    """Digests of the user's own code that units run."""
    from modelwright.spec.hooks import hook_digest

    said = request.model.type
    named = [request.features.custom or "", *([said] if isinstance(said, str) else said)]
    return [hook_digest(name, request.base_dir) for name in named if ":" in name]


def _rows_digest(learn: NDArray[np.int64], judge: NDArray[np.int64]) -> str:
    import numpy as np

    parts = [np.ascontiguousarray(rows, dtype=np.int64).tobytes() for rows in (learn, judge)]
    return digest_of([digest(part) for part in parts])


def _save_folds(file: Path, arrays: dict[str, NDArray[Any]]) -> None:
    import numpy as np

    save: Any = np.savez  # its keywords are names of arrays, which its type does not say
    save(file, **arrays)

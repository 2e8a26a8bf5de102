"""The workbench of one training: the development table, the target and the folds, as files that workers read."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from modelwright.core.digests import canonical_json, digest, digest_file, digest_of
from modelwright.core.nouns import Role
from modelwright.training.request import TrainRequest
from modelwright.training.units import Job

#: the table of a bench, uncompressed Arrow
TABLE = "development.arrow"

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    #: (learn, judge) row positions
    Folds = list[tuple[NDArray[np.int64], NDArray[np.int64]]]


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


def clear(folder: Path) -> None:
    """Make the folder, without what workers of an earlier run said."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("worker-*.log"):
        old.unlink(missing_ok=True)


def lay(request: TrainRequest, folder: Path) -> Bench:
    """Write the request's table for the workers and return the bench that this process uses."""
    import numpy as np

    folder.mkdir(parents=True, exist_ok=True)
    frame = request.frame.rechunk()
    if not _lend(request, folder / TABLE):
        write_table(frame, folder / TABLE)
    if request.y is not None:
        np.save(folder / "y.npy", request.y, allow_pickle=False)
    write_folds(request.folds, frame.height, folder / "folds.npz")
    target = "" if request.y is None else digest(np.ascontiguousarray(request.y).tobytes())
    job = Job(
        data_digest=digest_of([digest_file(folder / TABLE), target]),
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
    return Bench(
        job=job,
        frame=pl.read_ipc(folder / TABLE),
        y=np.load(target, allow_pickle=False) if target.exists() else None,
        folds=read_folds(folder / "folds.npz"),
        folder=folder,
    )


def write_table(frame: pl.DataFrame, file: Path) -> None:
    """Write a frame so that the file holds its rows alone, in one piece; never into a file that others hold."""
    import polars as pl

    file.unlink(missing_ok=True)  # it may be another name of a finished step's file
    # The old layout copies texts, so that no buffer of a larger table, with its sealed rows, comes along. In one piece
    # a table is read twice and its rows are gathered three times as fast as in many.
    oldest = pl.CompatLevel.oldest()
    frame.write_ipc(file, compression="uncompressed", compat_level=oldest, record_batch_size=max(1, frame.height))


def _lend(request: TrainRequest, file: Path) -> bool:
    """Give the stored table a second name, or copy it; False where there is none of exactly these rows."""
    import polars as pl

    stored = request.stored
    if stored is None or stored.frame is not request.frame or not stored.file.is_file():
        return False
    n_rows = pl.scan_ipc(stored.file).select(pl.len()).collect().item()
    same = n_rows == request.frame.height and pl.read_ipc_schema(stored.file) == request.frame.schema
    # Rows that a filter or a view had left behind in the buffers would make the file larger than its rows are.
    if not same or stored.file.stat().st_size > _largest(request.frame):
        return False
    file.unlink(missing_ok=True)
    try:
        os.link(stored.file, file)
    except OSError:  # another file system, or one without links
        shutil.copyfile(stored.file, file)
    return True


def _largest(frame: pl.DataFrame) -> int:
    """Bytes that a file of a typed frame's rows can have: 8 for a number or an offset, a bit for missing, the texts."""
    import polars as pl

    texts = sum(int(each.str.len_bytes().sum()) for each in frame.select(pl.col(pl.String)))
    n = frame.height
    return texts + frame.width * (8 * n + n // 8 + 4_096) + 65_536


def write_folds(folds: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]], n_rows: int, file: Path) -> None:
    """Write (learn, judge) positions below n_rows; learn rows that are simply all the others are not written."""
    import numpy as np

    kind = np.int32 if n_rows <= np.iinfo(np.int32).max else np.int64
    arrays: dict[str, NDArray[Any]] = {"n": np.array([n_rows, len(folds)], dtype=np.int64)}
    for at, (learn, judge) in enumerate(folds):
        arrays[f"{at}-j"] = np.asarray(judge, dtype=kind)
        if not np.array_equal(learn, _others(judge, n_rows)):
            arrays[f"{at}-l"] = np.asarray(learn, dtype=kind)
    save: Any = np.savez  # its keywords are names of arrays, which its type does not say
    save(file, **arrays)


def read_folds(file: Path) -> Folds:
    """What `write_folds` has written."""
    import numpy as np

    found = []
    with np.load(file, allow_pickle=False) as stored:
        n_rows, count = (int(one) for one in stored["n"])
        for at in range(count):
            judge = stored[f"{at}-j"].astype(np.int64)
            learn = stored[f"{at}-l"].astype(np.int64) if f"{at}-l" in stored else _others(judge, n_rows)
            found.append((learn, judge))
    return found


def _others(rows: NDArray[np.int64], n_rows: int) -> NDArray[np.int64]:
    """All positions below n_rows but these, ascending."""
    import numpy as np

    rest = np.ones(n_rows, dtype=bool)
    rest[rows] = False
    return np.flatnonzero(rest)


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

"""Split the rows: development rows to learn from, folds to compare on, and the test part under seal."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from modelwright.core.nouns import Schema
from modelwright.core.run import SplitSummary
from modelwright.lifecycle.prepare import Division, Prepared
from modelwright.lifecycle.workspace import pretty_json
from modelwright.spec.model import Spec

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

_SEALED = "sealed"


class _Facts(msgspec.Struct, frozen=True, kw_only=True):
    summary: SplitSummary
    schema: Schema
    data_digest: str
    #: names the sealed rows: which rows of which data, whatever roles their columns have
    seal: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """The development rows (train and val); the test rows are in `sealed`, which only `evaluate` opens."""

    frame: pl.DataFrame
    #: where `frame` lies as a file
    file: Path
    y: NDArray[Any] | None
    #: 0 = train, 1 = val, by row of `frame`
    part: NDArray[np.int8]
    folds: list[tuple[NDArray[np.int64], NDArray[np.int64]]]
    schema: Schema
    summary: SplitSummary
    data_digest: str
    sealed: Path


def parts(prepared: Prepared, spec: Spec, base_dir: Path) -> dict[str, str]:
    """What the result depends on."""
    from modelwright.core.digests import digest_of
    from modelwright.spec.hooks import hook_digest

    custom = spec.data.split.custom
    sections = {"split": [spec.data.train_split, spec.data.val_split, spec.data.test_split, spec.data.split]}
    return {
        "data": prepared.digest,
        "spec.data.split": digest_of(sections),
        "spec.evaluation.cv": digest_of(spec.evaluation.cv),
        "spec.training.seed": str(spec.training.seed),
        **({"hook": hook_digest(custom, base_dir)} if custom else {}),
    }


def write(folder: Path, prepared: Prepared, division: Division) -> None:
    import numpy as np

    from modelwright.core.digests import digest, digest_of
    from modelwright.data.sealed import seal
    from modelwright.training.bench import TABLE, write_folds, write_table

    split, folds = division.split, division.folds
    development = np.sort(np.concatenate([split.train, split.val]))
    position = np.full(prepared.dataset.n_rows, -1, dtype=np.int64)
    position[development] = np.arange(development.size)
    kept = prepared.dataset.take(development)
    write_table(kept.frame, folder / TABLE)
    if prepared.y is not None:
        np.save(folder / "y.npy", prepared.y[development])
    np.save(folder / "part.npy", np.isin(development, split.val).astype(np.int8))
    pairs = [(position[learn], position[judge]) for learn, judge in folds]
    write_folds(pairs, development.size, folder / "folds.npz")
    seal(prepared.dataset, prepared.y, split.test, folder / _SEALED)
    dataset = prepared.dataset
    sealed = digest_of([dataset.digest, dataset.n_rows, digest(np.sort(split.test).astype(np.int64).tobytes())])
    facts = _Facts(summary=split.summary(), schema=dataset.schema, data_digest=dataset.digest, seal=sealed)
    (folder / "facts.json").write_bytes(pretty_json(facts))


def read(folder: Path) -> Partition:
    import numpy as np
    import polars as pl

    from modelwright.training.bench import TABLE, read_folds

    facts = msgspec.json.decode((folder / "facts.json").read_bytes(), type=_Facts)
    target = folder / "y.npy"
    return Partition(
        frame=pl.read_ipc(folder / TABLE),
        file=folder / TABLE,
        y=np.load(target, allow_pickle=False) if target.exists() else None,
        part=np.load(folder / "part.npy", allow_pickle=False),
        folds=read_folds(folder / "folds.npz"),
        schema=facts.schema,
        summary=facts.summary,
        data_digest=facts.data_digest,
        sealed=folder / _SEALED,
    )


def summary_of(folder: Path) -> SplitSummary:
    """How the rows were divided, without reading them."""
    return msgspec.json.decode((folder / "facts.json").read_bytes(), type=_Facts).summary


def seal_digest(folder: Path) -> str:
    """Names the sealed rows; looks at them are counted by this name. Other roles of columns are no other rows."""
    return msgspec.json.decode((folder / "facts.json").read_bytes(), type=_Facts).seal

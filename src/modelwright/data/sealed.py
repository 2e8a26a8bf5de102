"""Keep the test rows in a file of their own: only an opening that is recorded gets them back."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from modelwright.core.digests import canonical_json, digest, digest_file, digest_of
from modelwright.core.errors import DataError
from modelwright.core.nouns import Noun, Schema
from modelwright.core.tables import Dataset

_ROWS, _TARGET, _SEAL = "test.arrow", "y.npy", "seal.json"


class Seal(Noun, frozen=True, kw_only=True):
    """What the sealed part is: enough to verify it, nothing to learn from."""

    version: int = 1
    n_rows: int
    schema: Schema
    data_digest: str
    source: str
    files: dict[str, str]  # name -> digest


def seal(dataset: Dataset, y: NDArray[Any] | None, rows: NDArray[np.int64], folder: Path) -> str:
    """Write the given rows to `folder`; returns the digest that names the sealed part."""
    folder.mkdir(parents=True, exist_ok=True)
    part = dataset.take(rows)
    # the old layout holds these rows' texts only, views the buffers of the whole table
    part.frame.write_ipc(folder / _ROWS, compat_level=pl.CompatLevel.oldest())
    written = [_ROWS]
    (folder / _TARGET).unlink(missing_ok=True)
    if y is not None:
        np.save(folder / _TARGET, y[rows], allow_pickle=False)
        written.append(_TARGET)
    facts = Seal(
        n_rows=part.n_rows,
        schema=dataset.schema,
        data_digest=dataset.digest,
        source=dataset.source,
        files={name: digest_file(folder / name) for name in written},
    )
    (folder / _SEAL).write_bytes(canonical_json(facts) + b"\n")
    return digest_of(facts)


def read_seal(folder: Path) -> Seal:
    """The facts of the sealed part, without opening it. Raises DataError `data.seal_broken`."""
    try:
        return msgspec.json.decode((folder / _SEAL).read_bytes(), type=Seal)
    except (OSError, msgspec.DecodeError) as error:
        raise _broken(folder, f"its seal cannot be read ({type(error).__name__})") from error


def open_sealed(folder: Path, record_look: Callable[[], int]) -> tuple[Dataset, NDArray[Any] | None]:
    """Verify the seal, record the look, then return the test rows and y.

    Raises DataError `data.seal_broken` (nothing is returned and no look counted) when a byte has changed.
    """
    facts = read_seal(folder)
    expected = {*facts.files, _SEAL}
    found = {path.name for path in folder.iterdir()}
    if found != expected:
        raise _broken(folder, f"files {sorted(found ^ expected)} are missing or too many")
    # the bytes that were verified are the bytes that are read
    contents = {name: (folder / name).read_bytes() for name in facts.files}
    for name, expected_digest in facts.files.items():
        if digest(contents[name]) != expected_digest:
            raise _broken(folder, f"{name} is not the file that was sealed")
    record_look()
    frame = pl.read_ipc(io.BytesIO(contents[_ROWS]))
    y = np.load(io.BytesIO(contents[_TARGET]), allow_pickle=False) if _TARGET in contents else None
    dataset = Dataset(frame=frame, schema=facts.schema, digest=facts.data_digest, source=facts.source)
    return dataset, y


def _broken(folder: Path, why: str) -> DataError:
    return DataError(
        f"The sealed test part has been tampered with: {why}.",
        code="data.seal_broken",
        hint="run the split again; figures measured on this part cannot be trusted",
        subject=f"folder:{folder.name}",
    )

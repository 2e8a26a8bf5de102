"""Units of work: one fit each, named by everything that determines its result, and kept in a folder when finished.

A unit is the smallest thing that is planned, run, resumed and replayed. Its key covers the rows, the target, the
schema, the features asked for, the family and its parameters, the seed and the code; so a folder with that key can
be trusted by any later run, and a killed run repeats nothing that is on disk.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from modelwright.core.digests import canonical_json, digest_of
from modelwright.core.nouns import Noun, Schema, Task
from modelwright.core.tables import State
from modelwright.spec.model import FeaturesSpec
from modelwright.training.changes import Change

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

UNIT_VERSION = 2
_RESULT = "result.json"

Weighting = Literal["none", "class_weight", "oversample", "undersample"]
#: plain: the columns encoded; rich: also what helps out of fold, chosen inside the learn rows
Recipe = Literal["plain", "rich"]


class Job(Noun, frozen=True, kw_only=True):
    """What all units of one training share; workers read it once from `job.json`."""

    data_digest: str
    schema: Schema
    features: FeaturesSpec
    task: Task
    classes: tuple[str, ...] = ()
    fold_digests: tuple[str, ...] = ()
    ordered: bool = False  # folds go forward in time, so inner slices must too
    base_dir: str = "."
    code_digest: str = ""
    seed: int = 0


class Unit(Noun, frozen=True, kw_only=True):
    """One fit: of a candidate on one fold's learn rows (then judged on the others), or on all development rows."""

    name: str  # `lightgbm/fold-0`, `lightgbm/refit`; what a plan lists
    candidate: str
    family: str  # a plugin's name, or module:function
    params: dict[str, Any]
    seed: int
    fold: int | None = None  # None: fit on all development rows
    weighting: Weighting = "none"
    early_stopping: bool = True
    rounds: int | None = None  # boosting rounds found by the folds, for the refit
    narrow: bool = False  # a single input column is enough (the constant)
    keep_predictions: bool = False  # refits: also predict the rows learned from (clusters, anomalies)
    keep_state: bool = False  # folds: also keep what was learned, for a bag of the folds' models
    change: Change | None = None  # what differs from the rows, columns or target of the bench
    teacher: str = ""  # digest of the targets on the bench to learn instead of the labels (`training.soft_targets`)
    recipe: Recipe = "plain"
    most_rows: int = 0  # learn from so many rows drawn at random, where there are more; 0: from all

    def key(self, job: Job) -> str:
        """Content name of the result, as 32 hexadecimal digits."""
        parts = {  # not `base_dir`: where the user's code lies is not what it says; nor what is kept of the result
            "version": UNIT_VERSION,
            "job": [job.data_digest, job.schema, job.features, job.task, job.classes, job.ordered],
            "code": [job.code_digest, job.seed],
            "rows": self._rows(job),
            "fit": [self.family, self.params, self.seed, self.weighting, self.early_stopping, self.rounds],
            "how": [self.narrow, self.keep_predictions],
        }
        if self.change is not None:
            parts["change"] = [self.change, self.fold]
        if self.teacher:
            parts["teacher"] = self.teacher
        if self.most_rows:
            parts["most_rows"] = self.most_rows
        if self.recipe != "plain":
            parts["recipe"] = self.recipe
        return digest_of(parts).removeprefix("b3:")[:32]

    def _rows(self, job: Job) -> Any:
        if self.fold is None:
            return "all"
        if self.change is not None and self.change.folds:
            return list(job.fold_digests)  # its folds are made from these and the table
        return job.fold_digests[self.fold]


class UnitResult(Noun, frozen=True, kw_only=True):
    """What is known of a finished unit besides its arrays."""

    key: str
    name: str
    seconds: float  # features, fit and predictions together
    fit_s: float
    rounds: int | None = None  # boosting rounds kept after early stopping
    size_bytes: int = 0
    predict_us_per_row: float | None = None
    pipeline: tuple[str, ...] = ()
    #: clusterings: silhouette on a sample, -1..1
    silhouette: float | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """Everything one fit leaves behind. `features` and `state` only for refits and where a unit keeps its state."""

    result: UnitResult
    predictions: NDArray[np.float64] | None = None
    #: predictions for the rows learned from, where a change asks for them
    learned: NDArray[np.float64] | None = None
    features: Mapping[str, Any] | None = None
    state: State | None = None


@dataclass(frozen=True, slots=True)
class UnitStore:
    """Finished units on disk, one folder per key, written whole or not at all."""

    root: Path

    def result(self, key: str) -> UnitResult | None:
        """The record of a finished unit; None where it is absent or damaged."""
        try:
            return msgspec.json.decode((self.root / key / _RESULT).read_bytes(), type=UnitResult)
        except (OSError, msgspec.MsgspecError):
            return None

    def finished(self, unit: Unit, key: str) -> UnitResult | None:
        """The record, where all that the unit is to leave behind is there too."""
        found = self.result(key)
        if found is None or not unit.keep_state or (self.root / key / "state.json").exists():
            return found
        return None

    def predictions(self, key: str, of: str = "predictions") -> NDArray[np.float64]:
        """For the judged rows, or, of `learned`, for those learned from."""
        import numpy as np

        return np.asarray(np.load(self.root / key / f"{of}.npy", allow_pickle=False), dtype=np.float64)

    def features(self, key: str) -> dict[str, Any]:
        found: dict[str, Any] = msgspec.json.decode((self.root / key / "features.json").read_bytes())
        return found

    def state(self, key: str) -> State:
        from safetensors.numpy import load_file

        folder = self.root / key
        said = msgspec.json.decode((folder / "state.json").read_bytes())
        texts = {name: (folder / f"text-{at}.txt").read_bytes().decode() for at, name in enumerate(said["texts"])}
        arrays = load_file(folder / "arrays.safetensors") if said["arrays"] else {}
        return State(arrays=arrays, meta=said["meta"], texts=texts)

    def write(self, product: Product) -> None:
        """Write atomically; a second writer of the same key leaves the first result in place."""
        self.root.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=self.root, prefix=".draft-"))
        try:
            _fill(draft, product)
            kept = self.root / product.result.key
            if self.result(product.result.key) is None or (product.state and not (kept / "state.json").exists()):
                self.discard(product.result.key)  # damaged, or without the state that is wanted now
            draft.replace(self.root / product.result.key)
        except OSError:
            if self.result(product.result.key) is None:
                raise
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def discard(self, key: str) -> None:
        shutil.rmtree(self.root / key, ignore_errors=True)

    def clear_drafts(self) -> None:
        """Remove what killed workers left half written."""
        for leftover in self.root.glob(".draft-*"):
            shutil.rmtree(leftover, ignore_errors=True)


def _fill(folder: Path, product: Product) -> None:
    import numpy as np

    if product.predictions is not None:
        np.save(folder / "predictions.npy", product.predictions, allow_pickle=False)
    if product.learned is not None:
        np.save(folder / "learned.npy", product.learned, allow_pickle=False)
    if product.features is not None:
        (folder / "features.json").write_bytes(canonical_json(product.features))
    if product.state is not None:
        _write_state(folder, product.state)
    (folder / _RESULT).write_bytes(canonical_json(product.result))


def _write_state(folder: Path, state: State) -> None:
    import numpy as np
    from safetensors.numpy import save_file

    if state.arrays:
        save_file(
            {name: np.ascontiguousarray(array) for name, array in state.arrays.items()}, folder / "arrays.safetensors"
        )
    for at, (_, text) in enumerate(sorted(state.texts.items())):
        (folder / f"text-{at}.txt").write_bytes(text.encode())
    said = {"arrays": sorted(state.arrays), "texts": sorted(state.texts), "meta": state.meta}
    (folder / "state.json").write_bytes(canonical_json(said))

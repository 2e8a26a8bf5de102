"""The model: fitted features and families with their weights, calibration and threshold, as one object and as files.

One object means that training, evaluation and serving cannot prepare a row differently. Its files are JSON, raw
arrays and native model texts; rebuilding it runs nobody's code.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from modelwright.core.digests import canonical_json
from modelwright.core.errors import ModelError, SpecError
from modelwright.core.nouns import Noun, Signature, Task
from modelwright.core.ports import Fitted
from modelwright.core.tables import Predictions, State
from modelwright.registry import own_code, packing
from modelwright.stats.trees_model import TreeModel

if TYPE_CHECKING:
    import polars as pl

    from modelwright.features.pipeline import FittedFeatures
    from modelwright.stats.calibration import Calibrator

_MODEL_FILE = "model.json"
#: 2 stores trees as packed tables, packs long files and tells equal features once; 1 is still read
_FORMAT, _READ = 2, (1, 2)
_LONG_FEATURES = 256 << 10
#: rows that are answered at once: the matrices of ten feature sets of half a million rows would fill the memory
_AT_ONCE = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One fitted family and the features it was fitted on; members may share one features object."""

    features: FittedFeatures
    family: str
    fitted: Fitted
    weight: float = 1.0
    #: the fold whose judged rows it has not seen; None where it learned from all development rows
    fold: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What a row goes through, from named columns to an answer."""

    signature: Signature
    members: tuple[Member, ...]
    calibrator: Calibrator | None = None
    decision_threshold: float | None = None

    def __post_init__(self) -> None:
        total = sum(member.weight for member in self.members)
        if not self.members or not np.isfinite(total) or any(member.weight < 0 for member in self.members) or not total:
            raise ModelError(
                "A model needs at least one member and weights that are not negative.",
                code="model.members",
                hint="give every member a weight of 0 or more, and one of them more than 0",
            )
        if self.signature.task is Task.CLUSTERING and len(self.members) > 1:
            raise ModelError("Cluster numbers of several members cannot be averaged.", code="model.members")

    @property
    def weights(self) -> tuple[float, ...]:
        """Shares of the members; they add up to 1."""
        total = sum(member.weight for member in self.members)
        return tuple(member.weight / total for member in self.members)

    @property
    def hooks(self) -> tuple[str, ...]:
        """Every `module:function` of the user's own that the model calls, sorted."""
        names = [name for member in self.members for name in (*member.features.hooks, member.family)]
        return tuple(sorted({name for name in names if ":" in name}))

    @property
    def by_row(self) -> bool:
        """Whether an answer depends on its own row alone: windows and the user's own functions may look at others."""
        return all(member.features.by_row for member in self.members)

    def predict(self, frame: pl.DataFrame) -> Predictions:
        """Answer for each row of a conformed frame (`core.tables.Dataset`): the training path, vectorised."""
        with np.errstate(over="ignore", invalid="ignore"):  # rows at the ends of floats: the answer says what came out
            if frame.height <= _AT_ONCE or not self.by_row:
                return self.finish(self._scores(frame))
            starts = range(0, frame.height, _AT_ONCE)
            return self.finish(np.concatenate([self._scores(frame[start : start + _AT_ONCE]) for start in starts]))

    def _scores(self, frame: pl.DataFrame) -> NDArray[np.float64]:
        from modelwright.features.decoded import Decoded

        matrices: dict[int, NDArray[np.float64]] = {}
        decoded, outputs = Decoded(), []
        for member in self.members:
            known = matrices.get(id(member.features))
            if known is None:
                known = matrices[id(member.features)] = member.features.transform(frame, decoded).values
            outputs.append(np.asarray(member.fitted.predict(known), dtype=np.float64))
        return weighted(outputs, self.weights)

    def finish(self, scores: NDArray[np.float64]) -> Predictions:
        """From the members' weighted output, (n, n_classes) or (n,), to calibrated probabilities and decisions."""
        task = self.signature.task
        if task.is_classification:
            probabilities = scores if self.calibrator is None else self.calibrator.apply(scores)
            labels = decide(probabilities, self.decision_threshold)
            return Predictions(classes=self.signature.classes, probabilities=probabilities, labels=labels)
        if task is Task.CLUSTERING:
            return Predictions(labels=scores.astype(np.int64))
        return Predictions(values=scores)


def weighted(outputs: Sequence[NDArray[np.float64]], weights: Sequence[float]) -> NDArray[np.float64]:
    """The weighted mean, added in the members' order, so that a row-by-row scorer gives the same last bit."""
    total = outputs[0] * weights[0]
    for output, weight in zip(outputs[1:], weights[1:], strict=True):
        total = total + output * weight
    return total


def decide(probabilities: NDArray[np.float64], threshold: float | None) -> NDArray[np.int64]:
    """Class positions (n,): position 1 from the threshold up where there is one, else the most probable class."""
    if threshold is not None and probabilities.shape[1] == 2:
        return (probabilities[:, 1] >= threshold).astype(np.int64)
    return np.asarray(probabilities.argmax(axis=1), dtype=np.int64)


# ---------------------------------------------------------------- as files


class _MemberFile(Noun, frozen=True, kw_only=True):
    family: str
    weight: float
    features: int  # position in `_ModelFile.features`
    meta: dict[str, Any]
    arrays: str = ""  # file name, ending in `.z` where packed; empty without arrays
    texts: dict[str, str] = {}  # key -> file name
    fold: int | None = None


class _ModelFile(Noun, frozen=True, kw_only=True):
    format: int
    signature: Signature
    decision_threshold: float | None
    calibrator: dict[str, Any] | None
    features: tuple[dict[str, Any], ...]
    members: tuple[_MemberFile, ...]
    features_file: str = ""  # where the features are too long for this file


def to_files(model: Model) -> dict[str, bytes]:
    """File name -> bytes. Equal models give equal bytes. Raises ModelError (`bundle.state`)."""
    files: dict[str, bytes] = {}
    features, positions = _distinct([member.features for member in model.members])
    members = [
        _member_files(files, f"member_{number:03d}", member, position)
        for number, (member, position) in enumerate(zip(model.members, positions, strict=True))
    ]
    features_file = ""
    text = _json(features)
    if len(text) > _LONG_FEATURES:
        features_file, content = packing.packed("features.json", text)
        files[features_file], features = content, []
    document = _ModelFile(
        format=_FORMAT,
        signature=model.signature,
        decision_threshold=model.decision_threshold,
        calibrator=None if model.calibrator is None else model.calibrator.state(),
        features=tuple(features),
        members=tuple(members),
        features_file=features_file,
    )
    files[_MODEL_FILE] = _json(document)
    return files


def _distinct(features: Sequence[FittedFeatures]) -> tuple[list[dict[str, Any]], list[int]]:
    """The different states, and the position of each one's: families that want the same matrix share one."""
    states: list[dict[str, Any]] = []
    by_id: dict[int, int] = {}
    by_text: dict[bytes, int] = {}
    for each in features:
        if id(each) not in by_id:
            state = each.state()
            by_id[id(each)] = by_text.setdefault(_json(state), len(states))
            if len(by_text) > len(states):
                states.append(state)
    return states, [by_id[id(each)] for each in features]


def _json(value: Any) -> bytes:
    try:
        return canonical_json(value)
    except (ValueError, TypeError) as error:
        raise ModelError(
            f"A fitted part has a state that JSON cannot say: {error}.", code="bundle.state", subject="model"
        ) from error


def from_files(files: Mapping[str, bytes], hooks: Collection[str] | None = ()) -> Model:
    """Rebuild a model from data alone; runs nobody's code but that of a family named in `hooks`.

    `hooks` are the user's own functions (`module:function`) that the model may call; None allows every one, which is
    for models this very workspace has trained. Raises ModelError (`bundle.hook`) when it names another one and
    (`bundle.model`) on anything out of shape.
    """
    document = _decode(files)
    stored = packing.Unpacker(files)
    features = [_restored_features(state) for state in _feature_states(document, stored)]
    own_code.check(
        [*(hook for each in features for hook in each.hooks), *(each.family for each in document.members)], hooks
    )
    members = tuple(_restored_member(stored, member, features) for member in document.members)
    calibrator = None
    if document.calibrator is not None:
        from modelwright.stats.calibration import Calibrator

        calibrator = Calibrator.restore(document.calibrator)
    return Model(
        signature=document.signature,
        members=members,
        calibrator=calibrator,
        decision_threshold=document.decision_threshold,
    )


def save_model(model: Model, folder: Path) -> None:
    """Write a model into a folder of its own, for use inside the workspace; a bundle adds the rest."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in to_files(model).items():
        (folder / name).write_bytes(content)


def load_model(folder: Path) -> Model:
    """Read what `save_model` wrote."""
    return from_files({file.name: file.read_bytes() for file in sorted(folder.iterdir()) if file.is_file()}, None)


def _member_files(files: dict[str, bytes], stem: str, member: Member, features: int) -> _MemberFile:
    from safetensors.numpy import save

    state = _small_state(member)
    arrays = ""
    if state.arrays:
        content = save({key: _plain(key, array) for key, array in sorted(state.arrays.items())})
        arrays, files_content = packing.packed(f"{stem}.safetensors", content)
        files[arrays] = files_content
    texts = {}
    for position, (key, text) in enumerate(sorted(state.texts.items())):
        texts[key], files_content = packing.packed(f"{stem}_{position}.txt", text.encode())
        files[texts[key]] = files_content
    return _MemberFile(
        family=member.family,
        weight=member.weight,
        features=features,
        meta=json.loads(canonical_json(dict(state.meta))),
        arrays=arrays,
        texts=texts,
        fold=member.fold,
    )


def _small_state(member: Member) -> State:
    """The trees themselves in place of a booster's own text, which says them at ten times the length."""
    fitted = member.fitted
    return fitted.compact_state() if isinstance(fitted, TreeModel) and ":" not in member.family else fitted.state()


def _plain(key: str, array: NDArray[Any]) -> NDArray[Any]:
    """A contiguous little-endian array of numbers: all that the file format can say."""
    if array.dtype.kind not in "fiub":
        raise ModelError(
            f"The array '{key}' of a fitted family holds {array.dtype}, and only numbers can be stored.",
            code="bundle.state",
            hint="keep texts in the state's meta",
        )
    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))


def _decode(files: Mapping[str, bytes]) -> _ModelFile:
    try:
        document = msgspec.json.decode(files[_MODEL_FILE], type=_ModelFile)
    except KeyError as error:
        raise _broken("the file model.json is missing") from error
    except msgspec.DecodeError as error:
        raise _broken(str(error)) from error
    if document.format not in _READ:
        raise _broken(f"its format is {document.format}, and this version reads formats up to {_FORMAT}")
    return document


def _feature_states(document: _ModelFile, stored: packing.Unpacker) -> tuple[dict[str, Any], ...]:
    if not document.features_file:
        return document.features
    try:
        return msgspec.json.decode(stored.read(document.features_file), type=tuple[dict[str, Any], ...])
    except KeyError as error:
        raise _broken(f"the file {error} is missing") from error
    except (msgspec.DecodeError, ModelError) as error:
        raise _broken(str(error)) from error


def _restored_features(state: dict[str, Any]) -> FittedFeatures:
    from modelwright.features import pipeline

    try:
        return pipeline.restore(state)
    except ModelError as error:
        raise _broken(error.message.rstrip(".")) from error
    except Exception as error:  # a hostile state may break a restorer anywhere; the user gets one sentence
        raise _broken(f"a feature step cannot be rebuilt ({type(error).__name__}: {error})") from error


def _restored_member(stored: packing.Unpacker, member: _MemberFile, features: Sequence[FittedFeatures]) -> Member:
    if not 0 <= member.features < len(features):
        raise _broken(f"a member refers to feature set {member.features}, which does not exist")
    try:
        state = State(
            arrays=_arrays(stored.read(member.arrays)) if member.arrays else {},
            meta=member.meta,
            texts={key: stored.read(name).decode() for key, name in member.texts.items()},
        )
        fitted = own_code.family(member.family).restore(state)
    except SpecError:
        raise  # the user's own code cannot be found or does not run; the bundle is not to blame
    except ModelError as error:
        raise _broken(error.message.rstrip(".")) from error
    except KeyError as error:
        raise _broken(f"the file or entry {error} is missing") from error
    except Exception as error:
        raise _broken(f"the {member.family} cannot be rebuilt ({type(error).__name__}: {error})") from error
    return Member(
        features=features[member.features],
        family=member.family,
        fitted=fitted,
        weight=member.weight,
        fold=member.fold,
    )


def _arrays(content: bytes) -> dict[str, NDArray[Any]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load as parse

    try:
        found: dict[str, NDArray[Any]] = parse(content)
    except SafetensorError as error:
        raise _broken(f"an array file is damaged ({error})") from error
    return found


def _broken(why: str) -> ModelError:
    return ModelError(
        f"The model cannot be rebuilt: {why}.",
        code="bundle.model",
        hint="use the bundle as it was written, or train the model again",
        subject="model",
    )

"""From stored values to checked answers, by the quickest road that is proven to answer as training would.

A row goes through the transformers' own row forms to bytes that a native predictor reads; many rows go the same way
into one matrix. What has no row form (windows, the user's own functions) goes as a table, by the training path.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from modelwright.core.errors import ModelError
from modelwright.core.ports import RowScored
from modelwright.core.tables import Predictions
from modelwright.registry.model import weighted
from modelwright.stats.trees_model import TreeModel

if TYPE_CHECKING:
    from modelwright.registry.bundle import LoadedBundle
    from modelwright.registry.model import Model

#: probabilities of one row may miss 1 by so much
_SLACK = 1e-6

#: from so many rows on, a column at a time takes less than a row at a time
BY_COLUMN = 12

Row = Callable[[Sequence[Any]], "Outcome"]


class Outcome(msgspec.Struct, gc=False):
    """answers: class positions, cluster numbers or values; probabilities by row in the order of the classes."""

    answers: list[Any]
    probabilities: list[list[float]] | None = None
    cached: bool = False  # nothing had to be scored


class Scoring:
    """Of one loaded bundle. Not for several threads: row closures own their buffers."""

    def __init__(self, bundle: LoadedBundle) -> None:
        model, scorers = bundle.model, bundle.manifest.scorers
        self._model, self._scorer = model, bundle.scorer
        self._by_table = scorers.batch_only
        self._names = [field.name for field in model.signature.inputs]
        self._classes = len(model.signature.classes) if model.signature.task.is_classification else 0
        evidence = scorers.evidence.get("compiled")
        self._features: _Features | None = None
        #: from one row to its checked outcome, without a table; None where there is no such way
        self.row: Row | None = None
        if evidence is not None and evidence.passed and not self._by_table:
            self._features = _Features.of(model, self._names)
        if self._features is not None and scorers.chosen == "compiled":
            self.row = row_scorer(model, self._features, self._classes)

    @property
    def keyed(self) -> bool:
        """Whether rows have a key."""
        return self._features is not None

    @property
    def lean(self) -> bool:
        """Whether rows are answered without a table."""
        return self.row is not None

    def score(self, rows: Sequence[tuple[Any, ...]]) -> Outcome:
        """Raises ModelError (`model.output`) where the answers break the output contract."""
        if len(rows) == 1 and not self._by_table:
            if self.row is not None:
                return self.row(rows[0])
            values = dict(zip(self._names, rows[0], strict=True))
            return self.checked(self._scorer.row(values), 1)
        return self.checked(self.predict(rows), len(rows))

    def predict(self, rows: Sequence[tuple[Any, ...]]) -> Predictions:
        """Many rows at once."""
        if self._features is None:
            return self._model.predict(self.frame(rows))
        return self._from(self._features.matrices(rows), self._features.places)

    def columns(self) -> Callable[[Sequence[Sequence[Any]]], Outcome] | None:
        """`score` of many rows, from the stored values of each column; None where some feature is made otherwise."""
        features = self._features
        if features is None:
            return None
        readers = [reader for reader in features.listed if reader is not None]
        if len(readers) < len(features.listed):
            return None
        places = features.places
        return lambda columns: self.checked(self._from([read(columns) for read in readers], places), len(columns[0]))

    def _from(self, matrices: Sequence[NDArray[np.float64]], places: Sequence[int]) -> Predictions:
        with np.errstate(over="ignore", invalid="ignore"):  # the contract is checked on what comes out
            members = zip(self._model.members, places, strict=True)
            outputs = [np.asarray(member.fitted.predict(matrices[at]), dtype=np.float64) for member, at in members]
            return self._model.finish(weighted(outputs, self._model.weights))

    def key(self, row: tuple[Any, ...]) -> bytes | None:
        """The features of a row as bytes: rows with the same key have the same answer. None without a row form."""
        return None if self._features is None else b"".join([pack(row) for pack in self._features.packers])

    def frame(self, rows: Sequence[tuple[Any, ...]]) -> Any:
        """The rows as the conformed table that training would see."""
        import polars as pl

        from modelwright.registry.scorers import frame_schema

        schema, columns = frame_schema(self._model.signature), zip(*rows, strict=True)
        pairs = zip(schema.items(), columns, strict=True)
        return pl.DataFrame([pl.Series(name, list(values), dtype=kind) for (name, kind), values in pairs])

    def checked(self, found: Predictions, n_rows: int) -> Outcome:
        """The answers, or ModelError (`model.output`)."""
        if self._classes:
            probabilities, labels = found.probabilities, found.labels
            if probabilities is None or labels is None or probabilities.shape != (n_rows, self._classes):
                raise broken("its probabilities have the wrong shape")
            if not (np.abs(probabilities.sum(axis=1) - 1.0) <= _SLACK).all() or not (probabilities >= 0).all():
                raise broken("its probabilities are not finite shares that add up to 1")
            return Outcome(labels.tolist(), probabilities.tolist())
        values = found.labels if found.values is None else found.values
        if values is None or values.shape != (n_rows,):
            raise broken("its answers have the wrong shape")
        if not np.isfinite(values).all():
            raise broken("an answer is not a finite number")
        return Outcome(values.tolist())


class _Features:
    """The row forms of the different feature sets, and which of them each member reads."""

    def __init__(
        self,
        packers: list[Callable[[Sequence[Any]], bytes]],
        widths: list[int],
        places: list[int],
        listed: list[Callable[[Sequence[Sequence[Any]]], NDArray[np.float64]] | None],
    ) -> None:
        self.packers, self.widths, self.places, self.listed = packers, widths, places, listed

    @classmethod
    def of(cls, model: Model, names: Sequence[str]) -> _Features | None:
        packers: list[Callable[[Sequence[Any]], bytes]] = []
        widths: list[int] = []
        places: list[int] = []
        listed = []
        known: dict[int, int] = {}
        for member in model.members:
            features = member.features
            if id(features) not in known:
                pack = features.packed(names)
                if pack is None:
                    return None
                known[id(features)] = len(packers)
                packers.append(pack)
                listed.append(features.listed(names))
                widths.append(len(features.names))
            places.append(known[id(features)])
        return cls(packers, widths, places, listed)

    def matrices(self, rows: Sequence[tuple[Any, ...]]) -> list[NDArray[np.float64]]:
        """One (n, k) per feature set: column by column where that can be, else row by row."""
        columns = list(zip(*rows, strict=True)) if len(rows) >= BY_COLUMN else []
        return [
            matrix(columns)
            if columns and matrix is not None
            else np.frombuffer(b"".join(map(pack, rows))).reshape(len(rows), width)
            for pack, width, matrix in zip(self.packers, self.widths, self.listed, strict=True)
        ]


def row_scorer(model: Model, features: _Features, n_classes: int) -> Row | None:
    """A closure from one row to its checked outcome; None where a member has no row form."""
    scores = _single(model, features) if len(model.members) == 1 else _several(model, features)
    if scores is None:
        return None
    if not n_classes:
        return _value_row(scores)
    calibrate = None if model.calibrator is None else model.calibrator.row()
    threshold = model.decision_threshold
    if n_classes == 2 and threshold is not None:
        return _binary_row(scores, calibrate, threshold)
    return _class_row(scores, calibrate, n_classes)


Scores = Callable[[Sequence[Any]], Sequence[float]]
Calibrate = Callable[[Sequence[float]], list[float]] | None


def _single(model: Model, features: _Features) -> Scores | None:
    """One member, whose weight is 1 whatever was written."""
    fitted, pack = model.members[0].fitted, features.packers[0]
    if isinstance(fitted, TreeModel):
        score = fitted.packed_scorer()
        return lambda row: score(pack(row))
    if not isinstance(fitted, RowScored):
        return None
    by_array, read = fitted.row_scorer(), np.frombuffer
    return lambda row: by_array(read(pack(row)))


def _several(model: Model, features: _Features) -> Scores | None:
    """Members in their order, as `registry.scorers.CompiledScorer` adds them up."""
    from modelwright.registry.scorers import member_plan

    try:
        plan = member_plan(model, features.places, features.widths)
    except ModelError:
        return None
    walk, members, packers, read = plan.walk, plan.members, features.packers, np.frombuffer

    def scores(row: Sequence[Any]) -> list[float]:
        contents = [pack(row) for pack in packers]
        rows: list[Any] = list(map(read, contents))
        if walk is not None:
            rows += walk(read(b"".join(contents)))
        position, score, weight = members[0]
        total = [value * weight for value in score(rows[position])]
        for position, score, weight in members[1:]:
            total = [before + value * weight for before, value in zip(total, score(rows[position]), strict=True)]
        return total

    return scores


def _value_row(scores: Scores) -> Row:
    def row(values: Sequence[Any]) -> Outcome:
        found = scores(values)
        value = found[0]
        if len(found) != 1 or value - value != 0.0:
            raise broken("an answer is not a finite number")
        return Outcome([value])

    return row


def _binary_row(scores: Scores, calibrate: Calibrate, threshold: float) -> Row:
    def row(values: Sequence[Any]) -> Outcome:
        found = scores(values)
        no, yes = found if calibrate is None else calibrate(found)
        if not (no >= 0.0 and yes >= 0.0 and -_SLACK <= no + yes - 1.0 <= _SLACK):
            raise broken("its probabilities are not finite shares that add up to 1")
        return Outcome([1 if yes >= threshold else 0], [[no, yes]])

    return row


def _class_row(scores: Scores, calibrate: Calibrate, n_classes: int) -> Row:
    def row(values: Sequence[Any]) -> Outcome:
        found = scores(values)
        shares = list(found) if calibrate is None else calibrate(found)
        if len(shares) != n_classes or not (min(shares) >= 0.0 and -_SLACK <= sum(shares) - 1.0 <= _SLACK):
            raise broken("its probabilities are not finite shares that add up to 1")
        return Outcome([shares.index(max(shares))], [shares])

    return row


def broken(why: str) -> ModelError:
    return ModelError(f"The model broke its output contract: {why}.", code="model.output", subject="model")

"""The three ways to score: the training path, the compiled row plan, and the ONNX graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from modelwright.core.errors import ModelError
from modelwright.core.nouns import ColumnType, Signature, SignatureField, Task
from modelwright.core.ports import RowScored
from modelwright.core.tables import Predictions
from modelwright.stats import linear_links, trees_one_row
from modelwright.stats.trees_model import TreeModel
from modelwright.stats.trees_together import Together, fits

if TYPE_CHECKING:
    import polars as pl

    from modelwright.registry.model import Model

_TEXT = (ColumnType.CATEGORY, ColumnType.TEXT)
#: nodes of trees that stay in a cache of about a megabyte from one row to the next
_CACHED = 40_000


class Scorer(Protocol):
    """Conformed rows in, answers out. `row` takes float | int | bool | str | datetime | None by column name."""

    @property
    def name(self) -> str: ...

    def batch(self, frame: pl.DataFrame) -> Predictions: ...

    def row(self, values: Mapping[str, Any]) -> Predictions: ...


class ReferenceScorer:
    """The training path as it stands: the truth the others are measured by, and the fallback."""

    name = "reference"

    def __init__(self, model: Model) -> None:
        self._model = model
        self._schema = frame_schema(model.signature)

    def batch(self, frame: pl.DataFrame) -> Predictions:
        return self._model.predict(frame)

    def row(self, values: Mapping[str, Any]) -> Predictions:
        import polars as pl

        one = {name: [values.get(name)] for name in self._schema}
        return self._model.predict(pl.DataFrame(one, schema=self._schema, strict=False))


class CompiledScorer:
    """Encoder tables and the family's own single-row call, in float64; batches take the vectorised path.

    Raises ModelError (`scorer.unsupported`) when a part has no row form.
    """

    name = "compiled"

    def __init__(self, model: Model) -> None:
        self._model = model
        self._encoders: list[Callable[[Mapping[str, Any]], NDArray[np.float64]]] = []
        positions: dict[int, int] = {}
        widths: list[int] = []
        for member in model.members:
            if id(member.features) not in positions:
                row = member.features.row()
                if row is None:
                    raise _unsupported("a feature step has no single-row form", "features")
                positions[id(member.features)] = len(self._encoders)
                self._encoders.append(row)
                widths.append(len(member.features.names))
        plan = member_plan(model, [positions[id(member.features)] for member in model.members], widths)
        self._plan, self._walk = plan.members, plan.walk
        self._scalar = not model.signature.task.is_classification

    def batch(self, frame: pl.DataFrame) -> Predictions:
        return self._model.predict(frame)

    def row(self, values: Mapping[str, Any]) -> Predictions:
        scores = self.scores(values)
        array = np.array(scores, dtype=np.float64)
        return self._model.finish(array if self._scalar else array.reshape(1, -1))

    def scores(self, values: Mapping[str, Any]) -> Sequence[float]:
        """The weighted outputs before calibration, added in the members' order as `model.weighted` does."""
        rows = [encode(values) for encode in self._encoders]
        if self._walk is not None:
            rows += self._walk(np.concatenate(rows))
        position, score, weight = self._plan[0]
        total = [value * weight for value in score(rows[position])]
        for position, score, weight in self._plan[1:]:
            total = [before + value * weight for before, value in zip(total, score(rows[position]), strict=True)]
        return total


class MemberPlan(NamedTuple):
    """How one row's members are scored and added up, in their order.

    members: where each one's input stands, its row call, its weight. Inputs are the rows of the feature sets and,
    behind them, what `walk` makes of all these rows one behind the other.
    """

    members: list[tuple[int, Callable[[Any], Sequence[float]], float]]
    walk: Callable[[NDArray[np.float64]], list[NDArray[np.float64]]] | None


def member_plan(model: Model, places: Sequence[int], widths: Sequence[int]) -> MemberPlan:
    """places: the feature set of each member; widths: of each feature set. Raises ModelError (`scorer.unsupported`)."""
    scored: list[RowScored] = []
    for member in model.members:
        if not isinstance(member.fitted, RowScored):
            raise _unsupported(f"the family '{member.family}' has no single-row form", f"family:{member.family}")
        scored.append(member.fitted)
    starts = np.concatenate([[0], np.cumsum(widths)]).astype(int).tolist()
    together, walk = _walked_together(model), None
    if together:
        offsets = [starts[places[at]] for at in together]
        walk = Together([one.tables for one in together.values()], offsets, starts[-1]).row()
    walked = {at: place for place, at in enumerate(together)}
    members: list[tuple[int, Callable[[Any], Sequence[float]], float]] = []
    for at, weight in enumerate(model.weights):
        if at in walked:  # what it reads then is the walk's answers, which stand behind the rows
            members.append((len(widths) + walked[at], linear_links.row_link(together[at].link), weight))
        else:
            members.append((places[at], scored[at].row_scorer(), weight))
    return MemberPlan(members, walk)


class OnnxScorer:
    """One graph, one thread, no spinning."""

    name = "onnx"

    def __init__(self, content: bytes, inputs: Mapping[str, str], signature: Signature) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.add_session_config_entry("session.inter_op.allow_spinning", "0")
        options.log_severity_level = 4
        try:
            self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise _unsupported(f"the runtime refuses the graph ({_first_line(error)})", "file:model.onnx") from error
        self._outputs = [output.name for output in self._session.get_outputs()]
        fields = {field.name: field for field in signature.inputs}
        unknown = set(inputs) - set(fields)
        if unknown:
            raise _unsupported(f"the graph wants '{min(unknown)}', which the signature does not know", "model")
        self._fields = [(fields[column], tensor) for column, tensor in inputs.items()]
        self._signature = signature

    def batch(self, frame: pl.DataFrame) -> Predictions:
        return self._run({tensor: _column(frame[field.name], field) for field, tensor in self._fields})

    def row(self, values: Mapping[str, Any]) -> Predictions:
        return self._run({tensor: _cell(values.get(field.name), field) for field, tensor in self._fields})

    def _run(self, feed: dict[str, NDArray[Any]]) -> Predictions:
        try:
            found = dict(zip(self._outputs, self._session.run(self._outputs, feed), strict=True))
        except Exception as error:
            raise ModelError(f"The graph failed on a row ({_first_line(error)}).", code="scorer.failed") from error
        if self._signature.task is Task.CLUSTERING:
            return Predictions(labels=found["label"])
        if self._signature.task.is_classification:
            return Predictions(
                classes=self._signature.classes, probabilities=found["probabilities"], labels=found["label"]
            )
        return Predictions(values=found["value"])


def _walked_together(model: Model) -> dict[int, TreeModel]:
    """Members by position whose trees are walked at once: several, too large for a cache when taken in turn, and not
    quicker by masks of their own."""
    found: dict[int, TreeModel] = {}
    for at, member in enumerate(model.members):
        if type(member.fitted) is TreeModel and ":" not in member.family and fits(member.fitted.tables):
            found[at] = member.fitted
    nodes = sum(len(one.tables.feature) for one in found.values())
    if len(found) < 2 or nodes <= _CACHED:
        return {}
    alone = trees_one_row.affordable({at: one.tables for at, one in found.items()})
    return {at: one for at, one in found.items() if at not in alone}


def frame_schema(signature: Signature) -> dict[str, pl.DataType]:
    """Storage of each input column (`core.tables.Dataset`)."""
    import polars as pl

    kinds: dict[ColumnType, pl.DataType] = {
        ColumnType.NUMBER: pl.Float64(),
        ColumnType.BOOLEAN: pl.Boolean(),
        ColumnType.DATETIME: pl.Datetime("us"),
    }
    return {field.name: kinds.get(field.type, pl.String()) for field in signature.inputs}


def _column(series: pl.Series, field: SignatureField) -> NDArray[Any]:
    import polars as pl

    if field.type in _TEXT:
        return np.array(series.fill_null("").to_list(), dtype=object).reshape(-1, 1)
    numbers = series.to_physical() if field.type is ColumnType.DATETIME else series
    return numbers.cast(pl.Float64).fill_null(float("nan")).to_numpy().reshape(-1, 1)


def _cell(value: Any, field: SignatureField) -> NDArray[Any]:
    if field.type in _TEXT:
        return np.array([["" if value is None else value]], dtype=object)
    if value is None:
        return np.array([[np.nan]])
    if field.type is ColumnType.DATETIME:
        return np.array([[np.datetime64(value, "us").astype(np.int64)]], dtype=np.float64)
    return np.array([[value]], dtype=np.float64)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__


def _unsupported(why: str, subject: str) -> ModelError:
    return ModelError(f"This scorer cannot be built: {why}.", code="scorer.unsupported", subject=subject)

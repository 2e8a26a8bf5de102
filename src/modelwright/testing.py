"""Public contract suites for plugin authors: run the same checks on your own family, metric, check or source."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from modelwright.core.errors import ModelError
from modelwright.core.nouns import ColumnType, Task
from modelwright.core.ports import Contributing, Family, FitContext, Fitted, Graphed, RowScored, TrainBatch
from modelwright.core.tables import Matrix, State

# ---------------------------------------------------------------- families


def check_family(family: Family, params: Any = None) -> None:
    """Run the whole contract of a model family on small tables; raises AssertionError at the first breach.

    Fits every task the family claims, with NaN where `needs.imputed` is False, on usual, tiny, single-column and
    constant-column tables; checks shapes, determinism, restoring from plain data, the single-row call, the graph,
    contributions, untouched inputs, refused widths and damaged states.
    """
    chosen = family.Params() if params is None else params
    assert family.tasks, "a family does at least one task"
    for task in sorted(family.tasks):
        family.space(task, 1000)
        for batch in _batches(task, with_missing=not family.needs.imputed):
            _check_fitted(family, batch, chosen)


def _batches(task: Task, *, with_missing: bool) -> Iterator[TrainBatch]:
    rng = np.random.default_rng(7)
    for rows, columns in ((120, 5), (10, 3), (40, 1)):
        X = rng.normal(size=(rows, columns))
        if columns > 2:
            X[:, 2] = 1.0  # a constant column
        signal = X[:, 0] + 0.5 * X[:, -1] + 0.1 * rng.normal(size=rows)
        if with_missing:
            X[::5, 0] = np.nan
        n_classes = {Task.BINARY: 2, Task.MULTICLASS: 3}.get(task, 0)
        y: Any = None
        if n_classes:
            y = (np.argsort(np.argsort(signal)) * n_classes // rows).astype(np.int64)
        elif task is Task.REGRESSION:
            y = 100.0 + 20.0 * signal
        weight = rng.uniform(0.5, 2.0, size=rows) if rows == 40 else None
        names = tuple(f"column_{i}" for i in range(columns))
        whole = Matrix(values=X, names=names)
        valid = (whole.rows(np.arange(0, rows, 4)), y[::4]) if y is not None and rows == 40 else None
        yield TrainBatch(X=whole, y=y, task=task, n_classes=n_classes, weight=weight, valid=valid)


def _check_fitted(family: Family, batch: TrainBatch, params: Any) -> None:
    before = batch.X.values.copy()
    fitted = family.fit(batch, params, FitContext(seed=3))
    X = batch.X.values
    answer = fitted.predict(X)
    _check_answer(answer, batch)
    again = family.fit(batch, params, FitContext(seed=3))
    assert np.array_equal(again.predict(X), answer), "the same seed must give the same model"
    state = _through_files(fitted.state())
    restored = family.restore(state)
    probe = np.concatenate([X, X * 1e3, np.nextafter(X, 9.0), np.zeros((1, X.shape[1]))])
    assert np.allclose(restored.predict(probe), fitted.predict(probe), rtol=0, atol=1e-9), "restoring changed answers"
    if isinstance(restored, RowScored):
        score, whole = restored.row_scorer(), restored.predict(probe)
        single = np.array([score(row) for row in probe])
        assert np.allclose(single.reshape(whole.shape), whole, rtol=1e-9, atol=1e-9), "a row differs from its batch"
    if isinstance(restored, Contributing):
        parts = restored.contributions(X)
        assert parts.shape[0] == len(X), "contributions: one per row"
        assert parts.shape[-1] == X.shape[1] + 1, "contributions: one per feature and the base"
        assert np.all(np.isfinite(parts)), "contributions must be finite"
    if isinstance(restored, Graphed):
        _check_graph(restored, fitted, probe)
    assert np.array_equal(batch.X.values, before, equal_nan=True), "the family changed its input"
    assert fitted.predict(X[:0]).shape[0] == 0, "no rows in, no rows out"
    _refuses(lambda: fitted.predict(np.zeros((2, X.shape[1] + 1))), "a matrix of another width")
    _check_damaged(family, state)


def _check_answer(answer: NDArray[np.float64], batch: TrainBatch) -> None:
    rows = batch.X.values.shape[0]
    assert answer.dtype == np.float64, "answers are float64"
    assert np.all(np.isfinite(answer)), "answers must be finite"
    if not batch.task.is_classification:
        assert answer.shape == (rows,), f"one value per row, not {answer.shape}"
        return
    assert answer.shape == (rows, batch.n_classes), f"one probability per class, not {answer.shape}"
    assert np.all((answer >= 0) & (answer <= 1)), "probabilities lie between 0 and 1"
    assert np.allclose(answer.sum(axis=1), 1.0, rtol=0, atol=1e-9), "probabilities sum to 1"


def _through_files(state: State) -> State:
    """The state as a bundle stores it: safetensors, JSON, UTF-8."""
    from safetensors.numpy import load, save

    arrays = load(save({name: np.ascontiguousarray(array) for name, array in state.arrays.items()}))
    meta = msgspec.json.decode(msgspec.json.encode(dict(state.meta)))
    texts = {name: text.encode("utf-8").decode("utf-8") for name, text in state.texts.items()}
    return State(arrays=arrays, meta=meta, texts=texts)


def _check_damaged(family: Family, state: State) -> None:
    """Every array and text missing, cut or not finite is refused; nothing crashes."""
    damaged: dict[str, State] = {}
    for name, array in state.arrays.items():
        others = {key: value for key, value in state.arrays.items() if key != name}
        damaged[f"a lost '{name}'"] = dataclasses.replace(state, arrays=others)
        if array.dtype == np.float64 and array.size:
            bad = array.copy()
            bad.flat[0] = np.nan
            damaged[f"NaN in '{name}'"] = dataclasses.replace(state, arrays={**others, name: bad})
    for name, text in state.texts.items():
        for share in (0.1, 0.5, 0.9):
            cut = {**state.texts, name: text[: int(len(text) * share)]}
            damaged[f"'{name}' cut at {share:.0%}"] = dataclasses.replace(state, texts=cut)
    for what, bad_state in damaged.items():
        _refuses(partial(family.restore, bad_state), what)


def _refuses(act: Callable[[], Any], what: str) -> None:
    try:
        act()
    except ModelError:
        return
    raise AssertionError(f"{what} must be refused with ModelError")


def _check_graph(model: Any, fitted: Fitted, probe: NDArray[np.float64]) -> None:
    import onnxruntime

    sketch = OnnxSketch()
    try:
        answer = model.graph(sketch, "x")
    except ModelError as error:
        if error.code == "graph.unsupported":
            return
        raise
    session = onnxruntime.InferenceSession(
        sketch.bytes(answer, probe.shape[1]), providers=["CPUExecutionProvider"]
    )  # fmt: skip
    got, expected = session.run(None, {"x": probe})[0], fitted.predict(probe)
    assert got.dtype == np.float64, "the graph answers in float64"
    assert np.allclose(got.reshape(expected.shape), expected, rtol=1e-6, atol=1e-6), "the graph differs from predict"


class OnnxSketch:
    """The smallest GraphBuilder: one float64 input `x`, opset 21 and ai.onnx.ml 5. Only for tests of parts."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def column(self, name: str, kind: ColumnType) -> str:
        raise NotImplementedError("families read one matrix, not columns")

    def constant(self, array: NDArray[Any]) -> str:
        from onnx import numpy_helper

        name = f"constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def op(self, kind: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        from onnx import helper, numpy_helper

        name = f"value_{len(self._nodes)}"
        said = {
            key: numpy_helper.from_array(value, key) if isinstance(value, np.ndarray) else value
            for key, value in attributes.items()
        }
        self._nodes.append(helper.make_node(kind, list(inputs), [name], domain=domain, **said))
        return name

    def bytes(self, output: str, width: int) -> bytes:
        """The checked model file."""
        from onnx import TensorProto, checker, helper

        read = helper.make_tensor_value_info("x", TensorProto.DOUBLE, [None, width])
        written = helper.make_tensor_value_info(output, TensorProto.DOUBLE, [None, None])
        graph = helper.make_graph(self._nodes, "sketch", [read], [written], self._constants)
        opsets = [helper.make_opsetid("", 21), helper.make_opsetid("ai.onnx.ml", 5)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
        checker.check_model(model)
        return bytes(model.SerializeToString())

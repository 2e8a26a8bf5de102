"""One ONNX graph of the whole path: columns, features, members, weights, calibration, threshold."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from modelwright.core.errors import ModelError
from modelwright.core.nouns import ColumnType, Task
from modelwright.core.ports import Graphed
from modelwright.registry.graph_check import ALLOWED, check_graph
from modelwright.stats.trees_model import TreeModel

if TYPE_CHECKING:
    from modelwright.registry.model import Model

#: pinned: newer runtimes keep old meanings, and answers must not move with an upgrade of the exporter
OPSET, ML_OPSET, IR_VERSION = 21, 5, 10
OUTPUTS = ("probabilities", "label", "value")
_PREFIX = "mw:"
#: `best` may take 20 MB in all; a node of a tree takes about 17 bytes here and 3 in the model's own files
MAX_GRAPH_BYTES, _NODE_BYTES = 16_000_000, 17
_TEXT = (ColumnType.CATEGORY, ColumnType.TEXT)


class OnnxBuilder:
    """Implements `core.ports.GraphBuilder`. Names depend on the order of calls only, so equal models give
    equal bytes."""

    def __init__(self) -> None:
        self.inputs: dict[str, str] = {}  # column -> tensor
        self._kinds: dict[str, bool] = {}  # column -> is text
        self._nodes: list[Any] = []
        self._initializers: list[Any] = []
        self._constants: dict[tuple[str, tuple[int, ...], str], str] = {}

    def column(self, name: str, kind: ColumnType) -> str:
        """The (n, 1) input of a column: string for category and text, float64 otherwise."""
        if name not in self.inputs:
            taken = name in OUTPUTS or name.startswith((_PREFIX, "input:")) or not name
            self.inputs[name] = f"input:{name}" if taken else name
            self._kinds[name] = kind in _TEXT
        elif self._kinds[name] != (kind in _TEXT):
            raise ModelError(
                f"The column '{name}' is used both as text and as a number.",
                code="graph.unsupported",
                subject=f"column:{name}",
            )
        return self.inputs[name]

    def constant(self, array: NDArray[Any]) -> str:
        """An initializer; equal arrays are stored once."""
        tensor = _tensor("", np.asarray(array))
        content = hashlib.sha256(tensor.SerializeToString(deterministic=True)).hexdigest()
        key = (str(tensor.data_type), tuple(tensor.dims), content)
        if key not in self._constants:
            tensor.name = self._constants[key] = f"{_PREFIX}c{len(self._constants)}"
            self._initializers.append(tensor)
        return self._constants[key]

    def op(self, kind: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """Append one operator of `graph_check.ALLOWED`; arrays among the attributes become tensors."""
        from onnx import helper

        if kind not in ALLOWED.get(domain, ()):
            raise ModelError(
                f"The operator '{domain}:{kind}' is not among those a bundle may hold.", code="graph.unsupported"
            )
        name = f"{_PREFIX}{len(self._nodes)}:{kind}"
        plain = {key: _attribute(value) for key, value in sorted(attributes.items()) if value is not None}
        self._nodes.append(helper.make_node(kind, list(inputs), [name], name=name, domain=domain, **plain))
        return name

    def build(self, outputs: Mapping[str, tuple[str, str]]) -> bytes:
        """Serialise with the named outputs: name -> (tensor, `DOUBLE` or `INT64`). Raises ModelError."""
        from onnx import TensorProto, helper

        for name, (tensor, _) in outputs.items():
            self._nodes.append(helper.make_node("Identity", [tensor], [name], name=f"{_PREFIX}out:{name}"))
        inputs = [
            helper.make_tensor_value_info(
                tensor, TensorProto.STRING if self._kinds[column] else TensorProto.DOUBLE, ["n", 1]
            )
            for column, tensor in self.inputs.items()
        ]
        results = [
            helper.make_tensor_value_info(
                name, getattr(TensorProto, kind), ["n", None] if name == "probabilities" else ["n"]
            )
            for name, (_, kind) in outputs.items()
        ]
        graph = helper.make_graph(self._nodes, "modelwright", inputs, results, self._initializers)
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
        proto = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="modelwright")
        content: bytes = proto.SerializeToString(deterministic=True)
        check_graph(content)
        return content


def build_graph(model: Model, builder: OnnxBuilder | None = None) -> tuple[bytes, dict[str, str]]:
    """The model as ONNX bytes and the input tensor of each column.

    Raises ModelError (`graph.unsupported`) naming the first part that cannot be said as a graph.
    """
    builder = builder or OnnxBuilder()
    _refuse_large(model)
    xs: dict[int, str] = {}
    total = ""
    for member, weight in zip(model.members, model.weights, strict=True):
        if id(member.features) not in xs:
            xs[id(member.features)] = member.features.graph(builder)
        if not isinstance(member.fitted, Graphed):
            raise ModelError(
                f"The family '{member.family}' cannot be written as a graph.",
                code="graph.unsupported",
                subject=f"family:{member.family}",
            )
        scores = member.fitted.graph(builder, xs[id(member.features)])
        if weight != 1.0:
            scores = builder.op("Mul", scores, builder.constant(np.array([weight])))
        total = builder.op("Add", total, scores) if total else scores
    return builder.build(_outputs(model, builder, total)), dict(builder.inputs)


def _refuse_large(model: Model) -> None:
    """By the number of nodes, before minutes and memory are spent on a file that would outweigh all the rest."""
    nodes = sum(
        member.fitted.tables.feature.size * member.fitted.tables.value.shape[1]
        for member in model.members
        if isinstance(member.fitted, TreeModel)
    )
    size_bytes = nodes * _NODE_BYTES
    if size_bytes > MAX_GRAPH_BYTES:
        raise ModelError(
            f"The graph would take about {size_bytes / 1e6:.0f} MB, more than the {MAX_GRAPH_BYTES / 1e6:.0f} MB a "
            "bundle spends on it.",
            code="graph.size",
            hint="the compiled scorer serves this model; `fast`, or fewer and smaller trees, leave room for a graph",
            subject="file:model.onnx",
        )


def _outputs(model: Model, builder: OnnxBuilder, scores: str) -> dict[str, tuple[str, str]]:
    task = model.signature.task
    if not task.is_classification:
        flat = builder.op("Squeeze", scores, builder.constant(np.array([1], dtype=np.int64)))
        if task is Task.CLUSTERING:
            return {"label": (builder.op("Cast", flat, to=7), "INT64")}
        return {"value": (flat, "DOUBLE")}
    if model.calibrator is not None:
        if not isinstance(model.calibrator, Graphed):
            raise ModelError("The calibrator cannot be written as a graph.", code="graph.unsupported")
        scores = model.calibrator.graph(builder, scores)
    if model.decision_threshold is not None and len(model.signature.classes) == 2:
        positive = builder.op("Gather", scores, builder.constant(np.array(1, dtype=np.int64)), axis=1)
        above = builder.op("GreaterOrEqual", positive, builder.constant(np.array(model.decision_threshold)))
        label = builder.op("Cast", above, to=7)
    else:
        label = builder.op("ArgMax", scores, axis=1, keepdims=0)
    return {"probabilities": (scores, "DOUBLE"), "label": (label, "INT64")}


def _tensor(name: str, array: NDArray[Any]) -> Any:
    from onnx import TensorProto, helper, numpy_helper

    if array.dtype.kind in "OUS":
        texts = [str(value).encode() for value in array.ravel()]
        return helper.make_tensor(name, TensorProto.STRING, array.shape, texts)
    return numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), name)


def _attribute(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return _tensor("", value)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, list | tuple):
        return [item.item() if isinstance(item, np.generic) else item for item in value]
    return value

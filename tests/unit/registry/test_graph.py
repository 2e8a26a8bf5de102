"""The graph builder and the closed list of what a graph may hold."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from modelwright.core.errors import ModelError
from modelwright.core.nouns import ColumnType
from modelwright.core.ports import GraphBuilder
from modelwright.registry.graph import IR_VERSION, OPSET, OnnxBuilder
from modelwright.registry.graph_check import check_graph


def small() -> OnnxBuilder:
    builder = OnnxBuilder()
    number = builder.column("label", ColumnType.NUMBER)
    text = builder.column("kind of thing", ColumnType.CATEGORY)
    code = builder.op(
        "LabelEncoder",
        text,
        domain="ai.onnx.ml",
        keys_tensor=np.array(["a", "\u00fc"], dtype=object),
        values_tensor=np.array([1.0, 2.0]),
        default_tensor=np.array([np.nan]),
    )
    total = builder.op("Add", number, builder.op("Mul", code, builder.constant(np.array([10.0]))))
    builder.answer = builder.op("Squeeze", total, builder.constant(np.array([1])))  # type: ignore[attr-defined]
    return builder


def test_text_and_numbers_run_in_double_precision_and_bind_by_name() -> None:
    builder = small()
    assert isinstance(builder, GraphBuilder)
    content = builder.build({"value": (builder.answer, "DOUBLE")})  # type: ignore[attr-defined]
    session = onnxruntime.InferenceSession(content)
    feed = {
        builder.inputs["label"]: np.array([[1e9 + 1], [1.0], [np.nan]]),
        builder.inputs["kind of thing"]: np.array([["\u00fc"], ["unseen"], ["a"]], dtype=object),
    }
    (value,) = session.run(["value"], feed)
    assert value.dtype == np.float64
    assert value[0] == 1e9 + 21
    assert np.isnan(value[1:]).all()


def test_equal_calls_give_equal_bytes_and_constants_are_stored_once() -> None:
    one, two = small(), small()
    content = one.build({"value": (one.answer, "DOUBLE")})  # type: ignore[attr-defined]
    assert content == two.build({"value": (two.answer, "DOUBLE")})  # type: ignore[attr-defined]
    builder = OnnxBuilder()
    assert builder.constant(np.array([1.0])) == builder.constant(np.array([1.0]))
    assert builder.constant(np.array([1.0])) != builder.constant(np.array([1], dtype=np.int64))
    assert builder.constant(np.array([1.0])) != builder.constant(np.array([[1.0]]))


def test_operators_outside_the_list_are_refused_while_building() -> None:
    builder = OnnxBuilder()
    with pytest.raises(ModelError) as caught:
        builder.op("Loop", builder.constant(np.array([1.0])))
    assert caught.value.code == "graph.unsupported"
    with pytest.raises(ModelError):
        builder.op("Add", "x", "y", domain="com.example")


def test_one_column_is_not_text_and_number() -> None:
    builder = OnnxBuilder()
    builder.column("a", ColumnType.NUMBER)
    with pytest.raises(ModelError, match="both"):
        builder.column("a", ColumnType.TEXT)


def model_of(nodes: list[onnx.NodeProto], **extra: object) -> bytes:
    x = helper.make_tensor_value_info("x", TensorProto.DOUBLE, [None, 1])
    y = helper.make_tensor_value_info("y", TensorProto.DOUBLE, [None, 1])
    graph = helper.make_graph(nodes, "g", [x], [y], extra.pop("initializer", []))  # type: ignore[arg-type]
    opsets = [helper.make_opsetid("", OPSET), *extra.pop("opsets", [])]  # type: ignore[misc]
    return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, **extra).SerializeToString()  # type: ignore[no-any-return]


def endless() -> bytes:
    condition = helper.make_tensor_value_info("c", TensorProto.BOOL, [])
    step = helper.make_tensor_value_info("i", TensorProto.INT64, [])
    body = helper.make_graph([helper.make_node("Identity", ["c"], ["d"])], "b", [step, condition],
                             [helper.make_tensor_value_info("d", TensorProto.BOOL, [])])  # fmt: skip
    return model_of([helper.make_node("Loop", ["", "x"], ["y"], body=body)])


def elsewhere() -> bytes:
    tensor = TensorProto(name="w", data_type=TensorProto.DOUBLE, dims=[1], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="../../etc/passwd")
    return model_of([helper.make_node("Add", ["x", "w"], ["y"])], initializer=[tensor])


def bomb() -> bytes:
    shape = helper.make_tensor("n", TensorProto.INT64, [2], [400_000, 1_000])
    return model_of([helper.make_node("ConstantOfShape", ["n"], ["y"])], initializer=[shape])


def hollow() -> bytes:
    tensor = TensorProto(name="w", data_type=TensorProto.DOUBLE, dims=[1 << 20, 1 << 20])
    return model_of([helper.make_node("Add", ["x", "w"], ["y"])], initializer=[tensor])


def own_function() -> bytes:
    made = helper.make_function("mine", "F", ["a"], ["b"], [helper.make_node("Identity", ["a"], ["b"])],
                                [helper.make_opsetid("", OPSET)])  # fmt: skip
    return model_of([helper.make_node("F", ["x"], ["y"], domain="mine")], functions=[made],
                    opsets=[helper.make_opsetid("mine", 1)])  # fmt: skip


def custom_domain() -> bytes:
    return model_of([helper.make_node("Evil", ["x"], ["y"], domain="com.evil")],
                    opsets=[helper.make_opsetid("com.evil", 1)])  # fmt: skip


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (endless(), "Loop"),
        (elsewhere(), "outside the file"),
        (bomb(), "ConstantOfShape"),
        (hollow(), "more elements"),
        (own_function(), "functions"),
        (custom_domain(), "domain"),
        (b"\x80\x04\x95cos\nsystem\n", "not an ONNX file"),
        (b"", "model.onnx is refused"),
    ],
    ids=["loop", "external-data", "size-bomb", "hollow-tensor", "function", "domain", "pickle", "empty"],
)
def test_hostile_graphs_are_refused_in_one_sentence(content: bytes, why: str) -> None:
    with pytest.raises(ModelError, match=why) as caught:
        check_graph(content)
    assert caught.value.code == "bundle.graph"
    assert "\n" not in caught.value.message


def test_a_plain_graph_passes() -> None:
    check_graph(model_of([helper.make_node("Abs", ["x"], ["y"])]))

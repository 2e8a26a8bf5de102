"""Looks into an ONNX file before anything runs it: plain dataflow in one file, from a closed list of operators."""

from __future__ import annotations

from typing import Any

from modelwright.core.errors import ModelError

MAX_GRAPH_BYTES = 512 << 20
_MAX_NODES = 200_000

#: No control flow, no random numbers, no state, and nothing that makes large tensors out of small files.
_CORE = """
Abs Acos Acosh Add And ArgMax ArgMin Asin Asinh Atan Atanh BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor
Cast Ceil Celu Clip Concat Cos Cosh CumSum Div Elu Equal Erf Exp Expand Flatten Floor Gather GatherElements GatherND
Gelu Gemm Greater GreaterOrEqual HardSigmoid Identity IsInf IsNaN LeakyRelu Less LessOrEqual Log LogSoftmax MatMul
Max Mean Min Mod Mul Neg Not OneHot Or Pow Reciprocal ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax
ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare RegexFullMatch Relu Reshape Round ScatterElements
ScatterND Selu Shape Sigmoid Sign Sin Sinh Size Slice Softmax Softplus Softsign Split Sqrt Squeeze StringConcat
StringNormalizer StringSplit Sub Sum Tan Tanh TfIdfVectorizer Tile TopK Transpose Trilu Unsqueeze Where Xor
"""
_ML = """
ArrayFeatureExtractor Binarizer CategoryMapper FeatureVectorizer Imputer LabelEncoder LinearClassifier LinearRegressor
Normalizer OneHotEncoder SVMClassifier SVMRegressor Scaler TreeEnsemble TreeEnsembleClassifier TreeEnsembleRegressor
"""
ALLOWED: dict[str, frozenset[str]] = {"": frozenset(_CORE.split()), "ai.onnx.ml": frozenset(_ML.split())}


def check_graph(content: bytes) -> None:
    """Raise ModelError (`bundle.graph`) unless the bytes are one self-contained graph of allowed operators."""
    import onnx

    if len(content) > MAX_GRAPH_BYTES:
        raise _refused(f"it is larger than {MAX_GRAPH_BYTES >> 20} MB")
    try:
        proto = onnx.load_model_from_string(content)
    except Exception as error:
        raise _refused("it is not an ONNX file") from error
    if proto.functions or proto.training_info:
        raise _refused("it defines functions of its own")
    for opset in proto.opset_import:
        if opset.domain not in ALLOWED:
            raise _refused(f"it uses operators of the domain '{opset.domain[:60]}'")
    if len(proto.graph.node) > _MAX_NODES:
        raise _refused(f"it has more than {_MAX_NODES} operators")
    if proto.graph.sparse_initializer:
        raise _refused("it holds sparse tensors")
    for tensor in proto.graph.initializer:
        _check_tensor(tensor)
    for node in proto.graph.node:
        _check_node(node)
    try:
        onnx.checker.check_model(proto)
    except Exception as error:
        raise _refused(str(error).strip().splitlines()[0][:200]) from error


def _check_node(node: Any) -> None:
    from onnx import AttributeProto

    domain = "" if node.domain == "ai.onnx" else node.domain
    if node.op_type not in ALLOWED.get(domain, frozenset()):
        raise _refused(f"the operator '{node.op_type[:60]}' is not allowed")
    plain = {
        AttributeProto.FLOAT,
        AttributeProto.INT,
        AttributeProto.STRING,
        AttributeProto.FLOATS,
        AttributeProto.INTS,
        AttributeProto.STRINGS,
    }
    for attribute in node.attribute:
        if attribute.type == AttributeProto.TENSOR:
            _check_tensor(attribute.t)
        elif attribute.type not in plain:
            raise _refused(f"the operator '{node.op_type}' carries a graph or a type of its own")


def _check_tensor(tensor: Any) -> None:
    if tensor.data_location != 0 or tensor.external_data:
        raise _refused("it keeps data outside the file")
    elements = 1
    for size in tensor.dims:
        elements *= size
    if any(size < 0 for size in tensor.dims) or elements > 8 * max(tensor.ByteSize(), 1):
        raise _refused("a tensor claims more elements than it holds")


def _refused(why: str) -> ModelError:
    return ModelError(
        f"The file model.onnx is refused: {why}.",
        code="bundle.graph",
        hint="use the bundle as it was written, or package the model again",
        subject="file:model.onnx",
    )

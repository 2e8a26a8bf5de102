"""The Open Inference Protocol V2 without a transport: tensors to columns, and answers to tensors.

One input per column: NUMBER takes every numeric datatype, BOOLEAN takes BOOL, the others take BYTES, and categories
that are whole numbers integers too. Or, where all columns are numbers, one input of the shape [rows, columns] in the
signature's order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from modelwright.core.errors import did_you_mean
from modelwright.core.nouns import ColumnType, Signature, Task
from modelwright.interfaces.v2.tensors import Tensor, flags, invalid, numbers_or_none, texts, wholes
from modelwright.serving.asking import Answer, Refused
from modelwright.serving.columns import written_whole

PREDICTION, PROBABILITIES = "prediction", "probabilities"
_WHOLE = frozenset({"INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64"})
_NUMERIC = _WHOLE | {"FP16", "FP32", "FP64"}
_Reader = Callable[[Tensor], list[Any]]
#: column type -> (datatypes taken, the one metadata names, how values are read)
_READ: dict[ColumnType, tuple[frozenset[str], str, _Reader]] = {
    ColumnType.NUMBER: (_NUMERIC, "FP64", numbers_or_none),
    ColumnType.BOOLEAN: (frozenset({"BOOL"}), "BOOL", flags),
    ColumnType.CATEGORY: (frozenset({"BYTES"}), "BYTES", texts),
    ColumnType.TEXT: (frozenset({"BYTES"}), "BYTES", texts),
    ColumnType.DATETIME: (frozenset({"BYTES"}), "BYTES", texts),
}


_LABELS: dict[type, str] = {bool: "BOOL", int: "INT64", float: "FP64", str: "BYTES"}


class Described(Protocol):
    """What of `serving.live.Served` is needed here."""

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def signature(self) -> Signature: ...
    @property
    def classes(self) -> tuple[str, ...]: ...
    @property
    def labels(self) -> list[Any]: ...


def columns_of(tensors: Sequence[Tensor], signature: Signature, most_rows: int) -> dict[str, list[Any]]:
    """The columns of a request, typed but not judged: the plane does that. Raises Refused: request.tensor,
    request.unknown_field, request.rows, request.type."""
    if not tensors:
        raise Refused("The request has no inputs.", code="request.schema", hint="one input tensor per column")
    fields = {field.name: field for field in signature.inputs}
    if len(tensors) == 1 and _is_packed(tensors[0], signature):
        return _unpacked(tensors[0], signature, most_rows)
    rows = _rows(tensors[0])
    if rows > most_rows:
        raise Refused(f"The request has {rows} rows, and {most_rows} are allowed.", code="request.rows")
    found: dict[str, list[Any]] = {}
    for tensor in tensors:
        field = fields.get(tensor.name)
        if field is None:
            raise invalid(tensor.name, f"is no input of this model; {did_you_mean(tensor.name, fields)}",
                          "request.unknown_field")  # fmt: skip
        if tensor.name in found:
            raise invalid(tensor.name, "stands twice")
        taken, named, read = _READ[field.type]
        if tensor.datatype in _WHOLE and written_whole(field):
            taken, read = _WHOLE, wholes
        if tensor.datatype not in taken:
            raise invalid(tensor.name, f"has the datatype {tensor.datatype[:20]!r}; this column takes {named}",
                          "request.type")  # fmt: skip
        if _rows(tensor) != rows:
            raise invalid(tensor.name, f"has {_rows(tensor)} rows, and the first one has {rows}")
        if tensor.data is not None and len(tensor.data) != rows:
            raise invalid(tensor.name, f"has {len(tensor.data)} values, and its shape says {rows}")
        found[tensor.name] = read(tensor)
    return found


def _rows(tensor: Tensor) -> int:
    shape = tensor.shape
    if len(shape) == 1 or (len(shape) == 2 and shape[1] == 1):
        return shape[0]
    raise invalid(tensor.name, f"has the shape {list(shape)[:8]}; a column has [rows] or [rows, 1]")


def _is_packed(tensor: Tensor, signature: Signature) -> bool:
    return (
        len(tensor.shape) == 2
        and tensor.shape[1] == len(signature.inputs)
        and tensor.datatype in _NUMERIC
        and not (len(signature.inputs) == 1 and tensor.name == signature.inputs[0].name)
        and all(field.type is ColumnType.NUMBER for field in signature.inputs)
    )


def _unpacked(tensor: Tensor, signature: Signature, most_rows: int) -> dict[str, list[Any]]:
    rows, width = tensor.shape
    if rows > most_rows:
        raise Refused(f"The request has {rows} rows, and {most_rows} are allowed.", code="request.rows")
    values = numbers_or_none(tensor)
    if len(values) != rows * width:
        raise invalid(tensor.name, f"has {len(values)} values, and its shape says {rows * width}")
    return {field.name: values[at::width] for at, field in enumerate(signature.inputs)}


def output_types(served: Described) -> dict[str, tuple[str, list[int]]]:
    """Name -> datatype and shape (-1 for the rows) of what this model gives."""
    task = served.signature.task
    if task.is_classification:
        kinds = {type(label) for label in served.labels}
        datatype = _LABELS.get(kinds.pop(), "BYTES") if len(kinds) == 1 else "BYTES"
        return {PREDICTION: (datatype, [-1]), PROBABILITIES: ("FP64", [-1, len(served.classes)])}
    return {PREDICTION: ("INT64" if task is Task.CLUSTERING else "FP64", [-1])}


def outputs_of(answer: Answer, served: Described, wanted: Sequence[str] = ()) -> list[Tensor]:
    """The answer as tensors, in the order they were asked for. Raises Refused (`request.output`)."""
    types = output_types(served)
    found = []
    for name in wanted or types:
        if name not in types:
            raise Refused(
                f"The model has no output '{name[:100]}'.", code="request.output", hint=did_you_mean(name, types)
            )
        datatype, shape = types[name]
        rows = len(answer.predictions)
        if name == PREDICTION:
            found.append(Tensor(name, datatype, (rows,), answer.predictions))
        elif answer.probabilities is None:
            raise Refused("The answer of this model has no probabilities now.", code="request.output")
        else:
            values = [share for row in answer.probabilities for share in row]
            found.append(Tensor(name, datatype, (rows, shape[1]), values))
    return found


def metadata(served: Described, versions: Sequence[int]) -> dict[str, Any]:
    """The model's metadata as the protocol wants it; `properties` says what it has no place for."""
    outputs = [{"name": n, "datatype": d, "shape": s} for n, (d, s) in output_types(served).items()]
    return {
        "name": served.name,
        "versions": [str(version) for version in versions],
        "platform": "modelwright",
        "inputs": [
            {"name": field.name, "datatype": _READ[field.type][1], "shape": [-1]} for field in served.signature.inputs
        ],
        "outputs": outputs,
        "properties": properties(served),
    }


def properties(served: Described) -> Mapping[str, str]:
    """Texts by name, as the protocol's gRPC form has them."""
    found = {"task": served.signature.task.value}
    if served.classes:
        found["classes"] = msgspec.json.encode(list(served.classes)).decode()
    return found

"""ModelInfer's two messages as bytes. Whatever a client asks for the first time is read and written by protobuf. What
all its requests have in common (names, datatypes, shapes, outputs) is then known by its bytes, and only ids and values
are read; anything that is not exactly so goes the long way again, which also says what is wrong.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from modelwright.core.nouns import Signature
from modelwright.interfaces.grpc.protocol import message
from modelwright.interfaces.v2.dialect import PREDICTION, output_types, outputs_of
from modelwright.interfaces.v2.tensors import Tensor, binary, invalid
from modelwright.serving.asking import Answer, Refused
from modelwright.serving.live import Served

#: datatype -> the field of InferTensorContents that holds its values, and the least and the most they may be
_CONTENTS: dict[str, tuple[str, int, int]] = {
    "BOOL": ("bool_contents", 0, 0), "FP32": ("fp32_contents", 0, 0), "FP64": ("fp64_contents", 0, 0),
    "BYTES": ("bytes_contents", 0, 0), "INT64": ("int64_contents", 0, 0), "UINT64": ("uint64_contents", 0, 0),
    "INT8": ("int_contents", -(2**7), 2**7 - 1), "INT16": ("int_contents", -(2**15), 2**15 - 1),
    "INT32": ("int_contents", 0, 0), "UINT8": ("uint_contents", 0, 2**8 - 1), "UINT16": ("uint_contents", 0, 2**16 - 1),
    "UINT32": ("uint_contents", 0, 0),
}  # fmt: skip
_MOST_TENSORS, _LONGEST_ID = 4_096, 128
_EXACT = 2**53
_KNOWN, _LONGEST_BLOCK = 64, 64 << 10  # layouts and reply heads remembered, and the bytes of one
_NAME, _VERSION, _ID, _RAW_IN, _RAW_OUT = 0x0A, 0x12, 0x1A, 0x3A, b"\x32"
_LETTERS = {"FP64": "d", "FP32": "f", "INT64": "q", "INT32": "i", "INT16": "h", "INT8": "b", "UINT32": "I",
            "UINT16": "H", "UINT8": "B"}  # fmt: skip
#: the length of a text as it stands before it, for those short enough for a length of one byte
_SHORT = [length.to_bytes(4, "little") for length in range(128)]
_TEXT, _FLAG = -1, -2  # in place of a size
#: steps through the values of one row: the size of a run of numbers, its reader, and the tags it must find
_Step = tuple[int, Any, tuple[int, ...]]


class Asked:
    """What a request says, its rows still in tensors; or the values of its one row, in the order of `layout`."""

    __slots__ = ("id", "layout", "model", "row", "tensors", "version", "wanted")

    def __init__(self, names: Sequence[str], tensors: Sequence[Tensor], wanted: tuple[str, ...]) -> None:
        self.model, self.version, self.id = names
        self.tensors, self.wanted = tensors, wanted
        self.row: tuple[Any, ...] | None = None
        self.layout: Layout | None = None


class Layout:
    """What requests with the same block of bytes between id and values have in common."""

    __slots__ = ("order", "plan", "signature", "wanted")

    def __init__(self, wanted: tuple[str, ...]) -> None:
        self.wanted = wanted
        self.plan: tuple[_Step, ...] = ()  # how one row is read, once a request of this form was found right
        self.order: Any = None  # puts the values into the signature's order, where they come in another
        self.signature: Signature | None = None  # by which it was found right

    def learn(self, tensors: Sequence[Tensor], signature: Signature) -> None:
        """A request of this form has just been read by this signature; remember how, where it has one row."""
        names = [tensor.name for tensor in tensors]
        inputs = [field.name for field in signature.inputs]
        if sorted(names) != sorted(inputs) or any(tensor.shape not in ((1,), (1, 1)) for tensor in tensors):
            return
        plan: list[_Step] = []
        for datatype, run in groupby(tensor.datatype for tensor in tensors):
            count = len(list(run))
            letter = _LETTERS.get(datatype)
            if letter is not None:
                numbers = struct.Struct("<" + f"H{letter}" * count)
                tag = _RAW_IN | (numbers.size // count - 2) << 8
                plan.append((numbers.size, numbers.unpack_from, (tag,) * count))
            elif datatype in ("BYTES", "BOOL"):
                plan += [(_TEXT if datatype == "BYTES" else _FLAG, None, ())] * count
            else:
                return
        self.plan, self.signature = tuple(plan), signature
        self.order = None if names == inputs else itemgetter(*(names.index(name) for name in inputs))


class Reader:
    """Of one process."""

    def __init__(self) -> None:
        self._message = message("ModelInferRequest")
        self._known: dict[bytes, Layout] = {}  # by their block

    def read(self, content: bytes) -> Asked:
        """Raises Refused: request.protobuf, request.schema, request.tensor."""
        return self._quickly(content) or self.read_slowly(content)

    def read_slowly(self, content: bytes) -> Asked:
        """As `read`, always by protobuf."""
        try:
            request = self._message.FromString(content)
        except Exception:  # noqa: BLE001 - protobuf's own error; its class depends on how protobuf was built
            raise Refused("The message is no ModelInferRequest.", code="request.protobuf") from None
        if len(request.id) > _LONGEST_ID:
            raise Refused("`id` should be a text of at most 128 characters.", code="request.schema")
        raws = request.raw_input_contents
        names = (request.model_name, request.model_version, request.id)
        found = Asked(names, _tensors(request, raws), _wanted(request))
        if raws:
            found.layout = self._layout(content, request, found)
        return found

    def _layout(self, content: bytes, request: Any, found: Asked) -> Layout | None:
        """The form of this request, where its bytes are in the order that protobuf writes them."""
        head = b"".join(_field(tag, said.encode()) for tag, said in (
            (_NAME, found.model), (_VERSION, found.version), (_ID, found.id)) if said)  # fmt: skip
        tail = b"".join(_field(_RAW_IN, raw) for raw in request.raw_input_contents)
        block = content[len(head) : len(content) - len(tail)]
        if len(block) > _LONGEST_BLOCK or head + block + tail != content:
            return None
        known = self._known.get(block)
        if known is not None:
            return known
        if len(self._known) >= _KNOWN:
            self._known.clear()
        layout = self._known[block] = Layout(found.wanted)
        return layout

    def _quickly(self, content: bytes) -> Asked | None:
        """A request of a known form with one row; None for every other."""
        try:
            at, said = 0, ["", "", ""]
            for place, tag in enumerate((_NAME, _VERSION, _ID)):
                if content[at] == tag:
                    size = content[at + 1]
                    if size > 127:
                        return None
                    said[place] = content[at + 2 : at + 2 + size].decode()
                    at += 2 + size
            for block, layout in self._known.items():
                if layout.plan and content.startswith(block, at):
                    values = _row(content, at + len(block), layout.plan)
                    if values is None:
                        return None
                    asked = Asked(said, (), layout.wanted)
                    asked.row = tuple(values) if layout.order is None else layout.order(values)
                    asked.layout = layout
                    return asked
        except (IndexError, UnicodeDecodeError, struct.error):
            return None
        return None


def _row(content: bytes, at: int, plan: Sequence[_Step]) -> list[Any] | None:
    """The values of one row; None for whatever is not plainly right."""
    values: list[Any] = []
    for size, unpack, tags in plan:
        if size > 0:
            found = unpack(content, at)
            if found[::2] != tags:
                return None
            values += _numbers(found[1::2])
            at += size
            continue
        length = content[at + 1]
        if content[at] != _RAW_IN or length > 127:
            return None
        at += 2
        end = at + length
        if size == _TEXT:
            if length < 4 or content[at : at + 4] != _SHORT[length - 4]:
                return None
            values.append(content[at + 4 : end].decode())
        else:
            if length != 1 or content[at] > 1:
                return None
            values.append(content[at] == 1)
        at = end
    return values if at == len(content) else None


def _numbers(found: Sequence[Any]) -> Sequence[Any]:
    """As a column of numbers has them. Raises IndexError for a whole number that no float says exactly."""
    total = sum(found)
    if type(total) is int:
        if max(found) > _EXACT or min(found) < -_EXACT:
            raise IndexError
        return [float(value) for value in found]
    return found if total == total else [None if value != value else value for value in found]


def _field(tag: int, content: bytes) -> bytes:
    return bytes((tag,)) + _length(len(content)) + content


def _length(value: int) -> bytes:
    """A number as protobuf writes one (base 128, least first)."""
    if value < 128:
        return bytes((value,))
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    found.append(value)
    return bytes(found)


def _tensors(request: Any, raws: Any) -> list[Tensor]:
    """Raises Refused where tensors and their contents disagree."""
    inputs = request.inputs
    if len(inputs) > _MOST_TENSORS:
        raise Refused(f"The request has more than {_MOST_TENSORS} inputs.", code="request.schema")
    if raws and len(raws) != len(inputs):
        raise Refused(
            f"The request has {len(inputs)} inputs and {len(raws)} raw contents.", code="request.tensor",
            hint="either every input has raw contents, or none", subject="raw_input_contents",
        )  # fmt: skip
    found = []
    for place, one in enumerate(inputs):
        shape = tuple(one.shape)
        if not 1 <= len(shape) <= 4 or any(not 0 <= length < 1 << 40 for length in shape):
            raise invalid(one.name, "needs a `shape` of one or two whole numbers", "request.schema")
        tensor = Tensor(one.name, one.datatype, shape)
        if not raws:
            tensor.data = _values(one)
        elif one.HasField("contents"):
            raise invalid(one.name, "has typed contents beside raw ones")
        else:
            tensor.raw = raws[place]
        found.append(tensor)
    return found


def _values(one: Any) -> list[Any]:
    """Typed contents, which must stand in the field of their datatype."""
    place = _CONTENTS.get(one.datatype)
    if place is None:
        raise invalid(one.name, f"has the datatype {one.datatype[:20]!r}, which has no typed contents", "request.type")
    name, least, most = place
    for field, _ in one.contents.ListFields():
        if field.name != name:
            raise invalid(one.name, f"has the datatype {one.datatype} and values in {field.name}", "request.type")
    values = list(getattr(one.contents, name))
    if most and values and (min(values) < least or max(values) > most):
        raise invalid(one.name, f"has a value that is no {one.datatype}", "request.type")
    if name in ("fp32_contents", "fp64_contents"):  # as in the binary form, NaN is what is missing
        return [None if value != value else value for value in values]
    return values


def _wanted(request: Any) -> tuple[str, ...]:
    for one in request.outputs:
        if "classification" in one.parameters:
            raise Refused("The classification extension is not offered; ask for `probabilities`.",
                          code="request.output", subject=f"output:{one.name[:60]}")  # fmt: skip
    return tuple(dict.fromkeys(one.name for one in request.outputs))


class Writer:
    """Replies, always with raw contents: the protocol's clients read both forms, Triton's only this one."""

    def __init__(self) -> None:
        self._known: dict[tuple[Any, ...], tuple[bytes, bytes, tuple[tuple[str, str], ...]]] = {}

    def write(self, answer: Answer, served: Served, said: str, wanted: tuple[str, ...]) -> bytes:
        """Raises Refused (`request.output`)."""
        rows = len(answer.predictions)
        key = (served.digest, answer.model, answer.version, answer.degraded, answer.probabilities is None, rows, wanted)
        found = self._known.get(key)
        if found is None:
            found = self._new(key, answer, served, wanted)
        head, outputs, listed = found
        parts = [head, _field(_ID, said.encode()), outputs]
        for name, datatype in listed:
            values = answer.predictions
            if name != PREDICTION:
                shares: Any = answer.probabilities
                values = shares[0] if rows == 1 else [share for row in shares for share in row]
            content = _packed(name, datatype, values)
            parts += (_RAW_OUT, _length(len(content)), content)
        return b"".join(parts)

    def _new(self, key: tuple[Any, ...], answer: Answer, served: Served, wanted: tuple[str, ...]) -> Any:
        if not wanted and answer.probabilities is None and served.classes:
            wanted = (PREDICTION,)  # a fallback may know the answer and no probabilities
        outputs = outputs_of(answer, served, wanted)
        reply = message("ModelInferResponse")
        head = reply(model_name=answer.model, model_version=str(answer.version)).SerializeToString()
        rest = reply()
        rest.parameters["degraded"].bool_param = answer.degraded
        for one in outputs:
            rest.outputs.add(name=one.name, datatype=one.datatype, shape=one.shape)
        types = output_types(served)
        if len(self._known) >= 4 * _KNOWN:
            self._known.clear()
        found = self._known[key] = (
            head, rest.SerializeToString(), tuple((one.name, types[one.name][0]) for one in outputs),
        )  # fmt: skip
        return found


def _packed(name: str, datatype: str, values: Sequence[Any]) -> bytes:
    if datatype == "FP64" and len(values) <= 16:
        return struct.pack(f"<{len(values)}d", *values)
    return binary(Tensor(name, datatype, (len(values),), values))

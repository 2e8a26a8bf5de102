"""Tensors of the Open Inference Protocol V2: their datatypes, and their values to and from bytes.

The binary form is little endian, row-major; BYTES is each value's length in four bytes, then the value.
Source: kserve/open-inference-protocol and its binary tensor data extension.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwright.serving.asking import Refused

#: datatype -> its form in numpy; BYTES has none
FORMS: dict[str, str] = {
    "BOOL": "|u1", "INT8": "<i1", "INT16": "<i2", "INT32": "<i4", "INT64": "<i8", "UINT8": "<u1", "UINT16": "<u2",
    "UINT32": "<u4", "UINT64": "<u8", "FP16": "<f2", "FP32": "<f4", "FP64": "<f8",
}  # fmt: skip
_LENGTH = struct.Struct("<I")
_EXACT = 2**53


@dataclass(slots=True)
class Tensor:
    """One input or output. `data` holds flat values, `raw` the binary form; one of them is None."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    data: Sequence[Any] | None = None
    raw: bytes | memoryview | None = None

    @property
    def size(self) -> int:
        size = 1
        for length in self.shape:
            size *= length
        return size


def invalid(tensor: str, why: str, code: str = "request.tensor") -> Refused:
    return Refused(f"The tensor '{tensor[:100]}' {why}.", code=code, subject=f"tensor:{tensor[:100]}")


def numbers(tensor: Tensor) -> NDArray[Any]:
    """The values of a numeric binary tensor. Raises Refused (`request.tensor`) where bytes and shape disagree."""
    form = FORMS.get(tensor.datatype)
    if form is None:
        raise invalid(tensor.name, f"has the datatype {tensor.datatype[:20]}, which is no number")
    assert tensor.raw is not None
    width = int(form[2:])
    if len(tensor.raw) != tensor.size * width:
        raise invalid(tensor.name, f"has {len(tensor.raw)} bytes, and its shape needs {tensor.size * width}")
    return np.frombuffer(tensor.raw, dtype=form)


def numbers_or_none(tensor: Tensor) -> list[Any]:
    """As a column of numbers: floats, NaN as missing (a binary tensor has no null). Whole numbers that no float says
    exactly stay whole, so that whoever judges them sees what was sent."""
    if tensor.data is not None:
        return [float(v) if type(v) is int and -_EXACT <= v <= _EXACT else v for v in tensor.data]
    array = numbers(tensor)
    if array.dtype.kind == "f":
        wide = array.astype(np.float64)
        values: list[Any] = wide.tolist()
        return values if not np.isnan(wide).any() else [None if value != value else value for value in values]
    if array.dtype.itemsize == 8 and len(array) and (int(array.max()) > _EXACT or int(array.min()) < -_EXACT):
        return list(array.tolist())
    return list(array.astype(np.float64).tolist())


def wholes(tensor: Tensor) -> list[Any]:
    """As a column of whole numbers; whether JSON's are whole, the plane judges."""
    return list(tensor.data) if tensor.data is not None else list(numbers(tensor).tolist())


def flags(tensor: Tensor) -> list[Any]:
    """As a column of booleans."""
    if tensor.data is not None:
        return list(tensor.data)
    array = numbers(tensor)
    if len(array) and int(array.max()) > 1:
        raise invalid(tensor.name, "has the datatype BOOL and a byte that is neither 0 nor 1")
    return list(array.astype(bool).tolist())


def texts(tensor: Tensor) -> list[Any]:
    """As a column of texts. Raises Refused (`request.tensor`) for what is not UTF-8, or cut."""
    if tensor.data is not None:
        return [_text(tensor.name, value) if isinstance(value, bytes) else value for value in tensor.data]
    assert tensor.raw is not None
    raw = bytes(tensor.raw)
    spans = _spans(raw, tensor)
    if raw.isascii():  # one text, and slices of it: lengths below 128 are ASCII too
        whole = raw.decode("ascii")
        return [whole[start:end] for start, end in spans]
    return [_text(tensor.name, raw[start:end]) for start, end in spans]


def _text(name: str, value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        raise invalid(name, "holds bytes that are not UTF-8") from None


def _spans(raw: bytes, tensor: Tensor) -> list[tuple[int, int]]:
    """Where each value begins and ends."""
    total, count = len(raw), tensor.size
    if count and total % count == 0 and total >= 4 * count:  # all of one length: checked and cut at once
        width = total // count
        lengths = np.frombuffer(raw, dtype=np.dtype({"names": ["n"], "formats": ["<u4"], "itemsize": width}))["n"]
        if (lengths == width - 4).all():
            return [(start + 4, start + width) for start in range(0, total, width)]
    read, at = _LENGTH.unpack_from, 0
    spans: list[tuple[int, int]] = []
    keep = spans.append
    try:
        for _ in range(count):
            start = at + 4
            at = start + read(raw, at)[0]
            keep((start, at))
    except struct.error:
        raise invalid(tensor.name, "ends within a value") from None
    if at != total:
        raise invalid(tensor.name, f"has {total} bytes, and its {count} values need {at}")
    return spans


def binary(tensor: Tensor) -> bytes:
    """The binary form of an output."""
    if tensor.raw is not None:
        return bytes(tensor.raw)
    values = tensor.data or ()
    if tensor.datatype != "BYTES":
        return np.asarray(values, dtype=FORMS[tensor.datatype]).tobytes()
    known: dict[Any, bytes] = {}
    parts = []
    for value in values:
        said = known.get(value)
        if said is None:
            content = str(value).encode("utf-8")
            said = known[value] = _LENGTH.pack(len(content)) + content
        parts.append(said)
    return b"".join(parts)


def flat(name: str, found: Any, most: int) -> list[Any]:
    """Nested arrays as one row-major list; JSON may write them either way. At most three levels."""
    if type(found) is not list:
        raise invalid(name, "has no array of data")
    data: list[Any] = found
    for _ in range(2):
        if not any(type(value) is list for value in data):
            break
        if not all(type(value) is list for value in data):
            raise invalid(name, "mixes arrays and values")
        data = [value for inner in data for value in inner]
        if len(data) > most:
            raise invalid(name, f"has more than {most} values", "request.rows")
    if any(type(value) in (list, dict) for value in data):
        raise invalid(name, "holds something that is no value")
    return data

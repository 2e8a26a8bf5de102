"""The quick reading of a request says what protobuf says, or leaves it to protobuf."""

from __future__ import annotations

import random
from typing import Any

import pytest

from modelwright.interfaces.grpc.wire import Asked, Reader
from modelwright.interfaces.v2.dialect import columns_of
from modelwright.serving.asking import Refused
from modelwright.serving.live import Served
from tests.unit.interfaces.grpc.door import raw
from tests.unit.interfaces.http.hosting import ROW, host


@pytest.fixture(scope="module")
def served() -> Served:
    return host().plane.find("churn")


def _learned(served: Served, request: Any) -> Reader:
    """A reader that has seen one such request."""
    reader = Reader()
    first = reader.read(request.SerializeToString())
    assert first.row is None
    assert first.layout is not None
    columns_of(first.tensors, served.signature, 100)
    first.layout.learn(first.tensors, served.signature)
    return reader


def _slowly(reader: Reader, served: Served, content: bytes) -> tuple[Asked, tuple[Any, ...]]:
    asked = reader.read_slowly(content)
    columns = columns_of(asked.tensors, served.signature, 100)
    return asked, tuple(columns[field.name][0] for field in served.signature.inputs)


@pytest.mark.parametrize("names", [list(ROW), list(reversed(ROW)), sorted(ROW)])
def test_a_known_form_is_read_without_protobuf_and_alike(served: Served, names: list[str]) -> None:
    reader = _learned(served, raw({name: ROW[name] for name in names}))
    changed = {**ROW, "number": float("nan"), "skewed": -3.5, "kind": "blüe", "label": "", "flag": False}
    content = raw({name: changed[name] for name in names}, id="seven", model_version="3").SerializeToString()
    quick = reader.read(content)
    slow, row = _slowly(reader, served, content)
    assert quick.row is not None, "it was read by protobuf"
    assert repr(quick.row) == repr(row)
    assert (quick.model, quick.version, quick.id, quick.wanted) == (slow.model, slow.version, slow.id, slow.wanted)
    assert (quick.id, quick.version, quick.row[0]) == ("seven", "3", None)


def test_what_is_not_exactly_so_is_left_to_protobuf(served: Served) -> None:
    content = raw(id="x").SerializeToString()
    reader = _learned(served, raw())
    assert reader.read(content).row is not None
    chance = random.Random(5)
    quick = 0
    for _ in range(4_000):
        at = chance.randrange(len(content))
        changed = content[:at] + bytes((chance.randrange(256),)) + content[at + chance.randrange(3) :]
        asked = reader._quickly(changed)
        if asked is None:
            continue
        quick += 1
        try:
            slow, row = _slowly(reader, served, changed)
        except Refused as refused:
            pytest.fail(f"read quickly, and refused by protobuf: {refused}")
        assert repr(asked.row) == repr(row)
        assert (asked.model, asked.version, asked.id) == (slow.model, slow.version, slow.id)
    assert quick > 100, "too few were read quickly to say anything"


def test_many_forms_are_remembered_and_no_more_than_that(served: Served) -> None:
    reader = Reader()
    for count in range(1, 200):
        reader.read(raw(*[ROW] * count).SerializeToString())
    assert len(reader._known) <= 64


@pytest.mark.parametrize(
    ("datatype", "field", "values", "code"),
    [
        ("INT8", "int_contents", [128], "request.type"),
        ("UINT16", "uint_contents", [65_536], "request.type"),
        ("FP64", "fp32_contents", [1.0], "request.type"),
        ("FP16", "fp32_contents", [1.0], "request.type"),
        ("FP32", "int64_contents", [1], "request.type"),
    ],
)
def test_typed_contents_stand_in_the_field_of_their_datatype(
    datatype: str, field: str, values: list[Any], code: str
) -> None:
    request = raw()
    del request.inputs[:], request.raw_input_contents[:]
    one = request.inputs.add(name="number", datatype=datatype, shape=[1])
    getattr(one.contents, field).extend(values)
    with pytest.raises(Refused) as refused:
        Reader().read(request.SerializeToString())
    assert refused.value.code == code

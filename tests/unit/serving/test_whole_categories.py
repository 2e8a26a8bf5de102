"""Categories that a table read from whole numbers may be sent as numbers, by every way; nothing else may."""

from __future__ import annotations

import json
import struct
from typing import Any

import msgspec
import pytest

from modelwright.core.nouns import ColumnType, Signature, SignatureField, Task
from modelwright.interfaces.v2.dialect import columns_of
from modelwright.interfaces.v2.tensors import Tensor
from modelwright.records.prediction import Prediction
from modelwright.records.prediction import decode as decode_record
from modelwright.registry.model import Model
from modelwright.serving.asking import Ask, Limits, Refused
from modelwright.serving.decoding import Decoder
from modelwright.serving.plane import Plane
from modelwright.spec.serving import ServingSpec
from tests.unit.serving.served_models import Kept, served
from tests.unit.serving.test_straight import ROW, trained


def _values(rows: list[Any], categories: tuple[str, ...] = ("0", "1"), spec: ServingSpec | None = None) -> list[Any]:
    field = SignatureField(name="c", type=ColumnType.CATEGORY, categories=categories)
    one = Decoder(Signature(inputs=(field,), task=Task.REGRESSION), spec or ServingSpec(), Limits())
    found = [one.decode(Ask(model="m", body=json.dumps({"rows": [{"c": row} for row in rows]}).encode())).values]
    found.append(one.decode(Ask(model="m", body=json.dumps({"columns": {"c": rows}}).encode())).values)
    found.append(one.decode(Ask(model="m", rows=[{"c": row} for row in rows])).values)
    found.append(one.decode(Ask(model="m", columns={"c": rows})).values)
    assert all(each == found[0] for each in found)
    return [row[0] for row in found[0] if row is not None]


def test_numbers_and_texts_mean_the_same() -> None:
    assert _values([0]) == ["0"]
    assert _values([0, "0", 1, " 1 ", None, 7]) == ["0", "0", "1", "1", None, "7"]
    assert _values([-3, 12], ("-3", "12")) == ["-3", "12"]


@pytest.mark.parametrize("value", [True, 0.0, 1.5, 2**60, [0], {"c": 0}])
def test_what_is_no_whole_number_is_refused(value: Any) -> None:
    with pytest.raises(Refused) as caught:
        _values([value])
    assert caught.value.code == "request.type"


@pytest.mark.parametrize("categories", [("1", "x"), ("01", "02"), ("1.0",), ("",), ("1", "9" * 20)])
def test_categories_that_are_texts_take_texts_only(categories: tuple[str, ...]) -> None:
    with pytest.raises(Refused) as caught:
        _values([1], categories)
    assert caught.value.code == "request.type"


def test_a_number_that_training_never_saw_is_refused_where_the_rule_says_so() -> None:
    with pytest.raises(Refused) as caught:
        _values([7], spec=ServingSpec(unseen="refuse"))
    assert caught.value.code == "request.category"


@pytest.mark.parametrize("rows", [1, 30])
def test_the_short_way_takes_them_too(rows: int) -> None:
    model = trained()
    inputs = tuple(
        msgspec.structs.replace(field, categories=("3", "7")) if field.name == "kind" else field
        for field in model.signature.inputs
    )
    whole = Model(
        signature=msgspec.structs.replace(model.signature, inputs=inputs),
        members=model.members,
        decision_threshold=model.decision_threshold,
    )
    said = []
    for value in (3, "3"):
        log = Kept()
        plane = Plane(log=log)
        plane.put(served(whole, name="zoo"))
        content = json.dumps({"rows": [{**ROW, "kind": value}] * rows}).encode()
        given = plane.quickly("zoo", content, 1.0, "k1")
        assert given is not None
        reply = json.loads(given[1])
        record = decode_record(log.records[0])
        assert isinstance(record, Prediction)
        said.append((reply["predictions"], reply["probabilities"], record.rows))
    assert said[0] == said[1]


def test_integer_tensors_are_taken_and_others_are_not() -> None:
    field = SignatureField(name="c", type=ColumnType.CATEGORY, categories=("0", "1"))
    signature = Signature(inputs=(field,), task=Task.REGRESSION)
    one = Decoder(signature, ServingSpec(), Limits())
    binary = Tensor(name="c", datatype="INT32", shape=(2,), raw=memoryview(struct.pack("<2i", 0, 1)))
    for tensor in (binary, Tensor(name="c", datatype="INT64", shape=(2,), data=[0, 1])):
        columns = columns_of([tensor], signature, 10)
        assert one.decode(Ask(model="m", columns=columns)).values == [("0",), ("1",)]
    for datatype, data in (("FP64", [0.0, 1.0]), ("BOOL", [False, True])):
        with pytest.raises(Refused):
            columns_of([Tensor(name="c", datatype=datatype, shape=(2,), data=data)], signature, 10)

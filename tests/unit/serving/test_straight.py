"""The straight way of one good row says, writes and counts what the long way does; the rest it leaves alone."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import lru_cache
from typing import Any

import msgspec
import pytest

from modelwright.core.errors import AdapterError
from modelwright.core.nouns import ColumnType, Signature, SignatureField, Task
from modelwright.records.prediction import decode
from modelwright.registry.model import Model
from modelwright.serving.asking import Ask
from modelwright.serving.plane import Plane
from modelwright.serving.routing import Arm, Route
from modelwright.spec.serving import ColumnPolicy, LogSpec, ServingSpec
from tests.unit.registry import bundle_parts as parts
from tests.unit.serving.served_models import Kept, served

ROW = {"number": 0.25, "skewed": 1.5, "serial": 1_000_000_003, "kind": "red", "label": "a", "flag": True}


@lru_cache
def trained(task: Task = Task.BINARY) -> Model:
    whole = parts.mixed(task, 240)
    types = {name: kind for name, kind in whole.types.items() if name != "when"}
    table = replace(whole, frame=whole.frame.drop("when"), types=types)
    made = parts.model(table, ["lightgbm"], decision_threshold=0.43 if task is Task.BINARY else None)
    fields = []
    for field in made.signature.inputs:
        column, known = table.frame[field.name], dict[str, Any]()
        if field.type is ColumnType.NUMBER:
            known = {"low": float(column.min()), "high": float(column.max())}  # type: ignore[arg-type]
        if field.type is ColumnType.CATEGORY:
            known = {"categories": tuple(column.drop_nulls().unique().sort().to_list())}
        fields.append(SignatureField(name=field.name, type=field.type, **known))
    signature = msgspec.structs.replace(made.signature, inputs=tuple(fields))
    assert isinstance(signature, Signature)
    return Model(signature=signature, members=made.members, decision_threshold=made.decision_threshold)


def plane_of(task: Task = Task.BINARY, log: Any = None, spec: ServingSpec | None = None, versions: int = 1) -> Plane:
    plane = Plane(log=log)
    for version in range(1, versions + 1):
        plane.put(served(trained(task), version, spec, name='100 % "zoo"'))
    return plane


def quickly(plane: Plane, content: bytes) -> tuple[bytes, bytes, float, int] | None:
    return plane.quickly('100 % "zoo"', content, 1.0, "k1")


def body(row: dict[str, Any], **options: Any) -> bytes:
    return json.dumps({"rows": [row], **options}).encode()


def _plain(content: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(content)
    assert found.pop("request_id")
    return found


GOOD = [{}, {"number": None}, {"kind": None}, {"flag": False}, {"serial": 1_000_000_003.0}, {"kind": "blue, dark"}]


@pytest.mark.parametrize("task", [Task.BINARY, Task.MULTICLASS, Task.REGRESSION])
def test_both_ways_say_write_and_count_the_same(task: Task) -> None:
    logs = Kept(), Kept()
    quick, slow = plane_of(task, logs[0]), plane_of(task, logs[1])
    for change in GOOD:
        content = body({**ROW, **change})
        given = quickly(quick, content)
        assert given is not None, change
        answer = slow.answer(Ask(model='100 % "zoo"', body=content, received=1.0, caller="k1"))
        assert _plain(given[1]) == _plain(answer.body)
        assert list(json.loads(given[1])) == list(json.loads(answer.body))
        assert json.loads(given[1])["request_id"] == given[0].decode()
    written = [[decode(each) for each in log.records] for log in logs]
    same = {"request_id": "", "at_us": 0, "latency_us": 0}
    left, right = ([msgspec.structs.replace(each, **same) for each in one] for one in written)
    assert left == right
    assert [each.request_id for each in written[0]] != [each.request_id for each in written[1]]  # type: ignore[union-attr]
    assert quick.counters() == slow.counters()


@pytest.mark.parametrize("task", [Task.BINARY, Task.MULTICLASS, Task.REGRESSION])
def test_many_rows_are_said_written_and_counted_the_same(task: Task) -> None:
    logs = Kept(), Kept()
    quick, slow = plane_of(task, logs[0]), plane_of(task, logs[1])
    for count in (12, 40):
        rows = [{**ROW, "number": at / 50, **GOOD[at % len(GOOD)]} for at in range(count) if at % 6 != 5]
        rows += [{**ROW, "number": at / 70} for at in range(count)]
        content = json.dumps({"rows": rows}).encode()
        given = quickly(quick, content)
        assert given is not None, count
        answer = slow.answer(Ask(model='100 % "zoo"', body=content, received=1.0, caller="k1"))
        assert _plain(given[1]) == _plain(answer.body)
        assert json.loads(given[1])["request_id"] == given[0].decode()
        assert given[3] == len(answer.predictions)
    written = [[decode(each) for each in log.records] for log in logs]
    same = {"request_id": "", "at_us": 0, "latency_us": 0}
    left, right = ([msgspec.structs.replace(each, **same) for each in one] for one in written)
    assert left == right
    assert quick.counters() == slow.counters()


@pytest.mark.parametrize("change", [
    {"kind": "violet"}, {"serial": 5.0}, {"number": "0.25"}, {"number": 2**70}, {"more": 1}, {"flag": 1},
])  # fmt: skip
def test_many_rows_with_an_odd_one_are_left_to_the_long_way(change: dict[str, Any]) -> None:
    log = Kept()
    plane = plane_of(log=log)
    before = plane.counters()
    rows = [dict(ROW) for _ in range(30)]
    rows[17] |= change
    assert quickly(plane, json.dumps({"rows": rows}).encode()) is None
    assert (log.records, plane.counters()) == ([], before)


def test_a_key_that_comes_twice_among_many_rows_is_left_to_the_long_way() -> None:
    plane = plane_of(spec=ServingSpec(max_rows=40))
    whole = json.dumps({"rows": [ROW] * 30}).encode()
    assert quickly(plane, whole) is not None
    for twice in (1, 6):  # six further keys are as many colons as a further row has
        assert quickly(plane, whole.replace(b'"flag": true', b'"flag": true, "flag": true', twice)) is None
    assert quickly(plane, json.dumps({"rows": [ROW] * 41}).encode()) is None


@pytest.mark.parametrize(
    "content",
    [
        body({**ROW, "kind": "violet"}), body({**ROW, "serial": 5.0}), body({**ROW, "number": "0.25"}),
        body({**ROW, "number": 2**70}), body({**ROW, "more": 1}), body({k: v for k, v in ROW.items() if k != "flag"}),
        body(ROW, request_id="mine"), body(ROW, version=1), b'{"rows":[]}', b"", b"{", b"\xff",
        json.dumps({"rows": [ROW, ROW]}).encode(), json.dumps({"columns": {k: [v] for k, v in ROW.items()}}).encode(),
        body(ROW).replace(b'"flag": true', b'"flag": true, "flag": false'), body(ROW).replace(b"0.25", b"NaN"),
        body(ROW).replace(b"0.25", b"1e400"), body({**ROW, "flag": 1}),
    ],
)  # fmt: skip
def test_whatever_is_out_of_the_ordinary_is_left_to_the_long_way(content: bytes) -> None:
    log = Kept()
    plane = plane_of(log=log)
    before = plane.counters()
    assert quickly(plane, content) is None
    assert not log.records
    assert plane.counters() == before


def test_routes_rules_and_failures_are_left_to_the_long_way(monkeypatch: pytest.MonkeyPatch) -> None:
    content = body(ROW)
    plane = plane_of(versions=2)
    assert quickly(plane, content) is not None
    assert plane.quickly("nothing", content, 1.0, "") is None
    plane.set_route('100 % "zoo"', Route(arms=(Arm(version=1), Arm(version=2)), strategy="canary"))
    assert quickly(plane, content) is None
    plane.set_route('100 % "zoo"', Route(arms=(Arm(version=2),), shadows=(1,)))
    assert quickly(plane, content) is None
    plane.set_route('100 % "zoo"', Route(arms=(Arm(version=2),)))
    given = quickly(plane, content)
    assert given is not None
    assert json.loads(given[1])["model"]["version"] == 2
    plane.admits = lambda _served: False
    assert quickly(plane, content) is None
    plane.admits = None

    class Full(Kept):
        def append(self, record: bytes) -> None:
            raise AdapterError("full", code="log.full", retryable=True)

    plane.log = Full()
    assert quickly(plane, content) is None
    assert quickly(plane_of(spec=ServingSpec(cache_rows=10)), content) is None


def test_refused_nulls_and_hashed_columns_are_kept_to() -> None:
    log = Kept()
    spec = ServingSpec(columns={"number": ColumnPolicy(null="refuse"), "kind": ColumnPolicy(log="drop")}, log=LogSpec())
    plane = plane_of(log=log, spec=spec)
    assert quickly(plane, body({**ROW, "number": None})) is None
    assert quickly(plane, body(ROW)) is not None
    (record,) = [decode(each) for each in log.records]
    assert record.rows == ((0.25, 1.5, 1_000_000_003.0, "a", True),)  # type: ignore[union-attr]

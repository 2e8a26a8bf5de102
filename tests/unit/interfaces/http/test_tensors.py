"""Open Inference Protocol V2: the real tritonclient in both modes, and what a hostile one may send."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from modelwright.core.nouns import Task
from modelwright.interfaces.v2.tensors import Tensor, binary, texts
from modelwright.serving.asking import Refused
from tests.unit.interfaces.http import hosting

INFER = "/v2/models/churn/infer"


@pytest.fixture(scope="module")
def door() -> Iterator[hosting.Host]:
    with hosting.serving(hosting.host(tasks=(Task.BINARY, Task.MULTICLASS, Task.REGRESSION))) as one:
        yield one


@pytest.fixture
def client(door: hosting.Host) -> Iterator[Any]:
    http = pytest.importorskip("tritonclient.http")
    made = http.InferenceServerClient(f"127.0.0.1:{door.port}")
    yield made
    made.close()
    made.close = lambda: None  # it closes once more when it is collected, by then in any thread


DATATYPES = {float: ("FP64", np.float64), str: ("BYTES", np.object_), bool: ("BOOL", np.bool_)}


def _inputs(rows: int, *, as_bytes: bool) -> list[Any]:
    from tritonclient.http import InferInput

    found = []
    for name, value in hosting.ROW.items():
        datatype, kind = DATATYPES[type(value)]
        one = InferInput(name, [rows], datatype)
        one.set_data_from_numpy(np.array([value] * rows, dtype=kind), binary_data=as_bytes)
        found.append(one)
    return found


@pytest.mark.parametrize("as_bytes", [True, False])
@pytest.mark.parametrize("rows", [1, 7])
def test_the_real_client_gets_what_the_simple_dialect_says(
    door: hosting.Host, client: Any, as_bytes: bool, rows: int
) -> None:
    from tritonclient.http import InferRequestedOutput

    plain = json.loads(door.call("POST", hosting.PATH, hosting.body(*[hosting.ROW] * rows))[2])
    wanted = [InferRequestedOutput(name, binary_data=as_bytes) for name in ("prediction", "probabilities")]
    result = client.infer("churn", _inputs(rows, as_bytes=as_bytes), outputs=wanted, request_id="mine")
    said = [one.decode() if isinstance(one, bytes) else one for one in result.as_numpy("prediction").tolist()]
    assert said == plain["predictions"]
    shares = [[one["no"], one["yes"]] for one in plain["probabilities"]]
    assert result.as_numpy("probabilities").tolist() == shares
    reply = result.get_response()
    assert (reply["id"], reply["model_name"], reply["model_version"]) == ("mine", "churn", "3")


def test_outputs_are_binary_where_the_client_leaves_it_open(client: Any) -> None:
    result = client.infer("churn", _inputs(2, as_bytes=True), model_version="3")
    assert result.as_numpy("prediction").tolist() == [b"yes", b"yes"]
    assert result.as_numpy("probabilities").shape == (2, 2)
    value = client.infer("regression", _inputs(2, as_bytes=True)).as_numpy("prediction")
    assert value.dtype == np.float64


def test_health_metadata_and_the_repository(client: Any) -> None:
    from tritonclient.utils import InferenceServerException

    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("churn")
    assert client.is_model_ready("churn", "3")
    assert not client.is_model_ready("nope")
    assert client.get_server_metadata()["extensions"] == ["binary_tensor_data"]
    told = client.get_model_metadata("churn")
    assert [one["name"] for one in told["inputs"]] == list(hosting.ROW)
    assert told["outputs"][1] == {"name": "probabilities", "datatype": "FP64", "shape": [-1, 2]}
    index = client.get_model_repository_index()
    assert {one["name"]: one["state"] for one in index} == dict.fromkeys(("churn", "multiclass", "regression"), "READY")
    with pytest.raises(InferenceServerException):
        client.get_model_metadata("nope")
    with pytest.raises(InferenceServerException):
        client.infer("churn", _inputs(1, as_bytes=True)[:2])


def _tensor(column: str, value: Any, **changes: Any) -> dict[str, Any]:
    return {"name": column, "shape": [1], "datatype": DATATYPES[type(value)][0], "data": [value], **changes}


def _post(door: hosting.Host, change: dict[str, dict[str, Any]], **options: Any) -> tuple[int, dict[str, Any]]:
    inputs = [_tensor(name, value, **change.get(name, {})) for name, value in hosting.ROW.items()]
    status, _, content = door.call("POST", INFER, json.dumps({"inputs": inputs, **options}).encode())
    return status, json.loads(content)


def test_json_tensors_of_every_number_give_the_same_answer(door: hosting.Host) -> None:
    _, first = _post(door, {"serial": {"data": [1_000_000_003.0]}})
    for datatype in ("INT64", "INT32", "UINT64", "FP64"):
        status, reply = _post(door, {"serial": {"datatype": datatype, "data": [1_000_000_003]}})
        assert status == 200
        assert reply["outputs"] == first["outputs"]
    assert _post(door, {"number": {"shape": [1, 1], "data": [[0.25]]}})[1]["outputs"] == first["outputs"]
    assert _post(door, {"number": {"data": [None]}})[0] == 200


def test_binary_nan_is_a_missing_value(door: hosting.Host) -> None:
    rows = [{**hosting.ROW, "number": None}]
    plain = json.loads(door.call("POST", hosting.PATH, hosting.body(*rows))[2])
    inputs = [_tensor(n, v) for n, v in hosting.ROW.items() if n != "number"]
    inputs.append({"name": "number", "shape": [1], "datatype": "FP64", "parameters": {"binary_data_size": 8}})
    head = json.dumps({"inputs": inputs}).encode()
    status, headers, content = door.call(
        "POST", INFER, head + struct.pack("<d", float("nan")),
        {"inference-header-content-length": str(len(head)), "content-type": "application/octet-stream"},
    )  # fmt: skip
    assert status == 200, content
    assert "inference-header-content-length" not in headers
    reply = {one["name"]: one["data"] for one in json.loads(content)["outputs"]}
    assert reply["prediction"] == plain["predictions"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"number": {"datatype": "BYTES", "data": ["1"]}}, "request.type"),
        ({"number": {"datatype": "COMPLEX", "data": [1]}}, "request.type"),
        ({"flag": {"datatype": "FP64", "data": [1.0]}}, "request.type"),
        ({"number": {"shape": [2]}}, "request.tensor"),
        ({"number": {"shape": [-1]}}, "request.schema"),
        ({"number": {"shape": []}}, "request.schema"),
        ({"number": {"shape": [1, 2, 3]}}, "request.tensor"),
        ({"number": {"shape": [1 << 39]}}, "request.rows"),
        ({"number": {"data": [{}]}}, "request.tensor"),
        ({"number": {"data": ["40"]}}, "request.type"),
        ({"flag": {"data": [1]}}, "request.type"),
        ({"number": {"name": "numbr"}}, "request.unknown_field"),
        ({"number": {"name": "skewed"}}, "request.tensor"),
        ({"number": {"parameters": {"binary_data_size": 8}}}, "request.schema"),
        ({"number": {"parameters": 3}}, "request.schema"),
        ({"number": {"shared_memory_region": "x"}}, "request.unknown_field"),
    ],
)
def test_tensors_that_do_not_fit_are_refused(door: hosting.Host, change: dict[str, Any], code: str) -> None:
    status, reply = _post(door, change)
    assert (status, reply["code"]) == (413 if code == "request.rows" else 422, code)


def test_the_index_takes_ready_and_nothing_else(door: hosting.Host) -> None:
    wanted = [
        (b"", 200),
        (b"{}", 200),
        (b'{"ready": true}', 200),
        (b'{"ready": null}', 422),
        (b'{"x": 1}', 422),
        (b"3", 422),
    ]
    for content, status in wanted:
        assert door.call("POST", "/v2/repository/index", content)[0] == status


def test_requested_outputs_are_checked(door: hosting.Host) -> None:
    assert [one["name"] for one in _post(door, {}, outputs=[{"name": "prediction"}])[1]["outputs"]] == ["prediction"]
    assert _post(door, {}, outputs=[{"name": "embedding"}])[1]["code"] == "request.output"
    classified = [{"name": "prediction", "parameters": {"classification": 2}}]
    assert _post(door, {}, outputs=classified)[1]["code"] == "request.output"


@pytest.mark.parametrize("cut", [0, 1, 3, 4, 7, 30])
@pytest.mark.parametrize("length", ["0", "5", "99999999", "-1", "x", ""])
def test_a_cut_or_mislabelled_binary_body_is_refused(door: hosting.Host, cut: int, length: str) -> None:
    inputs = [{"name": "kind", "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": 7}}]
    whole = json.dumps({"inputs": inputs}).encode() + struct.pack("<I", 3) + b"red"
    headers = {"content-type": "application/octet-stream", "inference-header-content-length": length}
    status, _, content = door.call("POST", INFER, whole[: len(whole) - cut], headers)
    assert 400 <= status < 500, content


@pytest.mark.parametrize("rows", [1, 2, 50])
def test_texts_survive_their_binary_form(rows: int) -> None:
    for values in (["ab"] * rows, ["", "ü", "long " * 40][:rows], [str(n) for n in range(rows)]):
        made = Tensor("x", "BYTES", (len(values),), values)
        assert texts(Tensor("x", "BYTES", (len(values),), None, binary(made))) == values


@pytest.mark.parametrize(
    "raw", [b"", b"\x01", b"\x05\0\0\0abc", b"\xff\xff\xff\xffabc", b"\x01\0\0\0a\0", b"\x01\0\0\0\xff"]
)
def test_broken_texts_are_refused(raw: bytes) -> None:
    with pytest.raises(Refused, match="x"):
        texts(Tensor("x", "BYTES", (1,), None, raw))


def test_a_matrix_answers_a_model_of_numbers_alone(tmp_path: Any) -> None:
    from modelwright.core.nouns import ColumnType
    from modelwright.interfaces.v2.dialect import columns_of
    from tests.unit.registry import bundle_parts as parts

    types = {"a": ColumnType.NUMBER, "b": ColumnType.NUMBER}
    signature = parts.Table(frame=None, types=types, task=Task.REGRESSION, y=None).signature  # type: ignore[arg-type]
    matrix = np.array([[1.0, 2.0], [3.0, np.nan], [5.0, 6.0]])
    raw = Tensor("input", "FP64", (3, 2), None, matrix.tobytes())
    assert columns_of([raw], signature, 10) == {"a": [1.0, 3.0, 5.0], "b": [2.0, None, 6.0]}
    narrow = Tensor("input", "FP32", (3, 2), None, matrix.astype(np.float32).tobytes())
    assert columns_of([narrow], signature, 10)["a"] == [1.0, 3.0, 5.0]
    for wrong in (Tensor("input", "FP64", (3, 2), None, b"123"), Tensor("input", "FP64", (3, 3), [0.0] * 9)):
        with pytest.raises(Refused):
            columns_of([wrong], signature, 10)

"""The simple dialect through both lanes: replies, ids, retries, deadlines, the log, labels, explanations, traces."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modelwright.core.errors import AdapterError
from modelwright.core.nouns import Task
from modelwright.interfaces.http.replaying import Replays
from modelwright.interfaces.http.replies import Reply
from modelwright.records.segments import scan
from modelwright.serving.asking import Refused
from tests.unit.interfaces.http import hosting

TASKS = (Task.BINARY, Task.MULTICLASS, Task.REGRESSION)


@pytest.fixture(scope="module", params=["fast", "asgi"])
def door(request: pytest.FixtureRequest) -> Iterator[hosting.Host]:
    with hosting.serving(hosting.host(tasks=TASKS), fast=request.param == "fast") as one:
        yield one


def _post(
    door: hosting.Host, path: str = hosting.PATH, content: bytes | None = None, **headers: str
) -> tuple[int, dict[str, str], dict[str, Any]]:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    status, said, body = door.call("POST", path, hosting.body() if content is None else content, given)
    return status, said, json.loads(body)


def test_a_prediction_has_its_model_and_its_probabilities(door: hosting.Host) -> None:
    status, headers, reply = _post(door)
    assert status == 200
    assert headers["content-type"] == "application/json"
    assert headers["x-modelwright-log"] == "off"
    assert headers["x-request-id"] == reply["request_id"]
    assert reply["model"] == {"name": "churn", "version": 3}
    assert reply["predictions"] == ["yes"]
    assert set(reply["probabilities"][0]) == {"no", "yes"}
    assert not reply["degraded"]
    columns = json.dumps({"columns": {name: [value] * 3 for name, value in hosting.ROW.items()}}).encode()
    assert _post(door, content=columns)[2]["predictions"] == ["yes"] * 3
    assert _post(door, "/v1/models/churn/versions/3/predict")[2]["predictions"] == ["yes"]
    assert _post(door, "/v1/models/churn/versions/champion/predict")[2]["predictions"] == ["yes"]
    assert isinstance(_post(door, "/v1/models/regression/predict")[2]["predictions"][0], float)


def test_what_is_wrong_is_said_with_row_and_field(door: hosting.Host) -> None:
    cases: list[tuple[dict[str, Any], int, str]] = [
        ({**hosting.ROW, "number": "40"}, 422, "request.type"),
        ({**hosting.ROW, "kind": 3}, 422, "request.type"),
        ({name: value for name, value in hosting.ROW.items() if name != "flag"}, 422, "request.missing_field"),
        ({**hosting.ROW, "flagg": True}, 422, "request.unknown_field"),
    ]
    for row, wanted, code in cases:
        status, headers, reply = _post(door, content=hosting.body(hosting.ROW, row))
        error = reply["error"]
        assert (status, error["code"]) == (wanted, code)
        assert error["problems"][0]["row"] == 1
        assert error["problems"][0]["field"] in ("number", "kind", "flag", "flagg")
        assert error["request_id"] == headers["x-request-id"]
    assert _post(door, "/v1/models/nope/predict")[0] == 404
    assert _post(door, "/v1/models/churn/versions/9/predict")[2]["error"]["code"] == "version.not_served"


def test_partial_answers_the_good_rows(door: hosting.Host) -> None:
    bad = {**hosting.ROW, "number": "40"}
    status, _, reply = _post(door, content=hosting.body(hosting.ROW, bad, hosting.ROW, partial=True))
    assert status == 200
    assert reply["predictions"] == ["yes", None, "yes"]
    assert [(one["row"], one["field"]) for one in reply["errors"]] == [(1, "number")]


def test_the_callers_request_id_is_kept(door: hosting.Host) -> None:
    assert _post(door, x_request_id="mine-1")[2]["request_id"] == "mine-1"
    assert _post(door, content=hosting.body(request_id="mine-2"))[1]["x-request-id"] == "mine-2"
    assert _post(door, content=b"{", x_request_id="mine-3")[2]["error"]["request_id"] == "mine-3"
    ids = {_post(door)[2]["request_id"] for _ in range(20)}
    assert len(ids) == 20


def test_an_idempotency_key_replays_its_reply(door: hosting.Host) -> None:
    served = door.plane.find("churn")
    first = _post(door, idempotency_key="k-1")
    before = served.requests
    again = _post(door, idempotency_key="k-1")
    assert again[2] == first[2]
    assert again[1]["x-modelwright-replayed"] == "true"
    assert served.requests == before
    status, _, reply = _post(door, content=hosting.body(hosting.ROW, hosting.ROW), idempotency_key="k-1")
    assert (status, reply["error"]["code"]) == (409, "idempotency.conflict")
    assert _post(door, idempotency_key="k-2")[2]["request_id"] != first[2]["request_id"]
    in_body = hosting.body(idempotency_key="k-3")
    assert _post(door, content=in_body)[2] == _post(door, content=in_body)[2]


def test_a_deadline_that_has_passed_is_said(door: hosting.Host) -> None:
    status, headers, reply = _post(door, x_deadline_ms="0")
    assert (status, reply["error"]["code"]) == (504, "request.deadline")
    assert int(headers["retry-after"]) >= 1
    assert _post(door, x_deadline_ms="60000")[0] == 200


def test_a_row_is_explained(door: hosting.Host) -> None:
    status, _, reply = _post(door, "/v1/models/churn/explain")
    assert status == 200
    assert {one["column"] for one in reply["explanations"][0]["contributions"]} == set(hosting.ROW)
    assert _post(door, "/v1/models/churn/explain", hosting.body(*[hosting.ROW] * 11))[0] == 413


def test_labels_are_judged_by_the_signature(door: hosting.Host) -> None:
    def tell(model: str, **label: Any) -> tuple[int, str]:
        status, _, reply = _post(door, f"/v1/models/{model}/feedback", json.dumps(label).encode())
        return status, reply.get("error", {}).get("code", "")

    door.labels.clear()
    assert tell("churn", request_id="r", label="yes", row=2, at="2026-01-31T12:00:00Z") == (200, "")
    assert tell("regression", request_id="r", label=3) == (200, "")
    assert tell("churn", labels=[{"request_id": "a", "label": "no"}, {"request_id": "b", "label": "yes"}]) == (200, "")
    kept = [(one.request_id, one.row, one.value) for one in door.labels]
    assert kept == [("r", 2, "yes"), ("r", 0, 3.0), ("a", 0, "no"), ("b", 0, "yes")]
    assert door.labels[0].labelled_at_us == 1_769_860_800_000_000
    assert tell("churn", request_id="r", label="maybe") == (422, "request.label")
    assert tell("churn", request_id="r", label=None) == (422, "request.null")
    assert tell("churn", request_id="r") == (422, "request.missing_field")
    assert tell("churn", request_id=3, label="yes") == (422, "request.type")
    assert tell("churn", request_id="r", label="yes", row=-1) == (422, "request.type")
    assert tell("churn", request_id="r", label="yes", at="yesterday") == (422, "request.type")
    assert tell("churn", request_id="r", label="yes", note="x") == (422, "request.unknown_field")
    assert tell("regression", request_id="r", label="many") == (422, "request.type")
    assert tell("nope", request_id="r", label="yes") == (404, "model.not_served")
    assert tell("churn", labels=[{"request_id": "a", "label": "no"}, {"request_id": "b", "label": 7}])[0] == 422
    assert len(door.labels) == 4


def test_a_trace_is_joined(door: hosting.Host) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    _, headers, reply = _post(door, traceparent=f"00-{trace}-b7ad6b7169203331-01")
    version, same, span, flags = headers["traceparent"].split("-")
    assert (version, same, flags) == ("00", trace, "01")
    assert span != "b7ad6b7169203331"
    assert reply["request_id"] == f"{trace}-{span}"
    assert _post(door, traceparent=f"00-{trace}-b7ad6b7169203331-01", x_request_id="mine")[2]["request_id"] == "mine"
    for bad in (
        f"ff-{trace}-b7ad6b7169203331-01",
        f"00-{'0' * 32}-b7ad6b7169203331-01",
        "00-x",
        f"00-{trace}-{'0' * 16}-01",
    ):
        status, headers, _ = _post(door, traceparent=bad)
        assert status == 200
        assert "traceparent" not in headers


def test_health_follows_the_process(door: hosting.Host) -> None:
    from dataclasses import replace

    assert json.loads(door.call("GET", "/health/ready")[2]) == {"ready": True}
    door.health["now"] = replace(hosting.GOOD, ready=False, why="a model is being loaded")
    try:
        for path in ("/health/ready", "/v2/health/ready"):
            status, headers, content = door.call("GET", path)
            assert status == 503
            assert "retry-after" in headers
            assert json.loads(content) == {"ready": False, "why": "a model is being loaded"}
        assert door.call("GET", "/health/live")[0] == 200
        assert door.call("GET", "/v2/models/churn/ready")[0] == 503
    finally:
        door.health["now"] = hosting.GOOD


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("durability", ["group", "disk", "buffered"])
def test_what_is_answered_is_written_down(durability: str, fast: bool, tmp_path: Path) -> None:
    with hosting.serving(hosting.host(durability=durability, log_folder=tmp_path), fast=fast) as door:
        asked = []
        for _ in range(5):
            _, headers, reply = _post(door)
            assert headers["x-modelwright-log"] == durability
            asked.append(reply["request_id"])
    files = [path.read_bytes() for path in sorted(tmp_path.rglob("*")) if path.is_file()]
    kept = [record[1] for content in files for record in scan(content).records() if record[0] == "p"]
    assert kept == asked


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("fails", ["append", "commit", "when_synced", "synced"])
def test_what_cannot_be_written_down_is_not_answered(
    fails: str, fast: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = hosting.host(durability="disk", log_folder=tmp_path)
    log = made.service.log
    assert log is not None
    full = AdapterError("No room in /secret/place.", code="log.full")

    def fail(*_: Any) -> Any:
        raise full

    with hosting.serving(made, fast=fast) as door:
        assert _post(door, idempotency_key="k")[0] == 200
        with monkeypatch.context() as patched:
            if fails == "synced":
                patched.setattr(type(log), "when_synced", lambda self, position, call, failed: failed(full))
            else:
                patched.setattr(type(log), fails, fail)
            status, headers, reply = _post(door, idempotency_key="k-2")
        assert (status, reply["error"]["code"]) == (503, "serving.unavailable")
        assert "secret" not in json.dumps(reply)
        assert int(headers["retry-after"]) >= 1
        status, headers, _ = _post(door, idempotency_key="k-2")
        assert status == 200
        assert "x-modelwright-replayed" not in headers


@pytest.mark.parametrize("fast", [True, False])
def test_a_keyed_reply_is_replayed_only_once_it_is_written_down(
    fast: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another request has the key in the moment between the answer and its commit."""
    made = hosting.host(durability="group", log_folder=tmp_path)
    log = made.service.log
    assert log is not None
    replays = Replays(made.service.replays, 600.0, time.monotonic)
    met: list[str] = []
    commit = type(log).commit

    def other() -> None:
        with pytest.raises(Refused) as refused:
            replays.once("", hosting.PATH, "k", hosting.body(), lambda: Reply(200))
        met.append(refused.value.code)

    def fails(_log: Any) -> int:
        other()
        raise AdapterError("No room.", code="log.full")

    def works(log: Any) -> int:
        other()
        return commit(log)

    with hosting.serving(made, fast=fast) as door:
        with monkeypatch.context() as patched:
            patched.setattr(type(log), "commit", fails)
            assert _post(door, idempotency_key="k")[0] == 503
        with monkeypatch.context() as patched:
            patched.setattr(type(log), "commit", works)
            status, headers, first = _post(door, idempotency_key="k")
        assert status == 200
        assert "x-modelwright-replayed" not in headers
        status, headers, again = _post(door, idempotency_key="k")
        assert (status, headers["x-modelwright-replayed"], again) == (200, "true", first)
    assert met == ["idempotency.busy"] * 2


@pytest.mark.parametrize("fast", [True, False])
def test_an_unexpected_error_gives_its_number_and_nothing_else(
    fast: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("canary /etc/secret")

    made = hosting.host(incidents=tmp_path / "incidents")
    with hosting.serving(made, fast=fast) as door:
        handlers = [(door.plane, "find"), (door.service.plane, "explain"), (door.service.plane, "models")]
        for owner, name in handlers:
            monkeypatch.setattr(owner, name, broken)
        for method, path in (
            ("POST", "/v1/models/churn/explain"),
            ("GET", "/v2/models/churn"),
            ("GET", "/openapi.json"),
        ):
            status, _, content = door.call(method, path, hosting.body() if method == "POST" else None)
            assert status == 500
            assert b"canary" not in content
            number = json.loads(content)["error"]["incident"]
            assert "canary" in (tmp_path / "incidents" / f"{number}.txt").read_text()
        monkeypatch.undo()
        assert _post(door)[0] == 200

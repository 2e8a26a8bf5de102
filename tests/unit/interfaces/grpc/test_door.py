"""The gRPC door as its clients see it: the protocol's own client, keys, statuses, deadlines, the log, hostile calls."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from modelwright.core.errors import AdapterError
from modelwright.core.plugins import load as load_plugin
from modelwright.interfaces.grpc.protocol import HEALTH, message, messages
from modelwright.serving.asking import Ask, Health, Limits
from modelwright.spec.serving import ServingSpec
from tests.journeys.serving_parts import until
from tests.unit.interfaces.grpc.door import PATIENCE_S, Door, details, raw, serving
from tests.unit.interfaces.http.hosting import ROW, host, key

Code = grpc.StatusCode


@pytest.fixture(scope="module")
def door() -> Iterator[Door]:
    with serving(host(limits=Limits(max_bytes=1 << 20, max_rows=50))) as found:
        yield found


@pytest.fixture(scope="module")
def triton() -> Any:
    return pytest.importorskip("tritonclient.grpc")


def _expected(door: Door, *rows: dict[str, Any]) -> tuple[list[Any], Any]:
    answer = door.host.plane.answer(Ask(model="churn", rows=list(rows or (ROW,))))
    return list(answer.predictions), np.array(answer.probabilities)


def _tensors(triton: Any, *rows: dict[str, Any]) -> list[Any]:
    made = []
    for name, first in rows[0].items():
        kind = "BOOL" if isinstance(first, bool) else "FP64" if isinstance(first, float) else "BYTES"
        values = [row[name].encode() if kind == "BYTES" else row[name] for row in rows]
        tensor = triton.InferInput(name, [len(rows)], kind)
        tensor.set_data_from_numpy(np.array(values, dtype=object if kind == "BYTES" else None))
        made.append(tensor)
    return made


# ------------------------------------------------------------------ the protocol's own client


def test_tritons_client_finds_out_what_is_served(door: Door, triton: Any) -> None:
    with triton.InferenceServerClient(door.target) as client:
        assert client.is_server_live()
        assert client.is_server_ready()
        assert client.is_model_ready("churn")
        assert client.is_model_ready("churn", "champion")
        assert not client.is_model_ready("churn", "9")
        assert client.get_server_metadata().name == "modelwright"
        found = client.get_model_metadata("churn", as_json=True)
        assert {one["name"]: one["datatype"] for one in found["inputs"]}["flag"] == "BOOL"
        assert [one["name"] for one in found["outputs"]] == ["prediction", "probabilities"]
        config = client.get_model_config("churn", as_json=True)["config"]
        assert {one["name"]: one["data_type"] for one in config["input"]}["kind"] == "TYPE_STRING"
        assert [one.version for one in client.get_model_repository_index().models] == ["3"]
        assert client.get_inference_statistics("churn").model_stats[0].name == "churn"


def test_tritons_client_infers_one_row_and_many(door: Door, triton: Any) -> None:
    rows = [{**ROW, "number": at / 7, "kind": "blue" if at % 2 else "red"} for at in range(9)]
    with triton.InferenceServerClient(door.target) as client:
        for some in ([ROW], [ROW], rows):  # the second is read by what the first has taught
            found = client.infer("churn", _tensors(triton, *some), request_id="mine")
            predictions, shares = _expected(door, *some)
            assert [one.decode() for one in found.as_numpy("prediction")] == predictions
            assert (found.as_numpy("probabilities") == shares).all(), "to the bit"
            assert found.get_response().id == "mine"
        wanted = [triton.InferRequestedOutput("probabilities")]
        only = client.infer("churn", _tensors(triton, ROW), model_version="3", outputs=wanted)
        assert [one.name for one in only.get_response().outputs] == ["probabilities"]
        with pytest.raises(triton.InferenceServerException, match="no output 'nothing'"):
            client.infer("churn", _tensors(triton, ROW), outputs=[triton.InferRequestedOutput("nothing")])


def test_typed_contents_are_answered_alike(door: Door) -> None:
    request = raw()
    del request.raw_input_contents[:]
    for one in request.inputs:
        value = ROW[one.name]
        if isinstance(value, str):
            one.contents.bytes_contents.append(value.encode())
        elif isinstance(value, bool):
            one.contents.bool_contents.append(value)
        else:
            one.contents.fp64_contents.append(value)
    assert door.infer(request).raw_output_contents == door.infer(raw()).raw_output_contents


# ------------------------------------------------------------------ what is refused


def _without(request: Any, name: str) -> Any:
    at = [one.name for one in request.inputs].index(name)
    del request.inputs[at], request.raw_input_contents[at]
    return request


def _changed(column: str, **fields: Any) -> Any:
    request = raw()
    one = next(one for one in request.inputs if one.name == column)
    for field, value in fields.items():
        if field == "shape":
            one.shape[:] = value
        else:
            setattr(one, field, value)
    return request


@pytest.mark.parametrize(
    ("request_", "code", "said"),
    [
        (b"\x0a\xff\xff\xff\xff\xff\xff", Code.INVALID_ARGUMENT, "request.protobuf"),
        (b"", Code.NOT_FOUND, "model.not_served"),
        (raw(model="nobody"), Code.NOT_FOUND, "model.not_served"),
        (raw(model_version="8"), Code.NOT_FOUND, "version.not_served"),
        (_changed("number", datatype="BYTES"), Code.INVALID_ARGUMENT, "request.type"),
        (_changed("kind", datatype="FP64"), Code.INVALID_ARGUMENT, "request.type"),
        (_changed("number", shape=[2]), Code.INVALID_ARGUMENT, "request.tensor"),
        (_changed("number", shape=[-1]), Code.INVALID_ARGUMENT, "request.schema"),
        (_changed("number", shape=[1, 1, 1, 1, 1]), Code.INVALID_ARGUMENT, "request.schema"),
        (_changed("number", shape=[1 << 39]), Code.INVALID_ARGUMENT, "request.rows"),
        (_changed("number", name="nummber"), Code.INVALID_ARGUMENT, "request.unknown_field"),
        (_changed("number", name="skewed"), Code.INVALID_ARGUMENT, "request.tensor"),
        (_without(raw(), "number"), Code.INVALID_ARGUMENT, "request.missing_field"),
        (raw(*[ROW] * 51), Code.INVALID_ARGUMENT, "request.rows"),
        (raw({**ROW, "number": float("inf")}), Code.INVALID_ARGUMENT, "request."),
        (raw(id="x" * 129), Code.INVALID_ARGUMENT, "request.schema"),
        (message("ModelInferRequest")(model_name="churn"), Code.INVALID_ARGUMENT, "request.schema"),
    ],
)
def test_a_wrong_request_is_refused_by_name(door: Door, request_: Any, code: Code, said: str) -> None:
    found, text, trailers = door.refused(request_)
    assert found is code
    assert text.startswith(said)
    assert "Traceback" not in text
    assert details(trailers)["ErrorInfo"].reason.startswith(said)
    assert trailers["x-request-id"]


def test_a_refusal_names_field_and_row(door: Door) -> None:
    rows = [ROW, {**ROW, "number": float("-inf")}]
    _, _, trailers = door.refused(raw(*rows))
    assert details(trailers)["BadRequest"].field_violations[0].field == "rows[1].number"


def test_what_protobuf_does_not_know_is_skipped_as_protobuf_wants_it(door: Door) -> None:
    """A newer client may send fields of a later version; columns the model does not know are refused above."""
    content = raw().SerializeToString() + b"\xba\x3e\x03abc"
    assert door.call("ModelInfer", content)[0]


def test_a_message_beyond_the_limit_never_reaches_a_model(door: Door) -> None:
    big = raw({**ROW, "label": "x" * (100 << 20)}).SerializeToString()
    assert door.refused(big)[0] is Code.RESOURCE_EXHAUSTED
    assert door.infer(raw()).model_name == "churn", "the next one is answered"


def test_compressed_messages_are_not_taken(door: Door) -> None:
    """A megabyte of zeros is a kilobyte on the wire: the limit counts what arrives, not what it becomes."""
    large = raw({**ROW, "label": "x" * (5 << 20)}).SerializeToString()
    assert len(gzip.compress(large)) < 1 << 20
    found, text, _ = door.refused(large, compression=grpc.Compression.Gzip)
    assert found in (Code.UNIMPLEMENTED, Code.RESOURCE_EXHAUSTED, Code.INTERNAL), text
    assert "disabled" in text or found is Code.RESOURCE_EXHAUSTED


def test_what_is_not_offered_is_unimplemented(door: Door) -> None:
    for method, service in (
        ("ServerReflectionInfo", "grpc.reflection.v1alpha.ServerReflection"),
        ("RepositoryModelLoad", "inference.GRPCInferenceService"),
        ("Anything", "nowhere.Service"),
    ):
        with pytest.raises(grpc.RpcError) as refused:
            door.call(method, b"", service=service)
        assert refused.value.code() is Code.UNIMPLEMENTED


def test_no_deadline_is_no_reason_to_wait_forever(door: Door) -> None:
    assert door.infer(raw(), timeout=None).model_name == "churn"
    with serving(host(limits=Limits(deadline_s=0.0))) as impatient:
        found, text, _ = impatient.refused(raw(), timeout=None)
        assert found is Code.DEADLINE_EXCEEDED
        assert text.startswith("request.deadline")
        assert impatient.host.plane.find("churn").requests == 0, "nothing was spent on it"


def test_mass_cancelling_leaves_nothing_behind(door: Door) -> None:
    door.infer(raw())
    before = door.tasks()
    content = raw(*[ROW] * 50).SerializeToString()
    for at in range(300):
        call = door.channel.unary_unary("/inference.GRPCInferenceService/ModelInfer").future(content)
        if at % 3:
            call.cancel()
        elif at % 2:
            door.channel.unary_stream(f"/{HEALTH}/Watch")(b"").cancel()
    until(lambda: door.tasks() <= before, "every task of a call that was given up has ended")
    assert door.infer(raw()).model_name == "churn"


# ------------------------------------------------------------------ keys


def test_keys_decide_who_may_ask_what_and_how_often() -> None:
    keys = (key("mw_asks", "predict"), key("mw_looks", "read"), key("mw_slow", "predict", rate=60),
            key("mw_many", "predict", rate=60))  # fmt: skip
    with serving(host(keys=keys)) as door:
        infer = raw()
        bearer = lambda text: {"metadata": (("authorization", f"Bearer {text}"),)}  # noqa: E731
        assert door.infer(infer, **bearer("mw_asks")).model_name == "churn"
        assert door.refused(infer)[0] is Code.UNAUTHENTICATED
        assert door.refused(infer, **bearer("mw_nobody"))[0] is Code.UNAUTHENTICATED
        assert door.refused(infer, metadata=(("authorization", "Basic eDp5"),))[0] is Code.UNAUTHENTICATED
        assert door.refused(infer, **bearer("mw_looks"))[0] is Code.PERMISSION_DENIED
        assert door.refused(b"", "ModelStatistics", **bearer("mw_asks"))[0] is Code.PERMISSION_DENIED
        assert door.call("ModelStatistics", b"", **bearer("mw_looks"))
        assert door.call("Check", b"", HEALTH)[0], "health asks for no key"
        assert door.refused(b"", "RepositoryIndex")[0] is Code.UNAUTHENTICATED
        for _ in range(100):
            try:
                door.infer(infer, **bearer("mw_slow"))
            except grpc.RpcError as error:
                found, trailers = error.code(), dict(error.trailing_metadata())
                break
        assert found is Code.RESOURCE_EXHAUSTED
        delay = details(trailers)["RetryInfo"].retry_delay
        assert 0 < delay.seconds + delay.nanos / 1e9 <= 1
        assert int(trailers["retry-after"]) >= 1
        assert int(trailers["grpc-retry-pushback-ms"]) > 0
        assert door.infer(raw(*[ROW] * 40), **bearer("mw_many")).model_name == "churn"
        assert door.refused(infer, **bearer("mw_many"))[0] is Code.RESOURCE_EXHAUSTED, "its rows count"


# ------------------------------------------------------------------ the log


def _close(door: Door) -> None:
    assert door.host.service.log is not None
    door.host.service.log.close()


def _records(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


@pytest.mark.parametrize("durability", ["group", "disk"])
def test_an_answer_is_written_down_before_it_leaves(tmp_path: Path, durability: str) -> None:
    with serving(host(durability=durability, log_folder=tmp_path)) as door:
        for at in range(3):
            reply, trailers = door.call(
                "ModelInfer", raw().SerializeToString(), metadata=(("x-request-id", f"call-{at}"),)
            )
            assert trailers["x-modelwright-log"] == durability
            assert trailers["x-request-id"] == f"call-{at}"
            assert f"call-{at}".encode() in _records(tmp_path), "it is in the file when the reply is here"
            assert message("ModelInferResponse").FromString(reply).id == f"call-{at}"
        calls = [
            door.channel.unary_unary("/inference.GRPCInferenceService/ModelInfer").future(
                raw(id=f"many-{at}").SerializeToString()
            )
            for at in range(40)
        ]
        for call in calls:
            call.result(PATIENCE_S)
        assert all(f"many-{at}".encode() in _records(tmp_path) for at in range(40))
        _close(door)


def test_an_answer_that_cannot_be_written_down_is_not_given(tmp_path: Path) -> None:
    with serving(host(durability="group", log_folder=tmp_path)) as door:
        assert door.infer(raw()).model_name == "churn"
        _close(door)
        found, text, _ = door.refused(raw())
        assert found is Code.UNAVAILABLE
        assert str(tmp_path) not in text


def test_the_same_idempotency_key_is_answered_once(tmp_path: Path) -> None:
    with serving(host(durability="group", log_folder=tmp_path)) as door:
        how = {"metadata": (("idempotency-key", "one-1"),)}
        first = door.infer(raw(), **how)
        assert door.infer(raw(), **how) == first
        assert door.host.plane.find("churn").requests == 1
        other = raw({**ROW, "number": 0.9})
        assert door.refused(other, **how)[0] is Code.ALREADY_EXISTS
        _close(door)


def test_a_keyed_answer_that_cannot_be_written_down_is_not_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host_ = host(durability="group", log_folder=tmp_path)

    def fail(_log: object) -> int:
        raise AdapterError("No room.", code="log.full")

    with serving(host_) as door:
        how = {"metadata": (("idempotency-key", "one-2"),)}
        with monkeypatch.context() as patched:
            patched.setattr(type(host_.service.log), "commit", fail)
            assert door.refused(raw(), **how)[0] is Code.UNAVAILABLE
        first = door.infer(raw(), **how)
        assert door.infer(raw(), **how) == first
        assert door.host.plane.find("churn").requests == 2, "the one that was lost, and its retry"
        _close(door)


# ------------------------------------------------------------------ failing and stopping


def test_an_unexpected_error_says_its_number_and_nothing_else(tmp_path: Path) -> None:
    one = host(incidents=tmp_path / "incidents")

    def broken(*_: Any) -> Any:
        raise RuntimeError("a secret of the house")

    one.plane.find = broken  # type: ignore[method-assign]
    with serving(one) as door:
        found, text, trailers = door.refused(raw())
        assert found is Code.INTERNAL
        assert "secret" not in text
        assert trailers["x-incident"] in text
        written = (tmp_path / "incidents" / f"{trailers['x-incident']}.txt").read_text()
        assert "a secret of the house" in written


def test_health_follows_the_process_and_a_stop_ends_what_watches() -> None:
    status = messages()["grpc.health.v1.HealthCheckResponse"].FromString
    with serving(host()) as door:
        watching = door.channel.unary_stream(f"/{HEALTH}/Watch")(b"", timeout=PATIENCE_S)
        assert status(next(watching)).status == 1
        door.host.health["now"] = Health(live=True, ready=False, started=True, why="it is told to")
        assert status(next(watching)).status == 2
        assert status(door.call("Check", b"", HEALTH)[0]).status == 2
        door.host.health["now"] = Health(live=True, ready=True, started=True)
        assert status(next(watching)).status == 1
        assert door.refused(b"\x0a\x04nope", "Check")[0] is Code.UNIMPLEMENTED
        with pytest.raises(grpc.RpcError) as refused:
            door.call("Check", b"\x0a\x04nope", HEALTH)
        assert refused.value.code() is Code.NOT_FOUND
        door.stop()
        assert status(next(watching)).status == 2
        assert list(watching) == []


def test_what_is_in_flight_at_the_stop_is_answered(tmp_path: Path) -> None:
    """Under durability `disk` a call waits for the disk; the stop waits for the call."""
    with serving(host(durability="disk", log_folder=tmp_path)) as door:
        content = raw().SerializeToString()
        calls = [
            door.channel.unary_unary("/inference.GRPCInferenceService/ModelInfer").future(content) for _ in range(20)
        ]
        until(lambda: door.host.plane.find("churn").requests > 0)
        stopper = threading.Thread(target=door.stop)
        stopper.start()
        assert {call.exception(PATIENCE_S) for call in calls} == {None}
        stopper.join()
        assert door.host.plane.find("churn").requests == 20
        _close(door)


def test_another_version_with_other_inputs_reads_the_same_bytes_by_name() -> None:
    """What is known of a form is known for one model; another one that is asked in it is judged anew."""
    from modelwright.core.nouns import Task

    with serving(host(tasks=(Task.BINARY, Task.REGRESSION), spec=ServingSpec())) as door:
        for model in ("churn", "regression", "churn", "regression"):
            found = door.infer(raw(model=model))
            answer = door.host.plane.answer(Ask(model=model, rows=[ROW]))
            if model == "regression":
                assert np.frombuffer(found.raw_output_contents[0])[0] == answer.predictions[0]
            else:
                assert found.raw_output_contents[0][4:].decode() == answer.predictions[0]


def test_the_door_is_found_by_name() -> None:
    from modelwright.serving.door import Hosted

    assert isinstance(load_plugin("doors", "grpc"), Hosted)


def test_a_call_joins_its_callers_trace(door: Door) -> None:
    """As HTTP has it: what has no id of its own is named by the trace and our span; what is no trace is ignored."""
    trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"

    def ask(traceparent: str, **how: Any) -> dict[str, Any]:
        return door.call("ModelInfer", raw().SerializeToString(), metadata=[("traceparent", traceparent)], **how)[1]

    spans = set()
    for _ in range(2):
        said = ask(f"00-{trace}-{parent}-01")
        version, same, span, flags = said["traceparent"].split("-")
        assert (version, same, flags) == ("00", trace, "01")
        assert said["x-request-id"] == f"{trace}-{span}"
        spans.add(span)
    assert len({*spans, parent}) == 3
    for bad in ("00-0-0-01", f"ff-{trace}-{parent}-01", f"00-{'0' * 32}-{parent}-01"):
        said = ask(bad)
        assert "traceparent" not in said
        assert trace not in said["x-request-id"]
    named = door.call(
        "ModelInfer", raw(id="mine").SerializeToString(), metadata=[("traceparent", f"00-{trace}-{parent}-01")]
    )[1]
    assert named["x-request-id"] == "mine"
    assert trace in named["traceparent"]

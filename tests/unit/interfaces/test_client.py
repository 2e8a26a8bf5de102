"""The client against a real server, and against one that fails in every way a network has."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import modelwright
from modelwright.core.errors import AdapterError, ModelError, NotFoundError, SpecError
from modelwright.interfaces.client import Client, ServerError
from tests.contracts.stream_events import make_bundle

ROWS = [{"a": 1.0, "b": 2.0}, {"a": -3.0, "b": 0.5}]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("sums") / "bundle")


@pytest.fixture(scope="module")
def server(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("serving")
    said = (folder / "said").open("w+")
    process = subprocess.Popen(
        [sys.executable, "-m", "modelwright", "serve", str(bundle), "--port", "0", "--workspace", str(folder / "mw")],
        stdout=said,
        stderr=subprocess.STDOUT,
    )
    wait = threading.Event()
    found = None
    for _ in range(600):
        found = re.search(r"http://127\.0\.0\.1:\d+", (folder / "said").read_text())
        if found or process.poll() is not None:
            break
        wait.wait(0.1)
    assert found, (folder / "said").read_text()
    yield found[0]
    process.terminate()
    process.wait(60)
    said.close()


def test_predict_explain_feedback_and_health(server: str) -> None:
    with modelwright.client.Client(server, deadline_s=60) as client:
        assert client.health(deadline_s=60)
        answer = client.predict("sums", ROWS)
        assert (answer.predictions, answer.model, answer.degraded) == (["yes", "no"], "sums", False)
        assert answer.probabilities is not None
        assert answer.probabilities[0]["yes"] > 0.5
        assert client.predict("sums", columns={"a": [1.0, -3.0], "b": [2.0, 0.5]}).predictions == ["yes", "no"]
        some = client.predict("sums", [ROWS[0], {"a": "x", "b": 1}], partial=True)
        assert some.predictions == ["yes", None]
        assert some.errors[0]["field"] == "a"
        explained = client.explain("sums", ROWS[:1])
        assert {each["column"] for each in explained[0]["contributions"]} == {"a", "b"}
        client.feedback("sums", answer.request_id, ["yes", "no"])
        assert "sums" in json.dumps(client.models())


def test_what_the_server_refuses_is_its_own_error(server: str) -> None:
    with Client(server, deadline_s=60) as client:
        with pytest.raises(ServerError) as caught:
            client.predict("sums", [{"a": "x", "b": 1.0}])
        assert (caught.value.status, caught.value.code, caught.value.retryable) == (422, "request.type", False)
        assert caught.value.problems[0]["field"] == "a"
        with pytest.raises(ServerError) as caught:
            client.predict("nobody", ROWS)
        assert caught.value.code == "model.not_served"
        with pytest.raises(SpecError):
            client.predict("sums", [{"a": float("nan"), "b": 1.0}])


def test_one_client_serves_many_threads(server: str) -> None:
    with Client(server, deadline_s=60) as client, ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda n: client.predict("sums", [{"a": n - 10.0, "b": 0.0}]).predictions[0], range(20)))
    assert found[:9] == ["no"] * 9
    assert found[12:] == ["yes"] * 8


# ---------------------------------------------------------------- a server in trouble

Say = Callable[[BaseHTTPRequestHandler, int], None]


@pytest.fixture
def troubled() -> Iterator[Callable[[Say], tuple[str, list[dict[str, str]]]]]:
    """`troubled(say)`: an address where `say(handler, n)` answers the nth request, and the headers of all."""
    servers: list[ThreadingHTTPServer] = []

    def start(say: Say) -> tuple[str, list[dict[str, str]]]:
        seen: list[dict[str, str]] = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("content-length", "0")))
                seen.append({name.lower(): value for name, value in self.headers.items()})
                say(self, len(seen))

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its own name
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_address[1]}", seen

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def _reply(handler: BaseHTTPRequestHandler, status: int, found: Any, **headers: str) -> None:
    body = json.dumps(found).encode()
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("content-length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


GOOD = {"request_id": "r", "model": {"name": "m", "version": 1}, "degraded": False, "predictions": [1]}
BUSY = {"error": {"code": "serving.busy", "message": "Too much to do.", "hint": "later", "request_id": "r"}}


def test_a_busy_server_is_asked_again_with_the_same_key(troubled: Any) -> None:
    url, seen = troubled(lambda h, n: _reply(h, 503, BUSY, retry_after="0") if n < 3 else _reply(h, 200, GOOD))
    with Client(url, key="mw_secret", deadline_s=60) as client:
        assert client.predict("m", [{}]).predictions == [1]
    assert len(seen) == 3
    assert len({each["idempotency-key"] for each in seen}) == 1
    assert {each["authorization"] for each in seen} == {"Bearer mw_secret"}
    left = [int(each["x-deadline-ms"]) for each in seen]
    assert 60_000 >= left[0] >= left[1] >= left[2]


def test_retry_after_beyond_the_deadline_is_told_at_once(troubled: Any) -> None:
    url, seen = troubled(lambda h, n: _reply(h, 429, BUSY, retry_after="600"))
    with Client(url, deadline_s=30) as client, pytest.raises(ServerError) as caught:
        client.predict("m", [{}])
    assert (len(seen), caught.value.retry_after_s) == (1, 600.0)


def test_a_broken_connection_repeats_a_prediction_but_no_feedback(troubled: Any) -> None:
    def drop(handler: BaseHTTPRequestHandler, n: int) -> None:
        if n % 2:
            handler.close_connection = True
            handler.connection.shutdown(2)
        else:
            _reply(handler, 200, GOOD)

    url, seen = troubled(drop)
    with Client(url, deadline_s=60) as client:
        assert client.predict("m", [{}]).version == 1
        assert len(seen) == 2
        with pytest.raises(AdapterError) as caught:
            client.feedback("m", "r", ["yes"])
        assert caught.value.code == "client.unreachable"
    assert len(seen) == 3


def test_retries_have_a_budget(troubled: Any) -> None:
    url, seen = troubled(lambda h, n: _reply(h, 503, BUSY, retry_after="0"))
    with Client(url, deadline_s=60, retries=3) as client:
        for _ in range(10):
            with pytest.raises(ServerError):
                client.predict("m", [{}])
    assert len(seen) == 10 + 10  # ten calls, and ten retries in all


def test_a_server_that_does_not_answer_is_left_at_the_deadline(troubled: Any) -> None:
    wait = threading.Event()
    url, _ = troubled(lambda h, n: wait.wait(30))
    with Client(url, deadline_s=0.2) as client, pytest.raises(AdapterError) as caught:
        client.predict("m", [{}])
    wait.set()
    assert caught.value.code == "client.deadline"


def test_nobody_there_and_wrong_addresses() -> None:
    client = Client("http://127.0.0.1:1", deadline_s=2, retries=1)
    assert not client.health()
    with pytest.raises(AdapterError):
        client.predict("m", [{}])
    for url in ("ftp://host", "http://", "http://user:word@host"):
        with pytest.raises(SpecError):
            Client(url)


# ---------------------------------------------------------------- in process


@pytest.mark.parametrize(
    "rows",
    [
        ROWS,
        pl.DataFrame(ROWS),
        pl.DataFrame(ROWS).lazy(),
        pd.DataFrame(ROWS),
        {"a": [1.0, -3.0], "b": [2.0, 0.5]},
        {"a": np.array([1.0, -3.0]), "b": (2.0, 0.5), "more": ["x", "y"]},
    ],
    ids=["dicts", "polars", "lazy", "pandas", "columns", "arrays"],
)
def test_a_loaded_model_takes_rows_in_every_form(rows: Any, bundle: Path) -> None:
    model = modelwright.load(bundle)
    found = model.predict(rows)
    assert [model.signature.classes[at] for at in found.labels] == ["yes", "no"]
    assert model.answers(rows)["prediction"].to_list() == ["yes", "no"]


def test_missing_values_are_missing_in_every_form(bundle: Path) -> None:
    model = modelwright.load(bundle)
    frames = [
        [{"a": None, "b": 1.0}, {"a": 1.0, "b": 1.0}],
        [{"b": 1.0}, {"a": 1.0, "b": 1.0}],
        pd.DataFrame({"a": [np.nan, 1.0], "b": [1.0, 1.0]}),
        pd.DataFrame({"a": pd.array([None, "1.0"], dtype="object"), "b": [1, 1]}),
    ]
    answers = [model.predict(frame).probabilities for frame in frames]
    for answer in answers[1:]:
        np.testing.assert_array_equal(answers[0], answer)


def test_what_is_no_table_is_one_sentence(bundle: Path, tmp_path: Path) -> None:
    model = modelwright.load(bundle)
    for rows in (5, [1, 2], {"a": [1.0], "b": [1.0, 2.0]}, []):
        with pytest.raises(ModelError):
            model.predict(rows)
    with pytest.raises(NotFoundError):
        modelwright.load("nobody@champion", workspace=tmp_path)


def test_threads_share_a_loaded_model(bundle: Path) -> None:
    model = modelwright.load(bundle)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda n: model.predict([{"a": n - 10.0, "b": 0.0}]).labels[0], range(20)))
    assert found[:9] == [0] * 9
    assert found[12:] == [1] * 8

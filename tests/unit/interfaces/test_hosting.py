"""The application object under other people's servers: plain uvicorn, and httpx without any server."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

import modelwright
from modelwright.core.clock import SystemClock
from modelwright.core.errors import NotFoundError, StateError
from modelwright.lifecycle.workspace import Workspace
from modelwright.registry import keys
from tests.journeys.serving_parts import PATIENCE_S, until
from tests.unit.interfaces.http.hosting import PATH, ROW, folder

MODEL = str(folder())
NAME = json.loads((folder() / "manifest.json").read_text())["name"]
PATH = PATH.replace("churn", NAME)
BODY = {"rows": [ROW]}


def _records(space: Path) -> bytes:
    return b"".join(file.read_bytes() for file in (space / "log").rglob("*") if file.is_file())


async def _ask(app: Any, *, count: int = 1, **headers: str) -> list[httpx.Response]:
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://model.example") as client:
        return list(await asyncio.gather(*(client.post(PATH, json=BODY, headers=headers) for _ in range(count))))


def test_without_any_server_and_without_a_lifespan(tmp_path: Path) -> None:
    app = modelwright.asgi(MODEL, workspace=tmp_path, keys=False)
    try:
        replies = asyncio.run(_ask(app, count=8))
        assert {reply.status_code for reply in replies} == {200}
        assert replies[0].headers["x-modelwright-log"] == "group"
        assert replies[0].json()["model"]["name"] == NAME
        assert all(reply.json()["request_id"].encode() in _records(tmp_path) for reply in replies)
        again = asyncio.run(_ask(app))[0]
        assert again.json()["predictions"] == replies[0].json()["predictions"], "another loop may go on with it"
    finally:
        app.close()


def test_keys_are_asked_for_unless_said_otherwise(tmp_path: Path) -> None:
    with pytest.raises(StateError) as refused:
        modelwright.asgi(MODEL, workspace=tmp_path)
    assert refused.value.code == "serve.no_keys"
    journal = Workspace(tmp_path).journal()
    made, text = keys.create(journal, "host", scopes=("predict",), now=SystemClock().now())
    app = modelwright.asgi(MODEL, workspace=tmp_path, log=False, hosts=["model.example"])

    async def story() -> None:
        assert (await _ask(app))[0].status_code == 401
        good = (await _ask(app, authorization=f"Bearer {text}"))[0]
        assert (good.status_code, good.headers["x-modelwright-log"]) == (200, "off")
        keys.revoke(journal, made.id, now=SystemClock().now())
        async with asyncio.timeout(PATIENCE_S):
            while (await _ask(app, authorization=f"Bearer {text}"))[0].status_code != 401:
                await asyncio.sleep(0.1)
        assert (await _ask(app, authorization=f"Bearer {text}", host="elsewhere.example"))[0].status_code == 403

    asyncio.run(story())
    app.close()
    assert not (tmp_path / "log").exists()


def test_a_model_that_is_not_there_stops_the_host_at_once(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        modelwright.asgi("nobody@champion", workspace=tmp_path, keys=False)


def test_the_lifespan_opens_and_ends_with_everything_on_the_disk(tmp_path: Path) -> None:
    others = set(threading.enumerate())
    app = modelwright.asgi(MODEL, workspace=tmp_path, keys=False)
    sent: list[str] = []

    async def story() -> None:
        asked: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

        async def send(message: Any) -> None:
            sent.append(message["type"])

        lifespan = asyncio.ensure_future(app({"type": "lifespan"}, asked.get, send))
        await asked.put({"type": "lifespan.startup"})
        async with asyncio.timeout(PATIENCE_S):
            while not sent:
                await asyncio.sleep(0.01)
        reply = (await _ask(app))[0]
        await asked.put({"type": "lifespan.shutdown"})
        await lifespan
        assert reply.json()["request_id"].encode() in _records(tmp_path)

    asyncio.run(story())
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert not [one for one in threading.enumerate() if one.name == "prediction-log" and one not in others]


def test_under_plain_uvicorn(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(f"import modelwright\n\napp = modelwright.asgi({MODEL!r}, keys=False)\n")
    said = (tmp_path / "said").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "app:app", "--port", "0"], cwd=tmp_path, stderr=said,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    try:
        find = lambda: re.search(r"http://127\.0\.0\.1:\d+", (tmp_path / "said").read_text())  # noqa: E731
        url = until(find, "uvicorn listens")[0]
        reply = httpx.post(url + PATH, json=BODY, timeout=PATIENCE_S)
        assert reply.status_code == 200
        assert httpx.get(url + "/health/ready", timeout=PATIENCE_S).json() == {"ready": True}
        metrics = httpx.get(url + "/metrics", timeout=PATIENCE_S).text
        assert re.search(r'predictions_total\{model="[^"]+",version="0",route="champion"\} 1', metrics), metrics
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE_S)
        assert reply.json()["request_id"].encode() in _records(tmp_path / ".modelwright")
        assert "Traceback" not in (tmp_path / "said").read_text()
    finally:
        process.kill()
        process.wait()
        said.close()

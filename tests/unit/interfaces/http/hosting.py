"""A real door on loopback for the tests: plane, keys, counters and log as a process would make them."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from modelwright.core.nouns import Task
from modelwright.core.plugins import load as load_plugin
from modelwright.interfaces.http.application import Application, make
from modelwright.interfaces.http.listening import serve
from modelwright.interfaces.http.service import Service
from modelwright.records.prediction import Label
from modelwright.registry import bundle
from modelwright.registry.keys import Key
from modelwright.serving import live
from modelwright.serving.access import Access, Rates
from modelwright.serving.asking import Health
from modelwright.serving.counters import Board, Counters
from modelwright.serving.plane import Plane
from modelwright.spec.serving import ServingSpec
from tests.unit.registry import bundle_parts as parts

ROW = {
    "number": 0.25, "skewed": 1.5, "serial": 1_000_000_003.0, "kind": "red", "label": "a", "flag": True,
    "when": "2024-03-01T10:00:00",
}  # fmt: skip
NUMBERS = {"a": 0.5, "b": 2.0}
PATH = "/v1/models/churn/predict"


@lru_cache
def folder(task: Task = Task.BINARY) -> Path:
    """A LightGBM bundle, written once per process."""
    where = Path(mkdtemp(prefix="door-")) / "bundle"
    table = parts.mixed(task)
    bundle.write(where, parts.contents(parts.model(table, ["lightgbm"]), table))
    return where


def body(*rows: dict[str, Any], **options: Any) -> bytes:
    return json.dumps({"rows": list(rows or (ROW,)), **options}).encode()


@dataclass
class Host:
    """One served door. `keys` maps what a test calls a key to its text."""

    service: Service
    app: Application
    plane: Plane
    access: Access
    labels: list[Label]
    port: int = 0
    health: dict[str, Health] = field(default_factory=dict)
    fast: bool = True
    stop: Callable[[], None] = lambda: None

    def call(
        self, method: str, path: str, content: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """One request over a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            given = {"content-type": "application/json"} if content is not None else {}
            connection.request(method, path, content, {**given, **(headers or {})})
            reply = connection.getresponse()
            return reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read()
        finally:
            connection.close()

    def raw(self, content: bytes, *, wait: float = 30.0) -> bytes:
        """Bytes out, everything that comes until the server closes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=wait) as one:
            one.sendall(content)
            got = b""
            while part := one.recv(65536):
                got += part
            return got


GOOD = Health(live=True, ready=True, started=True)


def host(
    *,
    tasks: Sequence[Task] = (Task.BINARY,),
    keys: Sequence[Key] = (),
    durability: str = "",
    log_folder: Path | None = None,
    spec: ServingSpec | None = None,
    **options: Any,
) -> Host:
    """Everything but the socket. The first task's model is `churn`, the others are named by their task."""
    log = load_plugin("logs", "segments")(log_folder, durability=durability) if durability else None
    plane = Plane(log=log)
    for number, task in enumerate(tasks):
        name = "churn" if number == 0 else task.value
        plane.put(live.load(folder(task), name, 3, spec, probe=False), aliases=("champion",))
    access = Access(Rates())
    access.set_keys(keys)
    labels: list[Label] = []
    health = {"now": GOOD}
    service = Service(
        plane=plane, access=access, counters=Counters(Board(2), 1), health=lambda: health["now"],
        feedback=labels.append, log=log, **options,
    )  # fmt: skip
    return Host(service, make(service), plane, access, labels, health=health)


@contextmanager
def serving(one: Host, *, fast: bool = True) -> Iterator[Host]:
    """Listen on a free port, in a thread with a loop of its own, as a worker would; then stop and drain."""
    import uvloop

    sock = socket.create_server(("127.0.0.1", 0))
    one.port, one.fast = sock.getsockname()[1], fast
    ready, stop = threading.Event(), asyncio.Event()
    failed: list[BaseException] = []
    loops: list[asyncio.AbstractEventLoop] = []

    async def run() -> None:
        loops.append(asyncio.get_running_loop())
        asyncio.get_running_loop().call_soon(ready.set)
        await serve(sock, one.app, one.service, stop, fast=fast)

    def thread() -> None:
        try:
            uvloop.run(run())
        except BaseException as error:
            failed.append(error)
            ready.set()

    running = threading.Thread(target=thread)
    running.start()
    assert ready.wait(60)
    if not failed:
        one.stop = lambda: loops[0].call_soon_threadsafe(stop.set) and None
    try:
        yield one
    finally:
        if not failed and not loops[0].is_closed():
            loops[0].call_soon_threadsafe(stop.set)
        running.join(60)
        if one.service.log is not None:
            one.service.log.close()
    assert not failed, failed
    assert not running.is_alive()


def key(text: str, *scopes: str, revoked: bool = False, rate: int | None = None) -> Key:
    """A key as the journal has it, with a text that a test can show."""
    import hashlib

    now = datetime.now(UTC).isoformat()
    return Key(
        id=hashlib.sha256(text.encode()).hexdigest()[:8], name=text, sha256=hashlib.sha256(text.encode()).hexdigest(),
        scopes=scopes, created_at=now, created_by="test", rate_per_minute=rate, revoked_at=now if revoked else None,
    )  # fmt: skip

"""A workspace with real versions, a real server in a process of its own, and clients that retry nothing."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from modelwright.core.nouns import Decision, Task
from modelwright.lifecycle.workspace import Workspace
from modelwright.registry import bundle, versions
from modelwright.registry.model import Model
from tests.unit.registry import bundle_parts as parts

#: how long a condition may take on a slow and loaded machine
PATIENCE_S = 60.0
ROW = {"number": 0.4, "skewed": 1.5, "serial": 1_000_000_007.0, "kind": "red", "label": "a", "flag": True,
       "when": "2024-02-01T05:00:00"}  # fmt: skip
BODY = json.dumps({"rows": [ROW]}).encode()


def workspace(root: Path, count: int = 3) -> Path:
    """Versions 1 to `count` of the model `demo`, each fitted on other rows; version 1 is the champion."""
    table = parts.mixed(Task.BINARY, 400)
    space = Workspace(root / ".modelwright")
    journal = space.journal()
    for number in range(1, count + 1):
        rows = np.arange(number * 20, 400)
        made = Model(signature=table.signature, members=(parts.member(table, "lightgbm", rows=rows, n_estimators=15),))
        folder = space.runs / f"run-{number}" / "bundle"
        contents = parts.contents(made, table, choose="compiled")
        info = bundle.write(folder, contents)
        versions.register(
            journal, "demo", bundle_digest=info.digest, run_id=f"run-{number}", decision=Decision.APPROVE,
            bundle_path=str(folder.relative_to(space.root)),
        )  # fmt: skip
    versions.promote(journal, "demo", 1)
    return space.root


def until(what: Callable[[], Any], why: str = "", patience_s: float = PATIENCE_S) -> Any:
    """The first true value; AssertionError when it does not come."""
    ends = time.monotonic() + patience_s
    while time.monotonic() < ends:
        found = what()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"did not happen within {patience_s:.0f} s: {why or what}")


class Server:
    """`modelwright serve ...` in a process of its own; without a log unless one is asked for, to be quick."""

    def __init__(self, space: Path, *arguments: str, env: dict[str, str] | None = None, log: bool = False) -> None:
        self.space = space
        self.errors = space.parent / f"serve-{time.monotonic_ns()}.log"
        with self.errors.open("wb") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "modelwright.interfaces.cli.main", "serve", *arguments, "--port", "0", "--json",
                 *([] if log else ["--no-log"]),
                 "--workspace", str(space)],
                stdout=subprocess.PIPE, stderr=stderr, cwd=space.parent,
                env={**os.environ, "OMP_NUM_THREADS": "1", **(env or {})},
            )  # fmt: skip
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.said()
        self.facts: dict[str, Any] = json.loads(line)
        self.port = int(self.facts.get("url", ":0").rsplit(":", 1)[1])

    def said(self) -> str:
        return self.errors.read_text()

    def workers(self) -> list[int]:
        """Processes that answer, youngest last."""
        found = []
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            with contextlib.suppress(OSError):
                found += [int(child) for child in (task / "children").read_text().split()]
        return sorted(pid for pid in found if b"prediction_log" not in _command(pid))

    def ask(self, method: str = "POST", path: str = "/v1/models/demo/predict", body: bytes | None = BODY,
            **headers: str) -> tuple[int, dict[str, Any], dict[str, str]]:  # fmt: skip
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            sent = {"content-type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}}
            connection.request(method, path, body if method == "POST" else None, sent)
            reply = connection.getresponse()
            content = reply.read()
            plain = json.loads(content) if "json" in (reply.headers.get("content-type") or "") else {"text": content}
            return reply.status, plain, dict(reply.headers)
        finally:
            connection.close()

    def metric(self, name: str) -> float:
        """The sum over all labels."""
        text = self.ask("GET", "/metrics")[1]["text"].decode()
        lines = [line for line in text.splitlines() if line.startswith((f"modelwright_{name}", name))]
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines)

    def stop(self, number: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(PATIENCE_S)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            assert self.process.stdout is not None
            self.process.stdout.close()


@contextlib.contextmanager
def serving(space: Path, *arguments: str, **how: Any) -> Iterator[Server]:
    server = Server(space, *arguments, **how)
    try:
        yield server
    finally:
        server.stop()


class Load:
    """Clients with one connection each that ask again and again, and retry nothing. A refused connection is no failed
    request: nobody had taken it. Everything else that is not an answer is a failure."""

    def __init__(self, port: int, clients: int = 4, *, pause_s: float = 0.004, body: bytes = BODY) -> None:
        self.port, self.pause_s, self.body = port, pause_s, body
        self.answers: Counter[tuple[int, Any, Any]] = Counter()  # status, version, first probability
        self.failures: list[str] = []
        self.refused = 0
        self._ending = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._ask, daemon=True) for _ in range(clients)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join(PATIENCE_S)

    @property
    def count(self) -> int:
        return sum(self.answers.values())

    def more(self, count: int) -> None:
        """Wait until so many further answers have come."""
        goal = self.count + count
        until(lambda: self.count >= goal or self.failures, f"{count} more answers")

    def _ask(self) -> None:
        connection: socket.socket | None = None
        head = (f"POST /v1/models/demo/predict HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
                f"content-length: {len(self.body)}\r\n\r\n").encode()  # fmt: skip
        while not self._ending.is_set():
            try:
                if connection is None:
                    try:
                        connection = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S)
                    except ConnectionRefusedError:
                        self.refused += 1
                        return
                connection.sendall(head + self.body)
                status, content, closes = _reply(connection)
            except (OSError, ValueError) as error:
                with self._lock:
                    self.failures.append(f"{type(error).__name__}: {error}")
                if connection is not None:
                    connection.close()
                connection = None
                continue
            self._keep(status, content)
            if closes:
                connection.close()
                connection = None
            if self.pause_s:
                time.sleep(self.pause_s)
        if connection is not None:
            connection.close()

    def _keep(self, status: int, content: dict[str, Any]) -> None:
        version = content.get("model", {}).get("version")
        shares = content.get("probabilities") or [{}]
        with self._lock:
            self.answers[status, version, shares[0].get("yes")] += 1


def _reply(connection: socket.socket) -> tuple[int, dict[str, Any], bool]:
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = connection.recv(65_536)
        if not chunk:
            raise ValueError("the connection ended before the reply")
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    length = next(int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length"))
    while len(body) < length:
        chunk = connection.recv(65_536)
        if not chunk:
            raise ValueError("the connection ended within the reply")
        body += chunk
    return int(lines[0].split()[1]), json.loads(body), b"connection: close" in lines


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def expected(space: Path, count: int = 3) -> dict[int, float]:
    """What each version answers to `ROW`: the probability of `yes`, by loading its bundle here."""
    from datetime import datetime

    row = {**ROW, "when": datetime.fromisoformat(str(ROW["when"]))}
    found = {}
    for number in range(1, count + 1):
        loaded = bundle.load(space / "runs" / f"run-{number}" / "bundle", probe=False)
        answer = loaded.predict_row(row)
        assert answer.probabilities is not None
        found[number] = float(answer.probabilities[0][1])
    return found

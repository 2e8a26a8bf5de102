"""A server of our own for a trial: started on a free loopback port, asked, and always ended."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from modelwright.core.errors import StateError

_START_S = 120.0
_END_S = 30.0
_PATIENCE_S = 60.0


@dataclass(slots=True, kw_only=True)
class Trial:
    facts: dict[str, Any]
    process: subprocess.Popen[bytes]
    port: int
    began: float = field(default_factory=time.monotonic)

    def ask(
        self, path: str, body: bytes | None = None, connection: http.client.HTTPConnection | None = None
    ) -> tuple[int, Any]:
        """Status and content; JSON is read."""
        own = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=_PATIENCE_S)
        try:
            own.request("GET" if body is None else "POST", path, body, {"content-type": "application/json"})
            reply = own.getresponse()
            content = reply.read()
            plain = "json" in (reply.headers.get("content-type") or "")
            return reply.status, json.loads(content) if plain else content.decode()
        finally:
            if connection is None:
                own.close()


@contextlib.contextmanager
def trial_server(workspace: Path, *models: str, config: Path | None = None, log: bool = False, workers: int = 1,
                 hooks: Sequence[str] = ()) -> Iterator[Trial]:  # fmt: skip
    """`modelwright serve` in a process of its own, on loopback and without keys: nobody keeps one for a trial.

    Raises StateError (`trial.start`) with what the server said."""
    options = ["--allow-open", "--port", "0", "--workers", str(workers), "--json", "--workspace", str(workspace)]
    options += [] if log else ["--no-log"]
    options += [] if config is None else ["--config", str(config)]
    options += [part for hook in hooks for part in ("--allow-hook", hook)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MODELWRIGHT_FAILPOINT")}
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module, no shell
            [sys.executable, "-m", "modelwright.interfaces.cli.main", "serve", *models, *options],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said,
            env={**environment, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        try:
            yield _started(process, said)
        finally:
            _end(process)


def _started(process: subprocess.Popen[bytes], said: Any) -> Trial:
    assert process.stdout is not None
    late = threading.Timer(_START_S, process.kill)
    late.start()
    try:
        line = process.stdout.readline()
    finally:
        late.cancel()
    try:
        facts = json.loads(line)
        return Trial(facts=facts, process=process, port=int(facts["url"].rsplit(":", 1)[1]))
    except (ValueError, KeyError) as error:
        process.wait(_END_S)
        said.seek(0)
        last = said.read().decode(errors="replace").strip()[-400:]
        raise StateError(
            f"A server started for a trial did not come up: {last or line.decode(errors='replace')[:400]}",
            code="trial.start",
            hint="start it by hand with `modelwright serve` to see more",
            subject="serve",
        ) from error


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(_END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


# ---------------------------------------------------------------- what is asked


def golden_requests(folder: Path, most: int = 8) -> list[tuple[bytes, dict[str, float] | float | None]]:
    """Requests made of a bundle's golden rows, each with what it answered when it was written: probabilities by
    class, a value, or None where its kind of answer is neither."""
    from modelwright.registry import golden
    from modelwright.registry.answers import written_classes
    from modelwright.registry.manifest import decode

    manifest = decode((folder / "manifest.json").read_bytes())
    rows, expected = golden.decode((folder / golden.FILE).read_bytes(), manifest.signature)
    names = [str(name) for name in written_classes(manifest.signature)] if expected.classes else []
    found: list[tuple[bytes, dict[str, float] | float | None]] = []
    for at, row in enumerate(rows[:most]):
        answer: dict[str, float] | float | None = None
        if expected.probabilities is not None:
            answer = dict(zip(names, expected.probabilities[at].tolist(), strict=True))
        elif expected.values is not None:
            answer = float(expected.values[at])
        found.append((msgspec.json.encode({"rows": [_plain(row)]}), answer))
    return found


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in row.items()}


def differs(reply: Any, answer: dict[str, float] | float | None, tolerance: float) -> bool:
    """Whether an answer over HTTP is another than the bundle's own."""
    if isinstance(answer, dict):
        given = (reply.get("probabilities") or [None])[0] or {}
        return (
            any(abs(float(given.get(name, "nan")) - share) > tolerance for name, share in answer.items()) or not given
        )
    if isinstance(answer, float):
        return not abs(float(reply["predictions"][0]) - answer) <= tolerance * max(1.0, abs(answer))
    return False


# ---------------------------------------------------------------- load


class Load:
    """Clients with one connection each that ask again and again until they are told to end, and retry nothing."""

    def __init__(self, port: int, path: str, bodies: Sequence[bytes], clients: int, *, pause_s: float = 0.0) -> None:
        self._port, self._path, self._bodies, self._pause_s = port, path, bodies, pause_s
        self._ending = threading.Event()
        self.latencies_s: list[float] = []
        self.answered: dict[int, int] = {}  # by version
        self.failures: list[str] = []
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._ask, args=(at,), daemon=True) for at in range(clients)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join(_PATIENCE_S)

    @property
    def count(self) -> int:
        return len(self.latencies_s)

    def _ask(self, at: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_PATIENCE_S)
        head = {"content-type": "application/json"}
        while not self._ending.is_set():
            began = time.perf_counter()
            try:
                connection.request("POST", self._path, self._bodies[at % len(self._bodies)], head)
                reply = connection.getresponse()
                content = reply.read()
                took, at = time.perf_counter() - began, at + 1
                version = json.loads(content).get("model", {}).get("version", -1) if reply.status == 200 else None
            except (OSError, http.client.HTTPException, ValueError) as error:
                connection.close()
                with self._lock:
                    self.failures.append(f"{type(error).__name__}: {error}")
                continue
            with self._lock:
                self.latencies_s.append(took)
                if version is None:
                    self.failures.append(f"status {reply.status}: {content[:120].decode(errors='replace')}")
                else:
                    self.answered[version] = self.answered.get(version, 0) + 1
            if self._pause_s:
                time.sleep(self._pause_s)
        connection.close()


def quantile(values: Sequence[float], share: float) -> float:
    """The value that `share` of them do not exceed (nearest rank); NaN of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")

"""gRPC beside HTTP under one supervisor: started, answered alike, killed and replaced, swapped, stopped."""

from __future__ import annotations

import os
import shutil
import signal
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest

from modelwright.interfaces.grpc.protocol import HEALTH, SERVICE, message
from modelwright.lifecycle.workspace import Workspace
from modelwright.registry import versions
from tests.journeys import serving_parts as parts
from tests.journeys.serving_parts import PATIENCE_S, Server, serving, until
from tests.unit.interfaces.grpc.door import raw

pytestmark = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[int, float]]:
    space = parts.workspace(tmp_path_factory.mktemp("grpc"))
    return space, parts.expected(space)


@pytest.fixture
def space(made: tuple[Path, dict[int, float]], tmp_path: Path) -> Path:
    shutil.copytree(made[0], tmp_path / ".modelwright")
    return tmp_path / ".modelwright"


def _answering(server: Server) -> int:
    """The process that has the gRPC library in memory."""
    return next(pid for pid in server.workers() if "cygrpc" in Path(f"/proc/{pid}/maps").read_text())


def _asking(channel: Any) -> Callable[[], tuple[str, float]]:
    infer = channel.unary_unary(
        f"/{SERVICE}/ModelInfer", response_deserializer=message("ModelInferResponse").FromString
    )
    request = raw(parts.ROW, model="demo")
    request.outputs.add(name="probabilities")
    content = request.SerializeToString()

    def ask() -> tuple[str, float]:
        found = infer(content, timeout=PATIENCE_S, wait_for_ready=True)
        return found.model_version, struct.unpack("<2d", found.raw_output_contents[0])[1]

    return ask


def test_both_doors_answer_alike_through_kill_and_swap(space: Path, made: tuple[Path, dict[int, float]]) -> None:
    answers = made[1]
    with (
        serving(space, "demo", "--grpc-port", "0", log=True) as server,
        grpc.insecure_channel(server.facts["grpc"]) as channel,
    ):
        ask = _asking(channel)
        assert ask() == ("1", answers[1])
        assert server.ask()[1]["probabilities"][0]["yes"] == answers[1]
        until(lambda: server.metric("grpc_requests") == 1, "HTTP's metrics tell of gRPC's calls")

        killed = _answering(server)
        os.kill(killed, signal.SIGKILL)
        until(lambda: len(server.workers()) == 2 and killed not in server.workers(), "it is replaced")
        assert ask() == ("1", answers[1]), "on the same port"

        versions.promote(Workspace(space).journal(), "demo", 2)
        until(lambda: ask() == ("2", answers[2]), "the next champion is live here too")

        watching = channel.unary_stream(f"/{HEALTH}/Watch")(b"", timeout=PATIENCE_S)
        assert next(watching) == b"\x08\x01"
        assert server.stop() == 0
        assert [*watching] == [b"\x08\x02"], "whoever watches is told before it ends"
    assert "Traceback" not in server.said()


def test_the_two_ports_must_differ_and_the_extra_must_be_there(space: Path) -> None:
    with serving(space, "demo") as first:
        command = [sys.executable, "-m", "modelwright.interfaces.cli.main", "serve", "demo", "--no-log", "--port", "0",
                   "--workspace", str(space)]  # fmt: skip
        taken = subprocess.run([*command, "--grpc-port", str(first.port)], capture_output=True, text=True, check=False)
        assert taken.returncode != 0
        assert "listens on port" in taken.stderr
    hidden = space.parent / "hidden"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text(
        "import sys\nfrom importlib.machinery import PathFinder\n\n\nclass Hide:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        return None if name == 'grpc' else PathFinder.find_spec(name, path, target)\n\n\n"
        "sys.meta_path[sys.meta_path.index(PathFinder)] = Hide()\n"
    )
    env = {**os.environ, "PYTHONPATH": str(hidden)}
    missing = subprocess.run([*command, "--grpc-port", "0"], capture_output=True, text=True, check=False, env=env)
    assert missing.returncode != 0
    assert "modelwright[grpc]" in missing.stderr
    assert "Traceback" not in missing.stderr

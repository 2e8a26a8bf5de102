"""Real servers in processes of their own: start, kill, stop, swap, refuse, revoke. Clients retry nothing."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelwright.lifecycle.workspace import Workspace
from modelwright.registry import versions
from tests.journeys import serving_parts as parts
from tests.journeys.serving_parts import Load, serving, until

pytestmark = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[int, float]]:
    space = parts.workspace(tmp_path_factory.mktemp("serving"))
    return space, parts.expected(space)


@pytest.fixture
def space(made: tuple[Path, dict[int, float]], tmp_path: Path) -> Path:
    shutil.copytree(made[0], tmp_path / ".modelwright")
    return tmp_path / ".modelwright"


@pytest.fixture
def answers(made: tuple[Path, dict[int, float]]) -> dict[int, float]:
    return made[1]


def _events(space: Path) -> list[Any]:
    return list(Workspace(space).journal().read())


def test_one_command_serves_and_says_how_to_ask(space: Path, answers: dict[int, float]) -> None:
    with serving(space, "demo", "--workers", "2", log=True) as server:
        status, reply, _ = server.ask()
        assert (status, reply["model"], reply["degraded"]) == (200, {"name": "demo", "version": 1}, False)
        assert reply["probabilities"][0]["yes"] == answers[1]
        assert server.facts["models"] == {"demo": [1]}
        assert server.facts["pid"] == server.process.pid
        assert len(server.workers()) == 2
        curl = subprocess.run(server.facts["curl"], shell=True, capture_output=True, check=True)
        assert b'"version":1' in curl.stdout
        assert server.ask("GET", "/health/ready")[0] == 200
        until(lambda: server.metric("workers") == 2, "both workers are counted")
        until(lambda: server.metric("predictions") == 2, "whoever is asked knows what both have answered")
        assert server.stop(signal.SIGINT) == 0
    assert not [line for line in server.said().splitlines() if "Traceback" in line]


def test_a_killed_worker_costs_only_what_it_had_in_hand(space: Path, answers: dict[int, float]) -> None:
    clients = 6
    with serving(space, "demo", "--workers", "2") as server, Load(server.port, clients) as load:
        load.more(50)
        before = server.workers()
        os.kill(before[0], signal.SIGKILL)
        until(lambda: len(server.workers()) == 2 and before[0] not in server.workers(), "it is replaced")
        load.more(100)
        load.end()
        assert len(load.failures) <= clients, load.failures
        assert set(load.answers) == {(200, 1, answers[1])}
        until(lambda: server.metric("worker_restarts") == 1)
        assert before[1] in server.workers(), "the other one was left alone"


def test_a_worker_that_hangs_is_replaced(space: Path) -> None:
    with serving(space, "demo", "--hang-s", "1") as server:
        (hung,) = server.workers()
        os.kill(hung, signal.SIGSTOP)
        until(lambda: server.workers() and hung not in server.workers(), "it is replaced")
        assert server.ask()[0] == 200, "what waited in its queue is answered by the next one"
        assert "hung" in server.said()


def test_the_end_fails_nobody(space: Path, answers: dict[int, float]) -> None:
    with serving(space, "demo", "--workers", "2") as server, Load(server.port, 6) as load:
        load.more(50)
        assert server.stop() == 0
        load.end()
        assert load.failures == []
        assert set(load.answers) == {(200, 1, answers[1])}
        assert load.refused == 6, "afterwards nobody listens"


def test_every_worker_is_replaced_on_sighup_and_nobody_notices(space: Path, answers: dict[int, float]) -> None:
    with serving(space, "demo", "--workers", "2") as server, Load(server.port, 6) as load:
        load.more(50)
        before = set(server.workers())
        server.process.send_signal(signal.SIGHUP)
        until(lambda: "every worker has been replaced" in server.said(), "the restart is over")
        until(lambda: len(server.workers()) == 2, "the old ones are gone")
        load.more(50)
        load.end()
        assert not before & set(server.workers())
        assert load.failures == []
        assert set(load.answers) == {(200, 1, answers[1])}


def test_an_alias_that_moves_is_followed_and_each_answer_is_of_one_version(
    space: Path, answers: dict[int, float], cli: Callable[..., Any]
) -> None:
    with serving(space, "demo", "--workers", "2") as server, Load(server.port, 4) as load:
        load.more(20)
        for version in (2, 1, 3):
            said = cli("models", "alias", "demo", "champion", str(version), "--workspace", str(space), "--json")
            assert (said.code, said.json["version"]) == (0, version)
            until(lambda version=version: server.ask()[1]["model"]["version"] == version, f"version {version} answers")
            load.more(20)
        load.end()
        assert load.failures == []
        assert {key[1:] for key in load.answers} <= {(version, answers[version]) for version in (1, 2, 3)}
        assert {key[1] for key in load.answers} == {1, 2, 3}
        assert {key[0] for key in load.answers} == {200}


def test_a_broken_version_is_refused_and_the_old_one_goes_on(space: Path, answers: dict[int, float]) -> None:
    with serving(space, "demo") as server, Load(server.port, 2) as load:
        damaged = space / "runs" / "run-2" / "bundle" / "golden.json"
        content = bytearray(damaged.read_bytes())
        content[len(content) // 2] ^= 1
        damaged.write_bytes(content)
        versions.promote(Workspace(space).journal(), "demo", 2)
        until(lambda: [event for event in _events(space) if event.kind == "serving.refused"], "the journal says so")
        (event,) = [event for event in _events(space) if event.kind == "serving.refused"]
        assert (event.subject, event.payload["version"]) == ("model:demo", 2)
        until(lambda: "was refused" in str(server.ask("GET", "/health/ready")[1]), "health says so")
        assert server.ask("GET", "/health/ready")[0] == 200
        load.more(20)
        versions.promote(Workspace(space).journal(), "demo", 3)
        until(lambda: server.ask()[1]["model"]["version"] == 3, "the next one goes live")
        load.end()
        assert load.failures == []
        assert {key[1:] for key in load.answers} <= {(1, answers[1]), (3, answers[3])}
        assert "refused" in server.said()


def test_a_revoked_key_is_refused_everywhere_within_seconds(space: Path, cli: Callable[..., Any]) -> None:
    where = ("--workspace", str(space), "--json")
    made = cli("keys", "create", "shop", *where).json
    with serving(space, "demo", "--workers", "2") as server:
        bearer = f"Bearer {made['key']}"
        assert server.ask()[0] == 401
        assert server.ask(authorization=bearer)[0] == 200
        assert cli("keys", "revoke", "shop", *where).code == 0
        revoked = time.monotonic()
        until(lambda: all(server.ask(authorization=bearer)[0] == 401 for _ in range(8)), "both workers refuse it")
        assert time.monotonic() - revoked < 20.0, "the soak asks for five seconds; this machine may be busy"
        other = cli("keys", "create", "shop", *where).json
        until(lambda: server.ask(authorization=f"Bearer {other['key']}")[0] == 200, "a new key opens without a restart")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("nobody",), "model.unknown"),
        (("demo:9",), "version.unknown"),
        (("demo@boss",), "version.unknown"),
        (("./nowhere",), "bundle.unknown"),
        (("demo", "--host", "0.0.0.0"), "serve.no_keys"),
        (("demo", "--host", "no.such.host.invalid"), "serve.address"),
        (("demo", "--tls-cert", "pipeline.pem"), "tls.pair"),
        (("demo", "--config", "nothing.yaml"), "spec.not_found"),
    ],
)
def test_what_cannot_be_served_is_said_in_a_sentence(
    space: Path, cli: Callable[..., Any], arguments: tuple[str, ...], code: str
) -> None:
    said = cli("serve", *arguments, "--port", "0", "--json", "--workspace", str(space))
    assert said.code in (1, 2)
    assert said.json["error"]["code"] == code
    assert said.json["error"]["hint"]


def test_a_port_that_is_taken_is_refused(space: Path, cli: Callable[..., Any]) -> None:
    with serving(space, "demo") as server:
        said = cli("serve", "demo", "--port", str(server.port), "--json", "--workspace", str(space))
        assert said.json["error"]["code"] == "serve.port_taken"
        assert server.ask()[0] == 200

"""Real servers during rollouts: under load nothing fails, an abort returns traffic, a bad challenger is stopped."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelwright.lifecycle.rolling_out import driving
from modelwright.lifecycle.workspace import Workspace
from modelwright.registry import rollouts
from tests.journeys import serving_parts as parts
from tests.journeys.serving_parts import Load, serving, until

pytestmark = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux")
NONE = ("--stop", "error_rate>0.5")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[int, float]]:
    space = parts.workspace(tmp_path_factory.mktemp("rollouts"), 2)
    return space, parts.expected(space, 2)


@pytest.fixture
def space(made: tuple[Path, dict[int, float]], tmp_path: Path) -> Path:
    shutil.copytree(made[0], tmp_path / ".modelwright")
    return tmp_path / ".modelwright"


@pytest.fixture
def answers(made: tuple[Path, dict[int, float]]) -> dict[int, float]:
    return made[1]


def test_a_canary_and_its_abort_fail_nobody_and_the_abort_is_followed_within_seconds(
    space: Path, answers: dict[int, float], cli: Callable[..., Any]
) -> None:
    at = ("--workspace", str(space), "--json")
    with serving(space, "demo", "--workers", "2") as server, Load(server.port, 4) as load:
        load.more(20)
        said = cli("rollout", "start", "demo", "--to", "2", "--steps", "50", "--hold", "1h", *NONE, *at)
        assert (said.code, [arm["share"] for arm in said.json["arms"]]) == (0, [0.5, 0.5]), said.err
        until(lambda: (200, 2, answers[2]) in load.answers, "the new version gets requests")
        load.more(100)
        assert cli("rollout", "abort", "demo", *at).json["state"] == "aborted"
        ended = time.monotonic()
        # 30 answers in a row of the champion alone: at half the traffic that is no chance
        streak = 0
        while streak < 30 and time.monotonic() < ended + parts.PATIENCE_S:
            streak = streak + 1 if server.ask()[1]["model"]["version"] == 1 else 0
        assert streak == 30
        load.end()
        assert load.failures == []
        assert set(load.answers) == {(200, 1, answers[1]), (200, 2, answers[2])}
    assert not [line for line in server.said().splitlines() if "Traceback" in line]


def test_keys_stay_with_their_version_as_the_share_grows(space: Path, cli: Callable[..., Any]) -> None:
    at = ("--workspace", str(space), "--json")
    with serving(space, "demo") as server:

        def sent(key: str) -> int:
            body = parts.BODY[:-1] + f', "sticky": "{key}"}}'.encode()
            status, reply, _ = server.ask(body=body)
            assert status == 200, reply
            return int(reply["model"]["version"])

        keys = [f"person-{number}" for number in range(60)]
        assert cli("rollout", "start", "demo", "--to", "2", "--steps", "30,70", "--hold", "1h", *NONE, *at).code == 0
        until(lambda: 2 in {sent(key) for key in keys}, "the canary is live")
        before = {key: sent(key) for key in keys}
        assert {key: sent(key) for key in keys} == before
        assert cli("rollout", "skip", "demo", *at).json["step"] == 2
        mine = sum(version == 2 for version in before.values())
        until(lambda: sum(sent(key) == 2 for key in keys) > mine + 5, "more keys are with the canary")
        after = {key: sent(key) for key in keys}
        assert all(after[key] == 2 for key in keys if before[key] == 2), "nobody goes back"


def test_a_whole_canary_driven_by_the_log_ends_with_a_new_champion(space: Path, cli: Callable[..., Any]) -> None:
    at = ("--workspace", str(space), "--json")
    with serving(space, "demo", log=True) as server, Load(server.port, 4) as load:
        said = cli("rollout", "start", "demo", "--to", "2", "--steps", "40,100", "--hold", "0s", "--min-rows", "30",
                   "--stop", "error_rate>0.2", "--stop", "latency_p99>60s", *at)  # fmt: skip
        assert said.code == 0, said.err
        done: list[Any] = []
        driver = threading.Thread(
            target=lambda: done.append(driving.drive(Workspace(space, actor="rollout"), "demo", every_s=0.2)),
            daemon=True,
        )
        driver.start()
        driver.join(parts.PATIENCE_S)
        assert [one.state for one in done] == ["finished"]
        until(lambda: server.ask()[1]["model"]["version"] == 2, "the new champion answers")
        load.end()
        assert load.failures == []
    moment = cli("models", "history", "demo", "--at", done[0].ended_at, *at).json
    assert (moment["champion"]["version"], moment["champion"]["promoted_how"]) == (2, "demo-1")


def test_a_challenger_that_cannot_be_loaded_is_stopped_and_the_champion_answers_on(
    space: Path, answers: dict[int, float], cli: Callable[..., Any]
) -> None:
    at = ("--workspace", str(space), "--json")
    with serving(space, "demo") as server, Load(server.port, 2) as load:
        model = max((space / "runs/run-2/bundle").rglob("*"), key=lambda file: file.stat().st_size * file.is_file())
        content = bytearray(model.read_bytes())
        content[len(content) // 2] ^= 1
        model.write_bytes(content)
        assert cli("rollout", "start", "demo", "--to", "2", "--steps", "50", "--hold", "1h", *NONE, *at).code == 0
        until(lambda: any(e.kind == "serving.refused" for e in Workspace(space).journal().read()), "it is refused")
        ended = driving.drive(Workspace(space, actor="rollout"), "demo", once=True)
        assert (ended.state, ended.rule) == ("aborted", "loads")
        load.more(20)
        load.end()
        assert load.failures == []
        assert set(load.answers) == {(200, 1, answers[1])}


def test_a_driver_that_is_killed_is_followed_by_another(space: Path, cli: Callable[..., Any]) -> None:
    at = ("--workspace", str(space), "--json")
    said = cli("rollout", "start", "demo", "--to", "2", "--steps", "50", "--hold", "1h", *NONE, *at)
    assert said.code == 0, said.err
    command = [
        sys.executable,
        "-m",
        "modelwright.interfaces.cli.main",
        "rollout",
        "drive",
        "demo",
        "--every",
        "0.1s",
        *at,
    ]
    journal = Workspace(space).journal()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as first:
        until(lambda: rollouts.active(journal, "demo").token, "it drives")
        before = rollouts.active(journal, "demo").token
        first.kill()
    token = driving.claim(Workspace(space), "demo")
    assert token > before
    with pytest.raises(Exception, match="Somebody else drives") as caught:
        rollouts.hold(journal, rollouts.active(journal, "demo"), before, "from beyond the grave")
    assert caught.value.code == "rollout.fenced"  # type: ignore[attr-defined]
    assert driving.tick(Workspace(space), "demo", token).move.do == "wait"

"""Back to the version that served before: under load, after a kill at each point, by two at once, on bad ground."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelwright.lifecycle.workspace import Workspace
from modelwright.registry import routes, versions
from tests.journeys import serving_parts as parts
from tests.journeys.serving_parts import Load, serving, until

pytestmark = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux")
POINTS = ("rollback.checked", "rollback.started", "rollback.moved", "rollback.followed")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[int, float]]:
    """Versions 1, 2 and 3 of `demo` went live in this order."""
    space = parts.workspace(tmp_path_factory.mktemp("rollback"))
    for version in (2, 3):
        versions.promote(Workspace(space).journal(), "demo", version)
    return space, parts.expected(space)


@pytest.fixture
def space(made: tuple[Path, dict[int, float]], tmp_path: Path) -> Path:
    shutil.copytree(made[0], tmp_path / ".modelwright")
    return tmp_path / ".modelwright"


def command(space: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "modelwright.interfaces.cli.main", *arguments, "--workspace", str(space), "--json"]


def killed(space: Path, point: str, *arguments: str) -> int:
    """The command, killed at a named point; returns its status."""
    environment = {**os.environ, "MODELWRIGHT_FAILPOINT": f"{point}=kill", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command(space, *arguments), env=environment, capture_output=True, check=False)
    return done.returncode


def champion(space: Path) -> int:
    return versions.aliases(Workspace(space).journal(), "demo")["champion"]


def test_back_under_load_without_a_failed_request(
    space: Path, made: tuple[Path, dict[int, float]], cli: Callable[..., Any]
) -> None:
    with serving(space, "demo", "--workers", "2") as server, Load(server.port, 4) as load:
        load.more(30)
        said = cli("rollback", "demo", "--reason", "it answers oddly", "--workspace", str(space), "--json")
        assert said.code == 0, said.err
        assert (said.json["from"], said.json["to"], said.json["processes"]) == (3, 2, 2)
        assert (said.json["followed"], said.json["lagging"]) == (2, [])
        assert said.json["moved_s"] <= said.json["seconds"]
        assert said.json["checked"] == "probed", "nobody had loaded version 2 before"
        assert server.ask()[1]["model"]["version"] == 2, "who has been told that all follow is answered by the target"
        load.more(30)
        load.end()
        assert load.failures == []
        assert set(load.answers) == {(200, 3, made[1][3]), (200, 2, made[1][2])}
        again = cli("rollback", "demo", "--workspace", str(space), "--json").json
        assert (again["from"], again["to"]) == (2, 1), "further back, never forward to what was left"
        there = cli("rollback", "demo", "--to", "2", "--workspace", str(space), "--json").json
        assert (there["to"], there["checked"]) == (2, "loaded"), "the version before stays in memory"
    later = cli("rollback", "demo", "--to", "3", "--workspace", str(space), "--json").json
    assert (later["to"], later["checked"]) == (3, "remembered"), "a server tried it with the libraries there are now"
    events = list(Workspace(space).journal().read())
    moved = [event for event in events if event.kind == "alias.set" and "rolled_back_from" in event.payload]
    assert [event.payload["reason"] for event in moved] == ["it answers oddly", "", "", ""]
    assert all(event.actor for event in moved)


def test_a_route_ends_with_the_rollback(space: Path, cli: Callable[..., Any]) -> None:
    journal = Workspace(space).journal()
    shared = (routes.ArmState(which="champion", weight=90), routes.ArmState(which="1", weight=10, label="canary"))
    routes.set_route(journal, "demo", routes.RouteState(arms=shared, strategy="canary"))
    assert cli("rollback", "demo", "--workspace", str(space), "--json").json["to"] == 2
    assert routes.fold(journal.read()) == {}


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_a_point_it_is_old_or_new_and_the_same_command_finishes_it(
    space: Path, point: str, cli: Callable[..., Any]
) -> None:
    assert killed(space, point, "rollback", "demo") == -signal.SIGKILL
    assert champion(space) == (3 if point in POINTS[:2] else 2)
    said = cli("rollback", "demo", "--workspace", str(space), "--json")
    assert (said.code, said.json["from"], said.json["to"]) == (0, 3, 2)
    assert champion(space) == 2
    assert cli("rollback", "demo", "--workspace", str(space), "--json").json["to"] == 1, "it had ended"


def test_of_two_at_once_one_wins(space: Path) -> None:
    environment = {**os.environ, "MODELWRIGHT_FAILPOINT": "rollback.checked=delay:2"}
    both = [
        subprocess.Popen(command(space, "rollback", "demo"), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         env=environment)
        for _ in range(2)
    ]  # fmt: skip
    said = [json.loads(one.communicate(timeout=parts.PATIENCE_S)[0]) for one in both]
    assert sorted(one.get("error", one).get("code", "") for one in said) == ["", "rollback.busy"]
    assert champion(space) == 2


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda space: shutil.rmtree(space / "runs" / "run-2"), "rollback.bundle_gone"),
        (lambda space: (space / "runs/run-2/bundle/card.md").write_text("other"), "bundle.digest"),
    ],
)
def test_a_target_that_is_not_whole_moves_nothing(
    space: Path, cli: Callable[..., Any], spoil: Callable[[Path], None], code: str
) -> None:
    spoil(space)
    before = len(list(Workspace(space).journal().read()))
    said = cli("rollback", "demo", "--workspace", str(space), "--json")
    assert said.code != 0
    assert said.json["error"]["code"] == code
    assert len(list(Workspace(space).journal().read())) == before
    assert "Traceback" not in said.err


def test_what_never_served_or_does_not_exist_is_refused(space: Path, cli: Callable[..., Any]) -> None:
    journal = Workspace(space).journal()
    first = versions.show(journal, "demo", 1)
    versions.register(
        journal, "demo", bundle_digest=first.bundle_digest, run_id="later", decision=first.decision,
        bundle_path=first.bundle_path,
    )  # fmt: skip
    for arguments, code in (
        (("demo", "--to", "4"), "rollback.never_live"),
        (("demo", "--to", "9"), "version.unknown"),
        (("dmo",), "model.unknown"),
        (("demo", "--to", "yesterday"), "rollback.target"),
        ((), "rollback.target"),
    ):
        said = cli("rollback", *arguments, "--workspace", str(space), "--json")
        assert (said.code != 0, said.json["error"]["code"]) == (True, code)
    assert cli("rollback", "demo", "--to", "1", "--workspace", str(space), "--json").json["to"] == 1
    nothing = cli("rollback", "demo", "--workspace", str(space), "--json").json
    assert nothing["error"]["code"] == "rollback.nothing_before"


def test_a_locked_journal_and_a_full_disk_leave_the_champion_serving(
    space: Path, cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from modelwright.adapters.journals import sqlite as journals

    with serving(space, "demo") as server:
        monkeypatch.setattr(journals, "_BUSY_TIMEOUT_S", 0.2)
        holder = sqlite3.connect(space / "journal.sqlite", isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        said = cli("rollback", "demo", "--workspace", str(space), "--json")
        holder.execute("ROLLBACK")
        holder.close()
        assert said.json["error"]["code"] == "journal.unusable"
        monkeypatch.setenv("MODELWRIGHT_FAILPOINT", "rollback.started=full")
        said = cli("rollback", "demo", "--workspace", str(space), "--json")
        assert said.json["error"]["code"] == "disk.failed"
        assert (champion(space), server.ask()[1]["model"]["version"]) == (3, 3)
        monkeypatch.delenv("MODELWRIGHT_FAILPOINT")
        assert cli("rollback", "demo", "--workspace", str(space), "--json").json["to"] == 2
        until(lambda: server.ask()[1]["model"]["version"] == 2)


@pytest.mark.soak
def test_killed_again_and_again() -> None:
    """MODELWRIGHT_KILLS times, at points in turn: from a fresh workspace each, recovery by the same command."""
    import tempfile
    import time

    count = int(os.environ.get("MODELWRIGHT_KILLS", "40"))
    with tempfile.TemporaryDirectory() as folder:
        space = parts.workspace(Path(folder))
        for version in (2, 3):
            versions.promote(Workspace(space).journal(), "demo", version)
        slowest = 0.0
        for number in range(count):
            point = POINTS[number % len(POINTS)]
            now = champion(space)
            target = {3: 2, 2: 3}[now]
            versions_before = len(list(Workspace(space).journal().read()))
            assert killed(space, point, "rollback", "demo", "--to", str(target)) == -signal.SIGKILL
            assert champion(space) in (now, target)
            began = time.monotonic()
            done = subprocess.run(
                command(space, "rollback", "demo", "--to", str(target)), capture_output=True, check=True
            )
            slowest = max(slowest, time.monotonic() - began)
            assert champion(space) == target, done.stdout
            moves = [e for e in Workspace(space).journal().read() if e.kind == "alias.set"][-1:]
            assert moves[0].payload["version"] == target
            assert len(list(Workspace(space).journal().read())) == versions_before + 3, "one start, one move, one end"
        print(f"{count} kills, slowest recovery {slowest:.2f} s")

"""Back to a snapshot: six kinds in order, resumed after a kill, undone after a failure, keys never."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelwright.core.clock import SystemClock
from modelwright.lifecycle.workspace import Workspace
from modelwright.registry import keys, versions
from tests.journeys import serving_parts as parts
from tests.journeys.test_rollback import champion, command

pytestmark = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux")
STEPS = ("code", "dependencies", "databases", "artifacts", "configuration", "validation", "pointer")
SPEC = "data:\n  source: rows.csv\nfeatures:\n  target: bought\n"


def git(project: Path, *arguments: str) -> str:
    own = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}
    done = subprocess.run(
        ["git", "-C", str(project), *arguments], capture_output=True, text=True, check=True, env={**os.environ, **own}
    )
    return done.stdout.strip()


def _project(folder: Path) -> None:
    (folder / "train.py").write_text("print('first')\n")
    (folder / "pipeline.yaml").write_text(SPEC)
    rows = [f"{at},{at % 7},{'yes' if at % 7 > 3 else 'no'}" for at in range(60)]
    (folder / "rows.csv").write_text("\n".join(["number,other,bought", *rows]) + "\n")
    (folder / "serving.yaml").write_text("serving:\n  max_rows: 500\n")
    (folder / "requirements.txt").write_text("")
    (folder / ".gitignore").write_text(".modelwright/\nignored.txt\n*.log\n")
    git(folder, "init", "--quiet", "--initial-branch", "main")
    git(folder, "add", "train.py", "rows.csv", "requirements.txt", ".gitignore")
    git(folder, "commit", "--quiet", "-m", "first")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Version 2 live at the first commit, a snapshot `good`; then all has changed and version 3 is live."""
    folder = tmp_path_factory.mktemp("project")
    _project(folder)
    space = parts.workspace(folder)
    journal = Workspace(space).journal()
    versions.promote(journal, "demo", 2)
    done = subprocess.run(command(space, "snapshot", "--name", "good"), cwd=folder, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout
    git(folder, "add", "pipeline.yaml", "serving.yaml")
    (folder / "train.py").write_text("print('second')\n")
    git(folder, "commit", "--quiet", "-am", "second")
    (folder / "serving.yaml").write_text("serving:\n  max_rows: 7\n")
    git(folder, "commit", "--quiet", "-am", "third")
    versions.promote(journal, "demo", 3)
    shutil.rmtree(space / "runs/run-2/bundle")
    return folder


@pytest.fixture
def project(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    target = tmp_path / "project"
    shutil.copytree(made, target)
    monkeypatch.chdir(target)
    return target


def _space(project: Path) -> Path:
    return project / ".modelwright"


def _state(project: Path) -> tuple[Any, ...]:
    return (
        (project / "train.py").read_text(), (project / "serving.yaml").read_text(), git(project, "rev-parse", "HEAD"),
        git(project, "status", "--porcelain"), champion(_space(project)),
    )  # fmt: skip


def test_all_six_kinds_and_keys_stay_revoked(project: Path, cli: Callable[..., Any], monkeypatch: Any) -> None:
    monkeypatch.chdir(project)
    journal = Workspace(_space(project)).journal()
    key, _ = keys.create(journal, "caller", scopes=("predict",), now=SystemClock().now())
    keys.revoke(journal, key.id, now=SystemClock().now())
    said = cli("rollback", "--to", "good", "--reason", "bad release", "--workspace", str(_space(project)), "--json")
    assert said.code == 0, said.out
    assert tuple(step["step"] for step in said.json["steps"]) == STEPS
    outcomes = {step["step"]: step["outcome"] for step in said.json["steps"]}
    assert outcomes["code"] == outcomes["artifacts"] == outcomes["pointer"] == "done"
    assert all(step["seconds"] >= 0 for step in said.json["steps"])
    assert (project / "train.py").read_text() == "print('first')\n"
    assert "500" in (project / "serving.yaml").read_text()
    assert champion(_space(project)) == 2
    assert keys.fold(journal.read())[-1].revoked_at is not None
    assert "runs dry on 60 rows" in next(s["said"] for s in said.json["steps"] if s["step"] == "validation")
    again = cli("rollback", "--to", "good", "--workspace", str(_space(project)), "--json")
    assert again.code == 0
    assert {s["outcome"] for s in again.json["steps"] if s["step"] not in ("validation",)} <= {"unchanged", "differs"}


def test_uncommitted_work_is_refused_and_never_lost(project: Path, cli: Callable[..., Any], monkeypatch: Any) -> None:
    monkeypatch.chdir(project)
    (project / "train.py").write_text("print('mine')\n")
    (project / "new.py").write_text("print('new')\n")
    before = _state(project)
    refused = cli("rollback", "--to", "good", "--workspace", str(_space(project)), "--json")
    assert refused.json["error"]["code"] == "rollback.uncommitted"
    assert _state(project) == before
    monkeypatch.setenv("MODELWRIGHT_FAILPOINT", "restore.validation.begun=raise")
    failed = cli("rollback", "--to", "good", "--force-code", "--workspace", str(_space(project)), "--json")
    assert failed.json["error"]["code"] == "failpoint"
    assert _state(project) == before, "undone, uncommitted work and new files too"
    assert (project / "new.py").read_text() == "print('new')\n"
    monkeypatch.delenv("MODELWRIGHT_FAILPOINT")
    done = cli("rollback", "--to", "good", "--force-code", "--workspace", str(_space(project)), "--json")
    assert done.code == 0, done.out
    assert not (project / "new.py").exists()
    kept = git(project, "for-each-ref", "--format=%(refname)", "refs/modelwright/kept").splitlines()
    assert git(project, "show", f"{kept[-1]}:new.py") == "print('new')"
    assert git(project, "show", f"{kept[-1]}:train.py") == "print('mine')"


KILLS = ("restore.code.done", "restore.artifacts.built", "restore.configuration.done", "restore.pointer.moved")
MORE = tuple(
    f"restore.{step}.{when}"
    for step in STEPS
    for when in ("begun", "done", "said")
    if f"restore.{step}.{when}" not in KILLS
)


def _kill_and_finish(project: Path, point: str) -> None:
    space = _space(project)
    environment = {**os.environ, "MODELWRIGHT_FAILPOINT": f"{point}=kill"}
    done = subprocess.run(
        command(space, "rollback", "--to", "good"), cwd=project, capture_output=True, check=False, env=environment
    )
    assert done.returncode == -signal.SIGKILL, done.stdout
    live = champion(space)
    folder = space / versions.show(Workspace(space).journal(), "demo", live).bundle_path
    assert (folder / "manifest.json").is_file(), "what the pointer names can always be served"
    done = subprocess.run(command(space, "rollback", "--to", "good"), cwd=project, capture_output=True, check=False)
    said = json.loads(done.stdout)
    assert done.returncode == 0, said
    assert said["resumed"]
    assert (project / "train.py").read_text() == "print('first')\n"
    assert champion(space) == 2


@pytest.mark.parametrize("point", KILLS[1::2])
def test_killed_at_a_point_the_same_command_finishes_it(project: Path, point: str) -> None:
    _kill_and_finish(project, point)


@pytest.mark.soak
@pytest.mark.parametrize(
    "point", [*KILLS[::2], *MORE, "restore.started", "restore.code.kept", "restore.artifacts.aside"]
)
def test_killed_at_every_other_point(project: Path, point: str) -> None:
    if point == "restore.code.kept":
        pytest.skip("only with uncommitted work")
    if point == "restore.artifacts.aside":
        (_space(project) / "runs/run-2/bundle").mkdir()
        (_space(project) / "runs/run-2/bundle/manifest.json").write_text("{}")
    _kill_and_finish(project, point)


@pytest.mark.parametrize("point", ["restore.configuration.done", "restore.pointer.moved"])
def test_what_was_killed_midway_can_be_undone_instead(project: Path, cli: Callable[..., Any], point: str) -> None:
    before, space = _state(project), _space(project)
    environment = {**os.environ, "MODELWRIGHT_FAILPOINT": f"{point}=kill"}
    done = subprocess.run(
        command(space, "rollback", "--to", "good"), cwd=project, capture_output=True, check=False, env=environment
    )
    assert done.returncode == -signal.SIGKILL
    assert _state(project) != before
    other = cli("rollback", "--undo", "--reason", "not now", "--workspace", str(space), "--json")
    assert other.code == 0, other.out
    assert _state(project) == before
    assert "undone" in other.json["said"]
    again = cli("rollback", "--undo", "--workspace", str(space), "--json")
    assert again.json["error"]["code"] == "rollback.nothing_to_undo"
    kinds = [event.kind for event in Workspace(space).journal().read() if event.kind.startswith("restore.")]
    assert (kinds[0], kinds[-1], kinds.count("restore.undone")) == ("restore.started", "restore.undone", 1)


@pytest.mark.soak
def test_the_lock_of_the_snapshot_is_installed_beside_and_taken_back(
    project: Path, cli: Callable[..., Any], monkeypatch: Any
) -> None:
    """An environment of its own, by an empty lock, so that nothing is fetched; a later failure switches back."""
    from modelwright.lifecycle.snapshotting import dependencies

    now = dependencies.packages()
    monkeypatch.setattr(dependencies, "packages", lambda: {**now, "another": "1.0"})
    current = _space(project) / "environments" / "current"
    monkeypatch.setenv("MODELWRIGHT_FAILPOINT", "restore.pointer.moved=raise")
    failed = cli("rollback", "--to", "good", "--reinstall", "--workspace", str(_space(project)), "--json")
    assert failed.json["error"]["code"] == "failpoint"
    assert not current.is_symlink()
    monkeypatch.delenv("MODELWRIGHT_FAILPOINT")
    done = cli("rollback", "--to", "good", "--reinstall", "--workspace", str(_space(project)), "--json")
    assert done.code == 0, done.out
    said = next(step["said"] for step in done.json["steps"] if step["step"] == "dependencies")
    assert "the lock is installed in" in said
    assert (current / "bin" / "python").exists()


@pytest.mark.parametrize(("step", "how"), [("pointer", "raise"), ("configuration", "full")])
def test_a_step_that_fails_undoes_them_all(
    project: Path, cli: Callable[..., Any], monkeypatch: Any, step: str, how: str
) -> None:
    monkeypatch.chdir(project)
    before = _state(project)
    point = "restore.pointer.moved" if step == "pointer" else "restore.configuration.done"
    monkeypatch.setenv("MODELWRIGHT_FAILPOINT", f"{point}={how}")
    said = cli("rollback", "--to", "good", "--workspace", str(_space(project)), "--json")
    assert said.json["error"]["code"] == ("failpoint" if how == "raise" else "disk.failed")
    assert _state(project) == before
    assert git(project, "branch", "--show-current") == "main"


def test_a_damaged_journal_is_rebuilt_with_what_came_since(
    project: Path, cli: Callable[..., Any], monkeypatch: Any
) -> None:
    from modelwright.lifecycle.copying_databases import copy_online, repair

    journal = _space(project) / "journal.sqlite"
    before = list(Workspace(_space(project)).journal().read())
    whole = project.parent / "whole.sqlite"
    copy_online(journal, whole)
    snapshot = project.parent / "early.sqlite"
    shutil.copy(whole, snapshot)
    import sqlite3

    with sqlite3.connect(snapshot) as one:
        one.executescript("DROP TRIGGER events_are_kept; DELETE FROM events WHERE sequence > 4;")
    first, last = repair(journal, snapshot, journal.with_name("aside"))
    assert (first, last) == (4, before[-1].sequence)
    assert list(Workspace(_space(project)).journal().read()) == before
    monkeypatch.chdir(project)
    journal.write_bytes(b"not a database at all" * 300)
    said = cli("rollback", "--to", "good", "--workspace", str(_space(project)), "--json")
    assert said.code == 0, said.out
    assert "rebuilt" in next(step["said"] for step in said.json["steps"] if step["step"] == "databases")
    assert champion(_space(project)) == 2


def test_a_tampered_snapshot_and_an_unknown_one_change_nothing(
    project: Path, cli: Callable[..., Any], monkeypatch: Any
) -> None:
    monkeypatch.chdir(project)
    before = _state(project)
    assert cli("rollback", "--to", "god", "--workspace", str(_space(project)), "--json").json["error"]["code"] == (
        "snapshot.unknown"
    )
    (found,) = (_space(project) / "snapshots").glob("*.json")
    found.write_text(found.read_text().replace('"version": 2', '"version": 1'))
    assert cli("rollback", "--to", "good", "--workspace", str(_space(project)), "--json").json["error"]["code"] == (
        "snapshot.damaged"
    )
    assert _state(project) == before

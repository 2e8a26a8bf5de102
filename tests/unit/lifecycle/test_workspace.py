"""The workspace: one writer, atomic files, runs found by id."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from modelwright.core.errors import NotFoundError, StateError
from modelwright.core.run import RunRecord
from modelwright.lifecycle.workspace import Workspace, without_passwords, write_atomically

HOLD = """
import sys
from pathlib import Path
from modelwright.lifecycle.workspace import Workspace
with Workspace(Path(sys.argv[1])).only_writer():
    print("held", flush=True)
    sys.stdin.read()
"""


def _record(run_id: str) -> RunRecord:
    return RunRecord(run_id=run_id, name="m", status="done", started_at="2026-01-01T00:00:00.000Z")


def test_runs_are_found_by_id_beginning_and_latest(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    for run_id in ("20260101-000000-aaaa", "20260102-000000-bbbb"):
        workspace.write_record(_record(run_id))
    assert workspace.resolve_run("latest") == "20260102-000000-bbbb"
    assert workspace.resolve_run("20260101") == "20260101-000000-aaaa"
    assert workspace.read_run("latest").name == "m"
    with pytest.raises(NotFoundError, match="ambiguous"):
        workspace.resolve_run("2026010")
    with pytest.raises(NotFoundError, match="does not exist"):
        workspace.resolve_run("nope")


def test_an_empty_workspace_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError) as caught:
        Workspace(tmp_path / "none").resolve_run("latest")
    assert "modelwright run" in caught.value.hint
    assert not (tmp_path / "none").exists()


def test_a_second_writer_is_refused_and_a_killed_one_leaves_no_lock(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdin is not None
    try:
        assert holder.stdout.readline().strip() == "held"
        with pytest.raises(StateError) as caught, Workspace(tmp_path).only_writer():
            pass
        assert caught.value.code == "workspace.busy"
        assert str(holder.pid) in caught.value.message
    finally:
        holder.kill()
        holder.wait()
        holder.stdin.close()
        holder.stdout.close()
    with Workspace(tmp_path).only_writer():
        pass


def test_a_damaged_record_is_named(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.write_record(_record("r1"))
    (workspace.run_folder("r1") / "run.json").write_text("{")
    with pytest.raises(StateError, match="r1"):
        workspace.read_run("r1")


def test_atomic_write_keeps_the_old_file_when_it_fails(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    write_atomically(file, b"old")
    with pytest.raises(TypeError):
        write_atomically(file, "not bytes")  # type: ignore[arg-type]
    assert file.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]


def test_addresses_lose_their_passwords_and_nothing_else() -> None:
    text = "source: postgresql://ann:hu:sh@db:5432/x # s3://bucket/a:b https://h:1/p"
    assert without_passwords(text) == "source: postgresql://ann@db:5432/x # s3://bucket/a:b https://h:1/p"
    assert without_passwords("mysql://root@h/d 12:30:45") == "mysql://root@h/d 12:30:45"

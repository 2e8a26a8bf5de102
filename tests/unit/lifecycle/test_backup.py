"""A backup of a workspace in use: whole, incremental, refused where it would overwrite, restored and compared."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelwright.core.plugins import load
from modelwright.lifecycle.workspace import Workspace
from modelwright.records.prediction import Schema
from tests.journeys import serving_parts as parts
from tests.journeys.conftest import cli as cli


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two versions, and a log with an open segment."""
    space = parts.workspace(tmp_path_factory.mktemp("backup"), 2)
    log = load("logs", "segments")(space / "log" / "predictions")
    log.describe(Schema("demo", 1, "b3:x", ("a",), ("number",), "regression"))
    log.commit()
    (space / "log/predictions/redaction.key").write_bytes(b"k" * 32)
    (space / "cache").mkdir()
    (space / "cache/x").write_text("made again")
    return space


def _files(root: Path) -> dict[str, bytes]:
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def test_restored_equals_backed_up_and_a_second_one_adds_little(
    made: Path, tmp_path: Path, cli: Callable[..., Any]
) -> None:
    dest = tmp_path / "store"
    first = cli("backup", str(dest), "--workspace", str(made), "--json")
    assert first.code == 0, first.out
    assert first.json["verified"]["golden_rows"] > 0
    assert first.json["new_bytes"] == pytest.approx(first.json["size_bytes"], rel=0.2)
    assert any("redaction.key" in note for note in first.json["notes"])
    events = list(Workspace(made).journal().read())
    second = cli("backup", str(dest), "--no-verify", "--workspace", str(made), "--json").json
    assert second["new_bytes"] < 0.5 * second["size_bytes"], "only the journal has changed"
    said = cli("restore", str(dest), str(tmp_path / "again"), "--id", first.json["id"], "--json")
    assert said.code == 0, said.out
    again = Workspace(tmp_path / "again")
    assert list(again.journal().read()) == events[: first.json["sequence"]]
    ours, theirs = _files(made), _files(again.root)
    same = [path for path in theirs if not path.endswith((".sqlite", ".open"))]
    assert same
    assert all(theirs[path] == ours[path] for path in same)
    assert not [path for path in theirs if path.endswith(("-wal", "-shm", "-journal", ".key")) or "cache" in path]
    assert any(path.endswith(".open") for path in theirs), "what a living writer has acknowledged is in it"


def test_nothing_is_overwritten(made: Path, tmp_path: Path, cli: Callable[..., Any]) -> None:
    other = tmp_path / "mine"
    other.mkdir()
    (other / "thesis.txt").write_text("years of work")
    for dest, code in ((other, "backup.dest"), (made / "inside", "backup.dest")):
        said = cli("backup", str(dest), "--workspace", str(made), "--json")
        assert said.json["error"]["code"] == code
    cli("backup", str(tmp_path / "store"), "--no-verify", "--workspace", str(made), "--json")
    said = cli("restore", str(tmp_path / "store"), str(other), "--json")
    assert said.json["error"]["code"] == "restore.taken"
    assert (other / "thesis.txt").read_text() == "years of work"
    assert (
        cli("restore", str(tmp_path / "store"), "x", "--id", "no", "--json").json["error"]["code"] == "backup.unknown"
    )


def test_a_damaged_or_malicious_backup_restores_nothing(made: Path, tmp_path: Path, cli: Callable[..., Any]) -> None:
    dest = tmp_path / "store"
    cli("backup", str(dest), "--no-verify", "--workspace", str(made), "--json")
    (listed,) = (dest / "backups").glob("*.json")
    content = json.loads(listed.read_bytes())
    bundle = next(one for one in content["files"] if one["path"].endswith("golden.json"))
    blob = dest / "objects" / bundle["sha256"][:2] / bundle["sha256"][2:]
    whole = blob.read_bytes()
    blob.write_bytes(whole[:-1] + b"x")
    assert cli("restore", str(dest), "out", "--json").json["error"]["code"] == "snapshot.damaged"
    blob.write_bytes(whole)
    content["files"][-1]["path"] = "../escaped"
    listed.write_text(json.dumps(content))
    assert cli("restore", str(dest), "out", "--json").json["error"]["code"] == "backup.damaged"
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "escaped").exists()
    assert not list(tmp_path.glob(".out*"))


def test_a_full_disk_is_named(made: Path, tmp_path: Path, cli: Callable[..., Any], monkeypatch: Any) -> None:
    monkeypatch.setenv("MODELWRIGHT_FAILPOINT", "backup.file=full")
    said = cli("backup", str(tmp_path / "store"), "--workspace", str(made), "--json")
    assert said.json["error"]["code"] == "disk.failed"
    assert not list((tmp_path / "store" / "backups").iterdir())
    assert "Traceback" not in said.err
    monkeypatch.delenv("MODELWRIGHT_FAILPOINT")
    os.environ.pop("MODELWRIGHT_FAILPOINT", None)
    assert cli("backup", str(tmp_path / "store"), "--no-verify", "--workspace", str(made), "--json").code == 0

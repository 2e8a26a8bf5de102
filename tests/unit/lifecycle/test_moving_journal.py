"""The journal of a workspace in PostgreSQL and back: nothing lost, killed at any point, and everything works there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from modelwright.core.clock import SystemClock
from modelwright.core.errors import AdapterError, ModelwrightError, StateError
from modelwright.lifecycle.backing_up import back_up, restore
from modelwright.lifecycle.copying_databases import copy_journal
from modelwright.lifecycle.moving_journal import move
from modelwright.lifecycle.operation import Context
from modelwright.lifecycle.workspace import Workspace, open_journal
from modelwright.registry import versions
from modelwright.registry.promotion import Promotion, promote
from tests.journeys import serving_parts as parts
from tests.properties.test_ledger import NAME, workspace
from tests.unit.adapters.test_journals import table  # noqa: F401 - a fixture

pytestmark = pytest.mark.services


@pytest.fixture
def space(tmp_path: Path) -> Workspace:
    workspace(tmp_path / "ws", 2)
    return Workspace(tmp_path / "ws")


def test_there_and_back_with_every_event(space: Workspace, table: str, tmp_path: Path) -> None:  # noqa: F811
    before = list(space.journal().read())
    late = open_journal(space.root / "journal.sqlite")
    assert move(space, table)["events"] == len(before)
    assert list(space.journal().read())[:-1] == before
    with pytest.raises(AdapterError, match="moved"):
        late.append("a", "s", {})
    promote(space.journal(), space.root, Promotion(name=NAME, version=2))
    assert versions.aliases(Workspace(space.root).journal(), NAME) == {"champion": 2}
    copy_journal(space.root, tmp_path / "copy.sqlite")
    assert list(open_journal(tmp_path / "copy.sqlite").read()) == list(space.journal().read())
    assert not move(space, table)["moved"]
    whole = list(space.journal().read())
    move(space, "sqlite")
    assert list(Workspace(space.root).journal().read())[:-1] == whole
    with pytest.raises(ModelwrightError):
        open_journal(table).append("a", "s", {})
    assert move(space, table)["moved"], "and there again: its beginning is there already"


def test_a_backup_holds_it_as_a_file_and_is_restored_without_the_server(tmp_path: Path, table: str) -> None:  # noqa: F811
    space = Workspace(parts.workspace(tmp_path, 1))
    move(space, table)
    back_up(space, tmp_path / "store", Context(workspace=space.root, clock=SystemClock()))
    restore(tmp_path / "store", tmp_path / "back")
    assert not (tmp_path / "back" / "journal.url").exists()
    now, found = (list(Workspace(root).journal().read()) for root in (space.root, tmp_path / "back"))
    assert found == now[: len(found)]
    assert found[-1].kind == "journal.moved"
    assert versions.aliases(Workspace(tmp_path / "back").journal(), "demo") == {"champion": 1}


@pytest.mark.parametrize("point", ["journal.copied", "journal.retired", "journal.moved"])
def test_killed_midway_the_same_command_finishes_it(space: Workspace, table: str, point: str) -> None:  # noqa: F811
    before = list(space.journal().read())
    program = [sys.executable, "-m", "modelwright", "journal", "move", table, "--workspace", str(space.root), "--json"]
    environment = {**os.environ, "MODELWRIGHT_FAILPOINT": f"{point}=kill"}
    assert subprocess.run(program, env=environment, capture_output=True, check=False).returncode == -signal.SIGKILL
    assert list(Workspace(space.root).journal().read()) == before
    move(space, table)
    after = list(Workspace(space.root).journal().read())
    assert after[: len(before)] == before
    assert (space.root / "journal.url").read_text().strip() == table


def test_a_place_with_other_events_is_refused(space: Workspace, table: str) -> None:  # noqa: F811
    open_journal(table).append("a", "s", {})
    with pytest.raises(StateError) as told:
        move(space, table)
    assert told.value.code == "journal.occupied"
    space.journal().append("still", "here", {})

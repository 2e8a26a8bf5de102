"""Deleted versions given up for good: the disk is free, and what serves or is the way back stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from modelwright.core.errors import NotFoundError, StateError
from modelwright.core.nouns import Decision
from modelwright.lifecycle.purging import purge
from modelwright.lifecycle.workspace import Workspace
from modelwright.registry import deleting, restoring, versions
from modelwright.registry.promotion import Promotion, promote
from tests.properties.test_ledger import NAME, workspace

NOW = datetime(2026, 11, 21, tzinfo=UTC)
MB = 1_000_000


@pytest.fixture
def space(tmp_path: Path) -> Workspace:
    """Five versions of a megabyte each; 4 reigns, 3 is the way back, 1 and 2 are deleted."""
    journal = workspace(tmp_path, 5)
    for number in range(1, 6):
        (tmp_path / "runs" / f"r{number}" / "bundle" / "model.bin").write_bytes(os.urandom(MB))
    for number in (3, 4):
        promote(journal, tmp_path, Promotion(name=NAME, version=number))
    for number, days in ((1, 0), (2, 30)):
        deleting.delete(journal, NAME, number, reason="old", keep_days=days, now_at=NOW)
    return Workspace(tmp_path)


def used(space: Workspace) -> int:
    return sum(file.stat().st_size for file in space.runs.rglob("*") if file.is_file())


def test_what_is_due_goes_and_its_disk_is_free(space: Workspace) -> None:
    before = used(space)
    would = purge(space, NAME, None, NOW, dry_run=True)
    assert (used(space), [one["version"] for one in would]) == (before, [1]), "version 2 can still be restored"
    assert purge(space, NAME, None, NOW) == would
    assert before - used(space) == would[0]["size_bytes"] > MB
    with pytest.raises(NotFoundError, match="files were removed"):
        deleting.restore(space.journal(), space.root, NAME, 1)
    assert deleting.restore(space.journal(), space.root, NAME, 2).version == 2
    assert purge(space, NAME, None, NOW + timedelta(days=99)) == []


def test_what_serves_and_what_is_the_way_back_never_go(space: Workspace) -> None:
    journal = space.journal()
    for number in (3, 4):
        with pytest.raises(StateError, match="not deleted"):
            deleting.delete(journal, NAME, number, reason="", keep_days=0, now_at=NOW)
        with pytest.raises(NotFoundError):
            purge(space, NAME, number, NOW)
    assert purge(space, NAME, 2, NOW)[0]["version"] == 2, "by name, before its time"
    with pytest.raises(NotFoundError):
        purge(space, NAME, 2, NOW)
    with pytest.raises(StateError) as told:
        restoring.choose(list(journal.read()), NAME, 2)
    assert told.value.code == "rollback.deleted"
    assert (space.runs / "r3/bundle/model.bin").is_file()


def test_a_bundle_that_two_versions_share_stays(space: Workspace) -> None:
    journal = space.journal()
    first = deleting.registered(list(journal.read()))[NAME, 1]
    versions.register(
        journal, NAME, bundle_digest=first.bundle_digest, run_id="again", decision=Decision.APPROVE,
        bundle_path=first.bundle_path,
    )  # fmt: skip
    assert purge(space, NAME, 1, NOW)[0]["size_bytes"] == 0
    assert (space.runs / "r1/bundle/model.bin").is_file()


@pytest.mark.parametrize("point", ["purge.said", "purge.removed"])
def test_a_killed_purge_is_finished_by_the_next(space: Workspace, point: str) -> None:
    program = [sys.executable, "-m", "modelwright", "models", "purge", NAME, "--version", "2", "--json",
               "--workspace", str(space.root)]  # fmt: skip
    environment = {**os.environ, "MODELWRIGHT_FAILPOINT": f"{point}=kill"}
    assert subprocess.run(program, env=environment, capture_output=True, check=False).returncode == -signal.SIGKILL
    with pytest.raises(NotFoundError):
        deleting.restore(space.journal(), space.root, NAME, 2)
    assert purge(space, NAME, None, NOW - timedelta(days=1)) == []
    assert not (space.runs / "r2/bundle").exists()


def test_a_way_back_that_was_deleted_elsewhere_leads_further_back(space: Workspace) -> None:
    """Version 3 may go once the model went back from it: what is left of the past is what counts."""
    journal = space.journal()
    how, target = restoring.choose(list(journal.read()), NAME, None)
    assert target.version == 3
    restoring.point_back(journal, space.root, how, target, reason="", reached=lambda _point: None)
    deleting.delete(journal, NAME, 4, reason="it was bad", keep_days=0, now_at=NOW)
    with pytest.raises(StateError) as told:
        restoring.choose(list(journal.read()), NAME, None)
    assert told.value.code == "rollback.nothing_before", "1 and 2 are deleted"
    deleting.restore(journal, space.root, NAME, 2)
    assert restoring.choose(list(journal.read()), NAME, None)[1].version == 2

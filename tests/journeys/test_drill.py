"""A drill on copies: evidence in the journal, nothing touched, failures told."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelwright.core.clock import SystemClock
from modelwright.lifecycle.workspace import Workspace
from modelwright.registry import versions
from modelwright.registry.drills import is_fresh, last_drill
from tests.journeys import serving_parts as parts

pytestmark = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    space = parts.workspace(tmp_path_factory.mktemp("drill"), 2)
    versions.promote(Workspace(space).journal(), "demo", 2)
    return space


@pytest.fixture
def space(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / ".modelwright")
    return tmp_path / ".modelwright"


def test_a_drill_under_load_is_evidence_and_touches_nothing(space: Path, cli: Callable[..., Any]) -> None:
    journal = Workspace(space).journal()
    before = list(journal.read())
    assert last_drill(before, "demo") is None
    assert not is_fresh(None, SystemClock().now())
    (space.parent / "serving.yaml").write_text("serving:\n  max_rows: 400\n")
    said = cli("drill", "demo", "--under-load", "--workspace", str(space), "--json")
    assert said.code == 0, said.out
    found = said.json
    assert (found["failed"], found["version"], found["to"]) == (0, 2, 1), found
    assert found["requests"] >= 100
    assert [step["step"] for step in found["steps"]][-1] == "pointer", found
    assert {"1", "2"} <= set(found["answered"])
    assert list(journal.read())[:-1] == before
    assert (space.parent / "serving.yaml").read_text() == "serving:\n  max_rows: 400\n"
    drilled = last_drill(journal.read(), "demo")
    assert drilled is not None
    assert (drilled.failed, drilled.requests, drilled.ok) == (0, found["requests"], found["ok"])


def test_a_way_back_that_is_broken_is_found_before_it_is_needed(space: Path, cli: Callable[..., Any]) -> None:
    (space / "runs/run-1/bundle/card.md").write_text("changed")
    found = cli("drill", "demo", "--pointer-only", "--workspace", str(space), "--json").json
    assert not found["ok"]
    assert "changed since it was written" in found["why"]
    assert not is_fresh(last_drill(Workspace(space).journal().read(), "demo"), SystemClock().now())
    assert cli("drill", "nobody", "--workspace", str(space), "--json").json["error"]["code"] == "model.unknown"


@pytest.mark.soak
def test_many_drills(space: Path, cli: Callable[..., Any]) -> None:
    """MODELWRIGHT_DRILLS times, all six kinds each."""
    count = int(os.environ.get("MODELWRIGHT_DRILLS", "5"))
    found = [cli("drill", "demo", "--under-load", "--workspace", str(space), "--json").json for _ in range(count)]
    assert [one["why"] for one in found if one["failed"] or not one["steps"]] == []
    print(f"{count} drills, pointer {max(one['pointer_s'] for one in found):.2f} s at most, "
          f"all kinds {max(one['all_kinds_s'] for one in found):.2f} s at most")  # fmt: skip

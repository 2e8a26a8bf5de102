"""A workspace on a disk that is full: one sentence that names it, and a workspace that works again afterwards."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.journey, pytest.mark.skipif(sys.platform != "linux", reason="needs a tmpfs")]

PIPELINE = """\
data:
  source: sklearn:iris
features:
  target: target
model:
  type: decision_tree
evaluation:
  cv: {folds: 2}
training:
  budget_s: 40
"""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """`disk("100k")` is a folder with that much room, to be grown by calling it again."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted: list[Path] = []

    def sized(size: str) -> Path:
        how = ["-o", f"remount,size={size}"] if mounted else ["-t", "tmpfs", "-o", f"size={size}", "tmpfs"]
        try:
            done = subprocess.run(["mount", *how, str(folder)], check=False, capture_output=True)
        except FileNotFoundError:
            pytest.skip("no mount command")
        if done.returncode != 0:
            pytest.skip("mounting is not permitted here")
        mounted.append(folder)
        return folder

    yield sized
    if mounted:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_is_named_and_the_workspace_is_usable_afterwards(
    cli: Callable[..., Any], tmp_path: Path, disk: Callable[[str], Path]
) -> None:
    (tmp_path / "pipeline.yaml").write_text(PIPELINE)
    for size in ("20k", "120k"):  # the journal does not fit; then a step does not
        workspace = disk(size) / "workspace"
        said = cli("run", "pipeline.yaml", "--workspace", str(workspace), "--json")
        assert said.code == 2, said.out
        assert said.json["error"]["code"] == "disk.full"
        assert str(workspace) in said.json["error"]["message"]
        assert "Traceback" not in said.err
        assert cli("runs", "list", "--workspace", str(workspace), "--json").code == 0
    disk("50m")
    again = cli("run", "pipeline.yaml", "--workspace", str(workspace), "--json")
    assert again.code in (0, 3), again.out
    assert "running" not in {
        run["status"] for run in cli("runs", "list", "--workspace", str(workspace), "--json").json["runs"]
    }

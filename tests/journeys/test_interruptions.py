"""Kills, Ctrl-C, SIGTERM and a second run: work that was finished is kept, and nobody is left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.journey, pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")]

PIPELINE = """\
data:
  source: sklearn:breast_cancer
features:
  target: target
model:
  type: [naive_bayes, decision_tree]
evaluation:
  cv: {folds: 3}
training:
  budget_s: 40
  workers: 1
"""
#: gives a signal time to arrive in the middle of training: hundreds of fits that nobody waits for
LONG = PIPELINE.replace("naive_bayes", "random_forest").replace("folds: 3", "folds: 3, repeats: 100")
PATIENCE_S = 60.0


@contextmanager
def _started(folder: Path, workspace: str, *extra: str) -> Iterator[subprocess.Popen[str]]:
    """`modelwright run` as a process of its own; killed at the latest when the block ends."""
    # a shell's background job ignores SIGINT, and its children inherit that
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        [sys.executable, "-m", "modelwright", "run", "pipeline.yaml", "--workspace", workspace, "--json", *extra],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _wait(process: subprocess.Popen[str], happened: Callable[[], bool]) -> None:
    """Until something is seen to have happened; fails when the process ends or the patience does."""
    until = time.monotonic() + PATIENCE_S
    while not happened():
        assert process.poll() is None, f"ended before it was stopped: {process.communicate()}"
        assert time.monotonic() < until
        time.sleep(0.01)  # polling a condition, not hoping for luck


def _units(folder: Path) -> dict[str, int]:
    """Finished units and when they were written."""
    return {file.parent.name: file.stat().st_mtime_ns for file in folder.glob("cache/units/units/*/result.json")}


def _workers(process: subprocess.Popen[str]) -> list[int]:
    import psutil

    return [child.pid for child in psutil.Process(process.pid).children(recursive=True)]


def _gone(pids: list[int]) -> bool:
    import psutil

    def alive(pid: int) -> bool:
        try:
            return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False

    until = time.monotonic() + PATIENCE_S
    while any(alive(pid) for pid in pids):
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


def test_a_killed_run_resumes_and_ends_as_if_nothing_had_happened(cli: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "pipeline.yaml").write_text(PIPELINE)
    with _started(tmp_path, "killed") as process:
        _wait(process, lambda: len(_units(tmp_path / "killed")) >= 3)
        workers = _workers(process)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert workers, "training ran without a worker"
    assert _gone(workers), "a worker outlived the run"
    finished = _units(tmp_path / "killed")
    resumed = cli("run", "pipeline.yaml", "--workspace", "killed", "--json")
    assert resumed.code in (0, 3), resumed.err + resumed.out
    after = _units(tmp_path / "killed")
    assert {key: after[key] for key in finished} == finished, "a finished unit was done again"
    assert len(after) > len(finished)
    undisturbed = cli("run", "pipeline.yaml", "--workspace", "undisturbed", "--json")
    assert resumed.json["bundle_digest"] == undisturbed.json["bundle_digest"]
    statuses = [run["status"] for run in cli("runs", "list", "--workspace", "killed", "--json").json["runs"]]
    assert statuses == ["done", "interrupted"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_training_keeps_the_best_finished_model(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "pipeline.yaml").write_text(LONG)
    with _started(tmp_path, "stopped") as process:
        _wait(process, lambda: len(_units(tmp_path / "stopped")) >= 6)
        workers = _workers(process)
        process.send_signal(number)
        out, err = process.communicate(timeout=PATIENCE_S)
    result = json.loads(out)
    assert process.returncode in (0, 3), err
    assert result["verdict"] in {"APPROVE", "CONDITIONAL", "NEEDS REWORK"}
    assert any("interrupted" in note for note in result["notes"])
    assert (Path(result["paths"]["bundle"]) / "manifest.json").is_file()
    assert _gone(workers)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_before_anything_is_finished_says_so(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "slow.py").write_text(
        "import pathlib, time\n\n\ndef table():\n    pathlib.Path('reading').touch()\n    time.sleep(60)\n"
    )
    (tmp_path / "pipeline.yaml").write_text(PIPELINE.replace("sklearn:breast_cancer", "slow:table"))
    with _started(tmp_path, "early") as process:
        _wait(process, lambda: (tmp_path / "reading").exists())
        process.send_signal(number)
        out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130, err
    assert json.loads(out)["error"]["code"] == "interrupted"
    assert "Traceback" not in err
    assert not (tmp_path / "early").exists()


def test_a_second_run_in_the_same_workspace_is_refused_and_the_first_goes_on(
    cli: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "pipeline.yaml").write_text(PIPELINE)
    with _started(tmp_path, "shared") as first:
        _wait(first, lambda: bool(_units(tmp_path / "shared")))
        second = cli("run", "pipeline.yaml", "--workspace", "shared", "--json")
        assert second.code == 2
        assert second.json["error"]["code"] == "workspace.busy"
        assert str(first.pid) in second.json["error"]["message"]
        assert "Traceback" not in second.err
        out, err = first.communicate(timeout=PATIENCE_S)
    assert first.returncode in (0, 3), err
    assert json.loads(out)["verdict"]
    assert len(cli("runs", "list", "--workspace", "shared", "--json").json["runs"]) == 1

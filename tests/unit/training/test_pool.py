"""The pool against workers that crash, hang, eat memory or talk too much. Real processes, the real protocol."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from modelwright.training.pool import Outcome, Pool
from modelwright.training.units import Unit

WORKER = """
import json, os, sys, time
os.write(1, b'{"event": "ready"}\\n')
for line in sys.stdin:
    unit = json.loads(line)
    how = unit["family"]
    if how == "crash": os._exit(7)
    if how == "crash-once":
        mark = os.path.join(sys.argv[1], "crashed")
        if not os.path.exists(mark):
            open(mark, "w").close(); os._exit(7)
    if how == "hang": time.sleep(600)
    if how == "fork":
        child = os.fork()
        if child: open(os.path.join(sys.argv[1], "child"), "w").write(str(child))
        time.sleep(600)
    if how == "fat":
        block = bytearray(300 << 20)
        time.sleep(600)
    if how == "error":
        told = {"event": "failed", "name": unit["name"], "message": "no", "code": "fit.failed"}
        os.write(1, (json.dumps(told) + "\\n").encode())
        continue
    os.write(1, (json.dumps({"event": "done", "name": unit["name"], "key": "k"}) + "\\n").encode())
"""


@pytest.fixture
def pool(tmp_path: Path):
    script = tmp_path / "worker.py"
    script.write_text(WORKER)
    with Pool(folder=tmp_path, limit=2, memory_bytes=400 << 20, command=(sys.executable, "-S", str(script))) as made:
        yield made


def unit(name: str, how: str) -> Unit:
    return Unit(name=name, candidate=name, family=how, params={}, seed=0)


def gather(pool: Pool, count: int, limit_s: float = 20.0) -> dict[str, Outcome]:
    found: dict[str, Outcome] = {}
    until = time.monotonic() + limit_s
    while len(found) < count and time.monotonic() < until:
        found |= {outcome.unit.name: outcome for outcome in pool.poll(0.2)}
    return found


def test_more_units_than_workers_all_end(pool: Pool) -> None:
    for number in range(7):
        pool.submit(unit(f"u{number}", "fine"))
    assert len(pool.pids()) == 2
    found = gather(pool, 7)
    assert len(found) == 7
    assert {outcome.reason for outcome in found.values()} == {""}


def test_a_crash_is_tried_once_more(pool: Pool) -> None:
    pool.submit(unit("once", "crash-once"))
    pool.submit(unit("always", "crash"))
    found = gather(pool, 2)
    assert found["once"].reason == ""
    assert found["always"].reason == "crashed"
    assert "exit code 7" in found["always"].message


def test_an_error_leaves_the_worker_alive(pool: Pool) -> None:
    pool.submit(unit("bad", "error"))
    assert gather(pool, 1)["bad"].message == "no"
    before = list(pool.pids())
    pool.submit(unit("good", "fine"))
    assert gather(pool, 1)["good"].reason == ""
    assert list(pool.pids()) == before


def test_a_worker_over_its_share_is_killed_and_the_others_go_on(pool: Pool) -> None:
    pool.submit(unit("fat", "fat"))
    pool.submit(unit("fine", "fine"))
    found = gather(pool, 2)
    assert found["fat"].reason == "memory"
    assert "200 MB" in found["fat"].message
    assert found["fine"].reason == ""


def test_what_hangs_can_be_abandoned_and_is_gone(pool: Pool) -> None:
    for name in ("a", "b", "queued"):
        pool.submit(unit(name, "hang"))
    pids = list(pool.pids())
    pool.abandon("deadline")
    found = gather(pool, 3)
    assert {outcome.reason for outcome in found.values()} == {"deadline"}
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert pool.busy == 0


def test_what_a_fit_has_forked_goes_with_it(pool: Pool, tmp_path: Path) -> None:
    pool.submit(unit("forks", "fork"))
    file = tmp_path / "child"
    until = time.monotonic() + 20
    while not (file.exists() and file.read_text()) and time.monotonic() < until:
        pool.poll(0.05)
    child = psutil.Process(int(file.read_text()))
    pool.abandon("deadline")
    _, alive = psutil.wait_procs([child], timeout=10)
    assert not [one for one in alive if one.status() != psutil.STATUS_ZOMBIE]


def test_closing_leaves_no_process(pool: Pool) -> None:
    pool.submit(unit("a", "hang"))
    pids = list(pool.pids())
    pool.close()
    assert not any(psutil.pid_exists(pid) for pid in pids)


PARENT = """
import sys
from pathlib import Path
from modelwright.training.pool import Pool
from modelwright.training.units import Unit
pool = Pool(folder=Path(sys.argv[1]), limit=1, memory_bytes=1 << 30, command=(sys.executable, "-S", sys.argv[2]))
pool.submit(Unit(name="a", candidate="a", family="hang-after-read", params={}, seed=0))
print(*pool.pids(), flush=True)
sys.stdin.read()
"""


def test_workers_end_with_a_killed_parent(tmp_path: Path) -> None:
    """The real worker's reading thread ends it when its input ends, in whatever fit it is."""
    script = tmp_path / "worker.py"
    script.write_text(
        "from modelwright.training import worker\nimport time\n"
        "units = worker._read_units()\nunits.get()\ntime.sleep(600)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT.replace('"-S", ', ""), str(tmp_path), str(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert parent.stdout is not None
    assert parent.stdin is not None
    (pid,) = [int(word) for word in parent.stdout.readline().split()]
    assert psutil.pid_exists(pid)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    parent.stdin.close()
    parent.stdout.close()
    _, alive = psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], timeout=20)
    assert not [one for one in alive if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]

"""A real Ray on this machine: the same units give the same bytes as local processes, and a lost actor is survived."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from modelwright.core import plugins
from modelwright.core.errors import AdapterError, StateError
from modelwright.spec.model import ExecutionSpec, ModelSpec
from modelwright.training import bench as benches
from modelwright.training import station
from modelwright.training.candidates import Candidate
from modelwright.training.engine import train
from modelwright.training.executing import WorkersOrder, held, open_workers
from modelwright.training.units import UnitStore

sys.path.insert(0, str(Path(__file__).parent))
import _tables

pytestmark = [pytest.mark.services, pytest.mark.timeout(600), pytest.mark.xdist_group("ray")]
ON_RAY = ExecutionSpec(engine="ray", workers=2)


def on_a_cluster(test: Callable[..., None]) -> Callable[..., None]:
    """For `make soak`: Ray gives its helpers 15 s to start (ray-project/ray#65983), which two busy cores, with other
    tests beside it, do not keep."""
    return pytest.mark.soak(pytest.mark.usefixtures("cluster")(test))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A Ray of two cores, kept by the product's own means for all tests of this module."""
    required = os.environ.get("MODELWRIGHT_REQUIRE_SERVICES") == "1"
    if not required:
        pytest.importorskip("ray")
    order = WorkersOrder(
        spec=ON_RAY, folder=tmp_path_factory.mktemp("none"), most=2, workers=None, memory_bytes=4 << 30, base_dir=Path()
    )
    with held(ON_RAY):
        try:
            plugins.load("executors", "ray").open(order).close()
        except AdapterError as error:
            if required:
                raise
            pytest.skip(f"Ray does not start here: {error}")
        yield


@on_a_cluster
def test_ray_and_local_processes_give_the_same_bytes(tmp_path: Path) -> None:
    local = train(
        _tables.request(tmp_path / "local", budget_s=10_000.0, model=ModelSpec(type=["decision_tree", "lightgbm"]))
    )
    asked = _tables.request(tmp_path / "ray", model=ModelSpec(type=["decision_tree", "lightgbm"]))
    remote = train(replace(asked, replay=local.plan, execution=ON_RAY))
    assert _tables.fingerprint(remote) == _tables.fingerprint(local)
    here, there = (UnitStore(tmp_path / name / "units") for name in ("local", "ray"))
    keys = {folder.name for folder in here.root.iterdir() if not folder.name.startswith(".")}
    assert {folder.name for folder in there.root.iterdir() if not folder.name.startswith(".")} <= keys
    for folder in there.root.iterdir():
        for file in folder.iterdir():
            if file.name != "result.json":  # it tells seconds
                assert file.read_bytes() == (here.root / folder.name / file.name).read_bytes()


@on_a_cluster
def test_what_ray_starts_can_be_killed_abandoned_and_ended(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    request = _tables.request(tmp_path, execution=ON_RAY)
    bench = benches.lay(request, tmp_path / "bench")
    slow = Candidate(name="slow", family="lightgbm", params={"n_estimators": 100_000, "learning_rate": 1e-4})
    quick = Candidate(name="quick", family="decision_tree")
    with open_workers(request, tmp_path / "bench", 2) as pool:
        assert pool.limit == 2
        pool.submit(slow.unit(0, 0))
        _kill(_worker_of(os.getpid()), of="actor")
        unit = quick.unit(0, 0)
        pool.submit(unit)
        found = []
        while not found:
            found = pool.poll(1.0)
        assert [one.unit.name for one in found if not one.reason] == ["quick/fold-0"]
        assert UnitStore(tmp_path / "units").result(unit.key(bench.job)) is not None
        assert pool.busy == 1  # the slow one was not lost with its actor: it was sent again
        worker = _worker_of(os.getpid())
        pool.abandon("deadline")
        assert [(one.unit.name, one.reason) for one in pool.poll(0.0)] == [("slow/fold-0", "deadline")]
    _, alive = psutil.wait_procs([worker], timeout=60)
    assert not [one for one in alive if one.status() != psutil.STATUS_ZOMBIE]
    assert capfd.readouterr() == ("", "")


def _worker_of(pid: int) -> psutil.Process:
    """The process that fits on behalf of a station of this process's Ray; waits for it."""
    until = time.monotonic() + 300
    while time.monotonic() < until:
        for one in psutil.Process(pid).children(recursive=True):
            try:
                if "modelwright.training.worker" in one.cmdline():
                    return one
            except psutil.Error:
                continue
    raise AssertionError("no worker appeared")


def _kill(worker: psutil.Process, of: str) -> None:
    parent = worker.parent()
    assert parent is not None, of
    os.kill(parent.pid, signal.SIGKILL)
    psutil.wait_procs([worker], timeout=60)


def test_a_machine_with_other_versions_is_refused() -> None:
    module = plugins.load_module("executors", "ray")
    with pytest.raises(StateError, match="lightgbm is 0\\.1 there"):
        module._refuse_difference({**station.facts(), "lightgbm": "0.1"})
    module._refuse_difference(station.facts())


def test_a_station_takes_no_strange_files(tmp_path: Path) -> None:
    store = UnitStore(tmp_path / "units")
    for name in ("../escape.json", "a.pkl", "/etc/passwd", ".hidden.json", "x.py"):
        with pytest.raises(ValueError, match="no file of a unit"):
            station.adopt(store, "0" * 32, {name: b""})
    assert list(tmp_path.iterdir()) == []


def test_a_station_runs_a_unit_with_the_users_own_code(tmp_path: Path) -> None:
    """Without Ray: bytes in, bytes out, and nothing left in its folder."""
    import msgspec

    (tmp_path / "own.py").write_text("def double(frame):\n    return frame.select(twice=frame['a'] * 2)\n")
    features = msgspec.structs.replace(_tables.request(tmp_path).features, custom="own:double")
    request = _tables.request(tmp_path, features=features, base_dir=tmp_path)
    bench = benches.lay(request, tmp_path / "bench")
    unit = Candidate(name="tree", family="decision_tree").unit(0, None)
    files = {name: (tmp_path / "bench" / name).read_bytes() for name in station.BENCH_FILES}
    code = {"own.py": (tmp_path / "own.py").read_bytes()}
    work = station.Work(bench="b", unit=unit, key=unit.key(bench.job), code=code)
    place = tmp_path / "node"
    place.mkdir()
    made = station.Station(0.5, str(place))
    reply = msgspec.msgpack.decode(made.run(msgspec.msgpack.encode(work), lambda: files), type=station.Reply)
    made.leave()
    assert (reply.reason, reply.message) == ("", "")
    assert list(place.iterdir()) == []
    store = UnitStore(tmp_path / "units")
    station.adopt(store, work.key, reply.files)
    assert store.result(work.key) is not None
    assert b"twice" in reply.files["features.json"]
    assert store.state(work.key).arrays

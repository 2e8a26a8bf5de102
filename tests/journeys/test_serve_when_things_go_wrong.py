"""A model that fails, a worker that cannot start, too many requests, too much memory: real servers, real bundles."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from modelwright.core.nouns import Decision, Task
from modelwright.lifecycle.workspace import Workspace
from modelwright.registry import bundle, versions
from modelwright.registry.model import Model
from tests.journeys import serving_parts
from tests.journeys.serving_parts import BODY, ROW, Load, Server, serving, until
from tests.unit.registry import bundle_parts as parts

pytestmark = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux")

#: a family of one's own that answers well until it meets one certain value
_FRAGILE = '''
"""Answers with a share, and breaks on one value."""

from __future__ import annotations

import os
import time

import numpy as np

from modelwright.core.nouns import Task
from modelwright.core.ports import Needs, Params as _Params
from modelwright.core.tables import State


class Params(_Params, frozen=True, kw_only=True):
    share: float = 0.3


class Fitted:
    def __init__(self, share):
        self.share = share

    def predict(self, X):
        if (X == 12345.0).any():
            raise ValueError("broken on purpose")
        if (X == 54321.0).any():
            return np.full((len(X), 2), np.nan)
        if (X == 99999.0).any():
            os.abort()
        if (X == 77777.0).any():
            time.sleep(0.02)
        return np.tile([1 - self.share, self.share], (len(X), 1))

    def state(self):
        return State(meta={"share": self.share})


class Fragile:
    Params = Params
    tasks = frozenset({Task.BINARY})
    needs = Needs()

    def fit(self, batch, params, context):
        return Fitted(params.share)

    def restore(self, state):
        return Fitted(float(state.meta["share"]))

    def space(self, task, n_rows):
        return {}


PLUGIN = Fragile()
'''


def _body(value: float) -> bytes:
    return json.dumps({"rows": [{**ROW, "skewed": value}]}).encode()


BREAKS, NOT_FINITE, ABORTS, SLOW = (_body(value) for value in (12345.0, 54321.0, 99999.0, 77777.0))


@pytest.fixture(scope="module")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plugins")
    (folder / "families").mkdir()
    (folder / "families" / "fragile.py").write_text(_FRAGILE.lstrip())
    return folder


@pytest.fixture(scope="module")
def template(plugins: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Versions 1 and 2 of `demo`, both fragile, 2 with a quick sibling."""
    space = Workspace(tmp_path_factory.mktemp("fragile") / ".modelwright")
    table = parts.mixed(Task.BINARY, 400)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODELWRIGHT_PLUGINS", str(plugins))
        for number, share in ((1, 0.25), (2, 0.375)):
            run = space.runs / f"run-{number}"
            made = Model(signature=table.signature, members=(parts.member(table, "fragile", share=share),))
            info = bundle.write(run / "bundle", parts.contents(made, table, choose="reference"))
            versions.register(
                space.journal(), "demo", bundle_digest=info.digest, run_id=run.name, decision=Decision.APPROVE,
                bundle_path=f"runs/{run.name}/bundle",
            )  # fmt: skip
        quick = Model(signature=table.signature, members=(parts.member(table, "lightgbm", n_estimators=5),))
        bundle.write(space.runs / "run-2" / "fast", parts.contents(quick, table, choose="compiled"))
    return space.root


@pytest.fixture
def space(template: Path, tmp_path: Path) -> Path:
    import shutil

    shutil.copytree(template, tmp_path / ".modelwright")
    return tmp_path / ".modelwright"


@pytest.fixture
def env(plugins: Path) -> dict[str, str]:
    return {"MODELWRIGHT_PLUGINS": str(plugins)}


def _config(space: Path, text: str) -> tuple[str, str]:
    path = space.parent / "serving.yaml"
    path.write_text(text)
    return "--config", str(path)


def _degraded(server: Server, body: bytes) -> tuple[int, Any, float]:
    status, reply, _ = server.ask(body=body)
    assert status == 200, reply
    return reply["model"]["version"], reply["degraded"], reply["probabilities"][0]["yes"]


def test_a_constant_answers_where_nothing_else_can(space: Path, env: dict[str, str]) -> None:
    with serving(space, "demo:1", env=env) as server:
        assert _degraded(server, BODY) == (1, False, 0.25)
        for body in (BREAKS, NOT_FINITE):
            version, degraded, share = _degraded(server, body)
            assert (version, degraded) == (1, True)
            assert share == pytest.approx(0.25)
        assert _degraded(server, BODY) == (1, False, 0.25), "one bad row is no bad model"
        until(lambda: server.metric("degraded") == 2)
        assert server.metric("failed") == 2


def test_the_quick_sibling_answers_before_the_constant(space: Path, env: dict[str, str]) -> None:
    with serving(space, "demo:2", env=env) as server:
        found = until(
            lambda: (a := _degraded(server, BREAKS))[2] != pytest.approx(0.375) and a, "the spare has arrived"
        )
        assert found[:2] == (2, True)
        assert 0 < found[2] < 1


def test_the_version_before_answers_first(space: Path, env: dict[str, str]) -> None:
    journal = Workspace(space).journal()
    digest = bundle.load(space / "runs" / "run-2" / "fast", probe=False).digest
    versions.register(
        journal, "demo", bundle_digest=digest, run_id="run-2", decision=Decision.APPROVE, bundle_path="runs/run-2/fast"
    )
    versions.promote(journal, "demo", 3)
    with serving(space, "demo", env=env) as server:
        good = _degraded(server, BREAKS)
        assert good[:2] == (3, False)
        versions.promote(journal, "demo", 2)
        until(lambda: server.ask()[1]["model"]["version"] == 2, "the new one is live")
        assert _degraded(server, BREAKS) == (3, True, good[2])
        assert _degraded(server, BODY) == (2, False, 0.375)


def test_a_circuit_opens_and_the_good_rows_fall_back_until_it_closes(space: Path, env: dict[str, str]) -> None:
    with serving(space, "demo:1", env=env) as server:
        for _ in range(5):
            assert _degraded(server, BREAKS)[1] is True
        assert _degraded(server, BODY)[1] is True, "the circuit is open: the model is not even tried"
        until(lambda: _degraded(server, BODY)[1] is False, "a trial closes it")
        until(lambda: server.metric("breaker_opened") == 1)


def test_a_request_that_kills_its_worker_kills_one_worker(space: Path, env: dict[str, str]) -> None:
    with serving(space, "demo:1", "--workers", "2", env=env) as server:
        before = set(server.workers())
        with pytest.raises(ConnectionError):
            server.ask(body=ABORTS)
        until(lambda: len(server.workers()) == 2 and set(server.workers()) != before, "it is replaced")
        assert len(before & set(server.workers())) == 1
        assert _degraded(server, BODY) == (1, False, 0.25)


def test_too_many_requests_are_refused_at_once_and_the_others_answered(space: Path, env: dict[str, str]) -> None:
    """An answer takes 20 ms, one may wait 100 ms, so of 40 clients most must hear so at once."""
    with serving(space, "demo:1", *_config(space, "deadline_ms: 200\n"), env=env) as server:
        with Load(server.port, 1, body=SLOW) as alone:
            alone.more(10)
        refused: list[dict[str, str]] = []
        with Load(server.port, 40, body=SLOW) as load:
            load.more(300)
            status = 200
            while status == 200:
                status, reply, headers = server.ask(body=SLOW)
            refused.append(headers)
            assert reply["error"]["code"] in ("serving.busy", "request.deadline")
            load.end()
        assert load.failures == []
        by_status: Counter[int] = Counter()
        for (code, _, _), count in load.answers.items():
            by_status[code] += count
        assert set(by_status) <= {200, 503, 504}, by_status
        assert by_status[200] > 0
        assert by_status[503] > 0
        assert int({k.lower(): v for k, v in refused[0].items()}["retry-after"]) >= 1
        until(lambda: server.metric("shed") > 0)


def test_a_worker_that_grows_too_large_is_replaced_and_nobody_notices(space: Path, env: dict[str, str]) -> None:
    with serving(space, "demo:1", "--memory-mb", "32", env=env) as server, Load(server.port, 2) as load:
        until(lambda: "grown beyond its memory" in server.said())
        load.more(50)
        load.end()
        assert load.failures == []


def test_when_no_worker_can_live_the_server_says_why_and_ends(space: Path, env: dict[str, str]) -> None:
    with serving(space, "demo:1", env=env) as server:
        ends = time.monotonic() + serving_parts.PATIENCE_S
        while server.process.poll() is None and time.monotonic() < ends:
            for pid in server.workers():
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            time.sleep(0.05)
        assert server.process.returncode == 1
        assert "died 6 times in a row" in server.said()


def test_workers_end_when_their_supervisor_is_killed(space: Path, env: dict[str, str]) -> None:
    with serving(space, "demo:1", "--workers", "2", env=env) as server:
        workers = server.workers()
        server.process.kill()
        server.process.wait()
        until(lambda: not any(_alive(pid) for pid in workers), "nobody is left")


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False

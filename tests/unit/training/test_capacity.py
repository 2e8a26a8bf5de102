"""What a machine affords: folds, rows, memory. Pure functions of what they are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelwright.training import bench as benches
from modelwright.training import capacity, worker
from modelwright.training.capacity import affordable_rows, folds_for, table_bytes, unit_bytes
from modelwright.training.fitting import Fitter
from modelwright.training.units import Unit, UnitStore
from tests.unit.training._tables import request


def test_folds_become_fewer_with_rows_and_more_with_seconds() -> None:
    assert [folds_for(n, 10.0) for n in (1_000, 100_000, 100_001, 500_000)] == [5, 5, 1, 1]
    assert [folds_for(500_000, seconds) for seconds in (60.0, 200.0, 499.0, 500.0)] == [1, 3, 3, 5]
    assert folds_for(500_000, 200.0, wanted=2) == 2


def test_rows_for_a_time_are_never_too_few_nor_more_than_there_are() -> None:
    assert affordable_rows(500_000, 30, 1.0, 0.5) == 66_666
    assert affordable_rows(500_000, 30, 100.0, 0.5) == 500_000
    assert affordable_rows(500_000, 30, 0.0, 0.5) == 1_000
    assert affordable_rows(200, 30, 0.0, 0.5) == 200


def test_a_table_and_its_workers_fit_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capacity, "memory_limit_bytes", lambda: 32 << 30)
    for workers in (1, 2, 8):
        table = table_bytes(0.8, workers)
        assert 3 * table * (1 + workers) + workers * (1 << 30) <= 0.8 * (32 << 30) or table == (32 << 30) * 0.8 // 16
    monkeypatch.setattr(capacity, "memory_limit_bytes", lambda: 1 << 30)
    assert table_bytes(0.5, 4) == 32 << 20


def test_a_worker_refuses_what_cannot_fit_and_says_what_to_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = benches.lay(request(tmp_path), tmp_path / "bench")
    work = Fitter(bench=bench, store=UnitStore(tmp_path / "units"))
    unit = Unit(name="naive_bayes/fold-0", candidate="naive_bayes", family="naive_bayes", params={}, seed=0, fold=0)
    needed = unit_bytes("naive_bayes", len(bench.learn_rows(0)), 3)
    monkeypatch.setenv(capacity.SHARE_VARIABLE, str(needed - 1))
    answer = worker._run(work, unit)
    assert (answer["event"], answer["code"]) == ("failed", "memory")
    assert "training.memory_share" in answer["message"]
    monkeypatch.setenv(capacity.SHARE_VARIABLE, str(needed))
    assert worker._run(work, unit)["event"] == "done"
    monkeypatch.delenv(capacity.SHARE_VARIABLE)
    assert capacity.worker_share_bytes() is None
    assert capacity.worker_environment(5)[capacity.SHARE_VARIABLE] == "5"

"""What the race expects of a family it has not measured, from those it has."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from modelwright.training import bench
from modelwright.training.candidates import Candidate
from modelwright.training.pool import Pool
from modelwright.training.race import ASSEMBLY_S, Race, enter
from modelwright.training.scoring import judge_of
from modelwright.training.session import Session
from modelwright.training.units import UnitResult, UnitStore

sys.path.insert(0, str(Path(__file__).parent))
import _tables


def race(tmp_path: Path, pool: Pool, rows: int) -> Race:
    """A race on a table of many rows, of which nothing is ever fit."""
    request = _tables.request(tmp_path)
    wide = request.frame.sample(rows, with_replacement=True, seed=1)
    laid = bench.lay(request, tmp_path / "bench")
    laid = bench.Bench(job=laid.job, frame=wide, y=laid.y, folds=laid.folds)
    session = Session(
        request=request, bench=laid, store=UnitStore(tmp_path / "units"), pool=pool, started_s=time.monotonic()
    )
    return Race(session=session, judge=judge_of(request))


@pytest.mark.parametrize(("factor", "pace"), [(3.0, 3.0), (1_000.0, 10.0), (0.5, 0.5)])
def test_a_slow_machine_is_noticed_by_the_first_real_fit(tmp_path: Path, factor: float, pace: float) -> None:
    with Pool(folder=tmp_path, limit=1, memory_bytes=1 << 30) as pool:
        made = race(tmp_path, pool, 200_000)
        first, quick, later = enter(
            [Candidate(name=name, family=name) for name in ("lightgbm", "dummy", "catboost")], 0, 3
        )
        before, sure = made._need_s(later)
        made._units.update({unit.name: unit for one in (first, quick) for unit in one.units})
        measured = [(unit, factor * made._guess_s(unit)) for unit in first.units]
        for unit, seconds in [*measured, (quick.units[0], 60.0)]:
            made.session.results[unit.name] = UnitResult(key="", name=unit.name, seconds=seconds, fit_s=seconds)
        after, still = made._need_s(later)
        delay_s = made.delay_s
        assert made.affords(quick.units[0])
        made.session.started_s -= 1e6
        assert not made.affords(quick.units[0])
    assert not sure
    assert not still
    assert delay_s == pytest.approx(max(0.0, pace - 1.0) * ASSEMBLY_S)  # what ends a run is slow there, too
    assert after == pytest.approx(pace * before)  # a minute of imports for a fit of no time says nothing

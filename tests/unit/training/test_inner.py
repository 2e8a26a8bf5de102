"""Folds inside learn rows: groups whole, time forward, and the target rates that follow from them."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
import polars as pl

from modelwright.core.nouns import Column, ColumnType, Role, Schema
from modelwright.spec.model import FeaturesSpec
from modelwright.training import bench
from modelwright.training.candidates import Candidate
from modelwright.training.fitting import Fitter
from modelwright.training.inner import inner_folds
from modelwright.training.units import UnitStore

sys.path.insert(0, str(Path(__file__).parent))
import _tables

RNG = np.random.default_rng(3)
N = 240


def test_groups_stay_whole_and_every_row_is_judged_once() -> None:
    groups = RNG.integers(0, 9, N)
    found = inner_folds(N, seed=1, times=None, groups=groups)
    assert sorted(np.concatenate([judge for _, judge in found]).tolist()) == list(range(N))
    for learn, judge in found:
        assert not set(groups[learn]) & set(groups[judge])


def test_time_goes_forward_without_shared_moments_or_groups() -> None:
    times, groups = RNG.integers(0, 40, N), RNG.integers(0, 30, N)
    for chosen in (None, groups):
        found = inner_folds(N, seed=1, times=times, groups=chosen)
        assert len(found) == 5
        for learn, judge in found:
            assert judge.size
            assert times[learn].max(initial=-1) < times[judge].min()
            assert chosen is None or not set(groups[learn]) & set(groups[judge])


def test_rows_that_are_all_alike_need_no_folds() -> None:
    assert inner_folds(N, seed=1, times=None, groups=None) == []
    assert inner_folds(N, seed=1, times=np.zeros(N, dtype=np.int64), groups=None) == []
    assert inner_folds(N, seed=1, times=None, groups=np.zeros(N, dtype=np.int64)) == []


def _rates(tmp_path: Path, y: np.ndarray, role: Role) -> np.ndarray:
    """The first training matrix's target rates of a many-valued category."""
    rng = np.random.default_rng(5)
    days = [datetime(2024, 1, 1) + timedelta(days=int(at)) for at in np.arange(N) // 2]  # noqa: DTZ001 - storage
    frame = pl.DataFrame(
        {"place": [f"p{at}" for at in rng.integers(0, 40, N)], "day": days, "who": [f"w{at % 12}" for at in range(N)]}
    )
    columns = (
        Column(name="place", type=ColumnType.CATEGORY),
        Column(name="day", type=ColumnType.DATETIME, role=role if role is Role.TIME else Role.IGNORED),
        Column(name="who", type=ColumnType.CATEGORY, role=role if role is Role.GROUP else Role.IGNORED),
        Column(name="answer", type=ColumnType.CATEGORY, role=Role.TARGET),
    )
    cut = N // 2
    request = _tables.request(
        tmp_path,
        frame=frame,
        schema=Schema(columns=columns),
        y=y,
        folds=[(np.arange(cut), np.arange(cut, N))],
        features=FeaturesSpec(target="answer", target_rates=True),
    )
    fitter = Fitter(bench=bench.lay(request, tmp_path / "bench"), store=UnitStore(tmp_path / "units"))
    fitter.run(Candidate(name="decision_tree", family="decision_tree").unit(0, 0))
    matrix = next(iter(fitter._kept.values())).learn
    return matrix.values[:, [at for at, name in enumerate(matrix.names) if "rate" in name]]


def test_target_rates_do_not_look_ahead_of_time_nor_into_the_own_group(tmp_path: Path) -> None:
    y = RNG.integers(0, 2, N)
    for role in (Role.TIME, Role.GROUP):
        before = _rates(tmp_path / f"{role.value}-before", y, role)
        other = y.copy()
        if role is Role.TIME:
            concerned, said = np.arange(80), np.arange(60, 80)  # the fourth block and what came before
        else:
            concerned = said = np.flatnonzero(np.arange(N // 2) % 12 == 4)  # one group's own answers
        other[said] = 1 - other[said]
        after = _rates(tmp_path / f"{role.value}-after", other, role)
        np.testing.assert_array_equal(before[concerned], after[concerned])
        assert (before != after).any()


def test_the_recorded_pipeline_is_what_was_fitted(tmp_path: Path) -> None:
    request = _tables.request(tmp_path)
    request = replace(
        request,
        frame=request.frame.with_columns(nothing=pl.lit(None, pl.Float64)),
        schema=msgspec.structs.replace(
            request.schema, columns=(*request.schema.columns, Column(name="nothing", type=ColumnType.NUMBER))
        ),
    )
    fitter = Fitter(bench=bench.lay(request, tmp_path / "bench"), store=UnitStore(tmp_path / "units"))
    lines = fitter.run(Candidate(name="decision_tree", family="decision_tree").unit(0, 0)).pipeline
    assert any(line.startswith("numeric (2 columns): a, b") for line in lines)
    assert lines[-1] == "dropped, since every training value is missing: nothing"

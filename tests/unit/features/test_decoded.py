"""Columns that several feature sets share: the same bits as when each set reads them for itself."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from modelwright.core.nouns import ColumnType, Role, Task
from modelwright.core.ports import FitContext, Needs
from modelwright.features import pipeline, planner, values
from modelwright.features.decoded import Cells, Decoded
from modelwright.spec.model import FeaturesSpec
from tests.unit.features.tables import TYPES, sample, schema

SPEC = FeaturesSpec(derived={"per": "size / rooms"}, crosses=[["kind", "place"]], target_rates=True)
NEEDS = [Needs(), Needs(imputed=True), Needs(scaled=True, imputed=True, one_hot=True)]


def learn(rows: slice, needs: Needs, types: dict[str, ColumnType]) -> pipeline.FittedFeatures:
    frame = sample()[rows]
    plan = planner.plan(schema("y", types, note=Role.IGNORED), SPEC, needs, Task.BINARY, frame.height)
    return pipeline.fit(plan, frame, np.arange(frame.height) % 2, FitContext(seed=1))[0]


@pytest.mark.parametrize("n", [1, 20, 240, 2_400])
def test_shared_columns_change_no_bit(n: int) -> None:
    # One set reads the rooms as a number and another as a category: those must not be taken for each other.
    other = {**TYPES, "rooms": ColumnType.CATEGORY}
    sets = [learn(rows, needs, TYPES) for needs in NEEDS for rows in (slice(0, 200), slice(40, 240))]
    sets.append(pipeline.fit(_plan_of(other), sample(), np.arange(240) % 2, FitContext(seed=1))[0])
    fresh = sample(max(n, 240), seed=5)[:n]
    decoded = Decoded()
    for each in sets:
        shared, alone = each.transform(fresh, decoded).values, each.transform(fresh).values
        np.testing.assert_array_equal(shared, alone)
        assert shared.flags.owndata or shared.base is None
        shared[:] = -1.0  # what one member does to its matrix is no other's business


def _plan_of(types: dict[str, ColumnType]) -> planner.FeaturePlan:
    spec = FeaturesSpec(target_rates=True)
    return planner.plan(schema("y", types, note=Role.IGNORED), spec, NEEDS[0], Task.BINARY, 240)


@pytest.mark.parametrize("n", [1, 240, 2_001])
def test_cells_read_as_single_columns_are_read(n: int) -> None:
    frame = pl.concat([sample(n, seed=2)[: n - 1], sample(seed=2)[:1].with_columns(kind=pl.lit(None, dtype=pl.String))])
    frame = frame.with_columns(none=pl.lit(None, dtype=pl.String), size=pl.col("size").replace({0.0: np.inf}))
    cells = Cells.of(frame)
    for name in ("kind", "place", "note", "none"):
        for keys in ({"flat": 3, "": 1, "town 7": 0}, {"house": 0}, {}):
            np.testing.assert_array_equal(
                cells.positions(name, keys, 9), values.positions(frame[name], keys, 9), strict=True
            )
    names = ("size", "rooms", "new")
    np.testing.assert_array_equal(cells.numbers(names), values.numbers(frame, names), strict=True)

"""Bins and groups: learned from training rows, the same on every road, whole after a restore."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import polars as pl
import pytest

from modelwright.core.digests import canonical_json
from modelwright.core.errors import ModelError
from modelwright.core.nouns import ColumnType
from modelwright.features.deriving import restore_maker
from modelwright.features.graphs import gather
from modelwright.features.grouping import BinMaker, GroupMaker
from tests.unit.features.tables import TYPES, run_graph, sample

HARD = [1e308, -1e308, float("inf"), float("-inf"), float("nan"), None, -0.0, 0.0, 5e-324, -5e-324]


def later() -> pl.DataFrame:
    """New rows: extremes, unseen and empty categories, missing values."""
    frame = sample(60, seed=8)
    size = pl.Series("size", [*HARD, *frame["size"].to_list()[len(HARD) :]], dtype=pl.Float64)
    kind = pl.Series("kind", ["never seen", "", None, *frame["kind"].to_list()[3:]], dtype=pl.String)
    return frame.with_columns(size, kind)


def roads(maker: Any, frame: pl.DataFrame) -> list[Any]:
    """The one column it makes, as a table and row by row, after a restore; checks that its graph says the same."""
    again = restore_maker(maker.kind, json.loads(canonical_json(maker.state())))
    (column,) = again.extend(frame)
    assert {column.name} == set(again.makes)
    values = [None if value != value else value for value in column.to_list()]
    row = again.row()
    assert row is not None
    single = [row(found) for found in frame.select(again.columns).rows()]
    assert [None if value != value else value for value in single] == values
    if column.dtype == pl.String:
        names = sorted({value for value in values if value is not None})
        places = run_graph(Looked(again, names), frame, TYPES)[:, 0].tolist()
        assert [names[int(place)] if place >= 0 else None for place in places] == values
    else:
        np.testing.assert_array_equal(run_graph(again, frame, TYPES)[:, 0], column.to_numpy())
    return values


class Looked:
    """The graph of a text column, as the position of each text among the names; -1 for missing."""

    def __init__(self, maker: Any, names: list[str]) -> None:
        self._maker, self._names = maker, [*names, ""]

    def graph(self, builder: Any) -> str:
        table = np.array([*range(len(self._names) - 1), -1.0, -2.0])[:, None]
        return gather(builder, self._maker.graph(builder), self._names, table)


@pytest.mark.parametrize("column", ["size", "rooms", "new"])
def test_bins_agree_on_every_road(column: str) -> None:
    maker = BinMaker.fit(sample(), column, TYPES[column], 8)
    assert maker is not None
    values = roads(maker, later())
    assert {None, "0", "1"} <= set(values)


def test_few_values_keep_a_bin_each_and_one_value_has_none() -> None:
    frame = pl.DataFrame({"hour": [float(hour) for hour in range(24)] * 3, "same": [1.0] * 72})
    maker = BinMaker.fit(frame, "hour", ColumnType.NUMBER, 8)
    assert maker is not None
    assert maker.extend(frame)[0].to_list() == [str(hour) for hour in range(24)] * 3
    assert BinMaker.fit(frame, "same", ColumnType.NUMBER, 8) is None
    assert BinMaker.fit(frame.with_columns(same=pl.lit(None)), "same", ColumnType.NUMBER, 8) is None


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("statistic", ["mean", "std", "min", "max", "median"])
def test_groups_agree_on_every_road(statistic: Any, apart: bool) -> None:
    maker = GroupMaker.fit(sample(), "kind", "size", statistic, apart=apart)
    assert maker is not None
    roads(maker, later())


@pytest.mark.parametrize("statistic", ["mean", "std", "min", "max", "median"])
def test_statistics_are_those_of_polars(statistic: Any) -> None:
    frame = sample()
    maker = GroupMaker.fit(frame, "kind", "size", statistic)
    assert maker is not None
    ask = pl.col("size").std(ddof=0) if statistic == "std" else getattr(pl.col("size"), statistic)()
    wanted = frame.group_by("kind").agg(ask.alias("wanted"))
    seen = frame.with_columns(maker.extend(frame)).join(wanted, on="kind", nulls_equal=True)
    np.testing.assert_allclose(seen[next(iter(maker.makes))], seen["wanted"], rtol=1e-12)


def test_unseen_groups_get_the_answer_of_all_rows_and_missing_ones_are_a_group() -> None:
    frame = pl.DataFrame({"kind": ["a", "a", None, None], "size": [1.0, 3.0, 10.0, 20.0]})
    maker = GroupMaker.fit(frame, "kind", "size", "mean")
    assert maker is not None
    assert roads(maker, pl.DataFrame({"kind": ["a", None, "", "zzz"]})) == [2.0, 15.0, 15.0, 8.5]


def test_extremes_overflow_into_missing_without_a_warning() -> None:
    frame = pl.DataFrame({"kind": ["a", "a", "b", "b"], "size": [1.7e308, 1.7e308, -1.7e308, 0.0]})
    for statistic in ("mean", "std", "median"):
        maker = GroupMaker.fit(frame, "kind", "size", statistic, apart=True)  # type: ignore[arg-type]
        assert maker is not None
        roads(maker, pl.DataFrame({"kind": ["a", "b", "b"], "size": [-1.7e308, 1.7e308, 5e-324]}))


def test_a_number_that_is_always_missing_makes_no_group() -> None:
    frame = pl.DataFrame({"kind": ["a", "b"], "size": [None, None]}, schema={"kind": pl.String, "size": pl.Float64})
    assert GroupMaker.fit(frame, "kind", "size", "mean") is None


@pytest.mark.parametrize(
    ("kind", "damage"),
    [
        ("bins", {"edges": [2.0, 1.0]}),
        ("bins", {"edges": [0.0] * 3}),
        ("bins", {"type": "category"}),
        ("bins", {"edges": [float(at) for at in range(400)]}),
        ("group", {"values": [1.0]}),
        ("group", {"statistic": "sum"}),
        ("group", {"other": "much"}),
        ("group", {"keys": ["a", "a"], "values": [1.0, 2.0]}),
    ],
)
def test_a_damaged_state_is_refused(kind: str, damage: dict[str, Any]) -> None:
    maker = (
        BinMaker.fit(sample(), "size", ColumnType.NUMBER, 8)
        if kind == "bins"
        else GroupMaker.fit(sample(), "kind", "size", "mean")
    )
    assert maker is not None
    with pytest.raises(ModelError) as caught:
        restore_maker(kind, {**maker.state(), **damage})
    assert caught.value.code == "model.state"

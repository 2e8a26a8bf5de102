"""Every transformer keeps the seam's contract: data in, data out, and one answer on every road."""

from __future__ import annotations

import json

import msgspec
import numpy as np
import polars as pl
import pytest

from modelwright.core import plugins
from modelwright.core.digests import canonical_json
from modelwright.core.errors import ModelError
from modelwright.core.nouns import ColumnType
from modelwright.core.ports import FitContext, FittedTransformer, GraphedTransformer, RowApplied, Transformer
from tests.unit.features.tables import TYPES, run_graph, sample

CONTEXT = FitContext(seed=3)
NAMES = plugins.names("transformers")


def fitted(name: str, **params: object) -> tuple[FittedTransformer, pl.DataFrame]:
    plugin = plugins.load("transformers", name)
    known = {field.name for field in msgspec.structs.fields(plugin.Params)}
    frame = sample().select([column for column, kind in TYPES.items() if kind in plugin.accepts])
    y = (np.arange(frame.height) % 3 == 0).astype(np.int64)
    chosen = {key: value for key, value in params.items() if key in known}
    return plugin.fit(frame, y, msgspec.convert(chosen, plugin.Params), CONTEXT), frame


def later(frame: pl.DataFrame) -> pl.DataFrame:
    """New rows: other values, unseen categories, huge and infinite numbers, all-missing rows."""
    other = sample(120, seed=9).select(frame.columns)
    for name in frame.columns:
        if TYPES[name] is ColumnType.CATEGORY:
            unseen = pl.when(pl.int_range(pl.len()) < 5).then(pl.lit("never seen")).otherwise(pl.col(name))
            other = other.with_columns(unseen.alias(name))
        if name == "size":
            odd = pl.Series([1e300, -1e300, float("inf"), float("-inf"), float("nan")])
            other = other.with_columns(pl.concat([odd, other["size"][5:]]).alias("size"))
    return pl.concat(
        [other, other[:1].select(pl.lit(None, dtype=kind).alias(name) for name, kind in other.schema.items())]
    )


@pytest.mark.parametrize("name", NAMES)
def test_plugin_shape(name: str) -> None:
    plugin = plugins.load("transformers", name)
    assert isinstance(plugin, Transformer)
    assert plugin.accepts
    assert plugins.load_module("transformers", name).__doc__.splitlines()[0].endswith((".", ","))


@pytest.mark.parametrize("finish", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_apply_restore_and_rows_agree(name: str, finish: bool) -> None:
    part, frame = fitted(name, impute=finish, scale=finish)
    again = plugins.load("transformers", name).restore(json.loads(canonical_json(part.state())))
    for rows in (frame, later(frame), frame[:0]):
        before = rows.clone()
        values = part.apply(rows)
        assert values.shape == (rows.height, len(part.names))
        assert values.dtype == np.float64
        assert not np.isinf(values).any()
        assert rows.equals(before)
        np.testing.assert_array_equal(again.apply(rows), values)
        if isinstance(part, RowApplied):
            row = again.row()
            np.testing.assert_array_equal(np.array([row(r) for r in rows.rows()]).reshape(values.shape), values)
        if finish:
            assert not np.isnan(values).any(), "imputed output has no missing values"
    assert again.names == part.names
    assert len(set(part.names)) == len(part.names)
    assert len(part.sources) == len(part.names)
    assert set(part.sources) <= set(frame.columns)
    assert again.sources == part.sources
    if not finish:
        _moves_with_its_own_column(part, frame)


def _moves_with_its_own_column(part: FittedTransformer, frame: pl.DataFrame) -> None:
    whole = part.apply(frame)
    for source in set(part.sources):
        others = frame.with_columns(frame[name].reverse() for name in frame.columns if name != source)
        mine = np.array([name == source for name in part.sources])
        np.testing.assert_array_equal(part.apply(others)[:, mine], whole[:, mine])


@pytest.mark.parametrize("finish", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_graph_agrees_or_is_refused(name: str, finish: bool) -> None:
    part, frame = fitted(name, impute=finish, scale=finish)
    if not isinstance(part, GraphedTransformer):
        pytest.skip("says no graph")
    for rows in (frame, later(frame)):
        if name == "text":
            with pytest.raises(ModelError, match="cannot be written as a graph"):
                run_graph(part, rows, TYPES)
            continue
        values = run_graph(part, rows, TYPES)
        np.testing.assert_allclose(values, part.apply(rows), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_rows_do_not_influence_each_other(name: str) -> None:
    part, frame = fitted(name)
    picked = np.array([7, 3, 3, 100])
    np.testing.assert_array_equal(part.apply(frame[picked]), part.apply(frame)[picked])


@pytest.mark.parametrize("name", NAMES)
def test_fit_is_deterministic(name: str) -> None:
    assert canonical_json(fitted(name)[0].state()) == canonical_json(fitted(name)[0].state())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("damage", [{}, {"columns": 3}, {"columns": [], "what": 1}])
def test_damaged_state_is_refused(name: str, damage: dict[str, object]) -> None:
    with pytest.raises(ModelError):
        plugins.load("transformers", name).restore(damage)

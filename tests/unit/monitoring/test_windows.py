"""Windows and states: every row in one window, counts that add up, and a state that says what the file says."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from modelwright.core.errors import ModelError
from modelwright.core.nouns import ColumnType, Signature, SignatureField, Task
from modelwright.monitoring import drift
from modelwright.monitoring.drift_calibration import Calibrated
from modelwright.monitoring.reference import expectations
from modelwright.monitoring.windows import pieces, segments, state_of, width
from modelwright.registry.reference_columns import freeze
from modelwright.registry.reference_state import read_reference, reference_state

DAY = 86_400.0


def table(rows: int, seed: int) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "number": pl.Series(np.where(rng.random(rows) < 0.1, np.nan, rng.normal(size=rows)), nan_to_null=True),
            "count": rng.poisson(3, rows),
            "kind": rng.choice(list("abcd"), rows, p=[0.5, 0.3, 0.15, 0.05]),
            "many": [f"m{k}" for k in rng.integers(0, 2_000, rows)],
            "flag": rng.random(rows) < 0.3,
            "words": ["w" * int(k) for k in rng.integers(3, 40, rows)],
        }
    )


TYPES = {
    "number": ColumnType.NUMBER, "count": ColumnType.NUMBER, "kind": ColumnType.CATEGORY,
    "many": ColumnType.CATEGORY, "flag": ColumnType.BOOLEAN, "words": ColumnType.TEXT,
}  # fmt: skip
SIGNATURE = Signature(
    inputs=tuple(SignatureField(name=name, type=kind) for name, kind in TYPES.items()), task=Task.REGRESSION
)


def test_time_windows_begin_at_midnight_and_weeks_on_monday() -> None:
    seconds = np.arange(0, 15 * DAY, 6 * 3_600) + 10 * DAY
    cut = pieces(seconds.size, seconds, width("1d"))
    assert [piece.start[:10] for piece in cut[:2]] == ["1970-01-11", "1970-01-12"]
    assert sum(piece.last - piece.first for piece in cut) == seconds.size
    weeks = pieces(seconds.size, seconds, width("1w"))
    assert [piece.start[:10] for piece in weeks[:2]] == ["1970-01-05", "1970-01-12"]


def test_row_windows_and_segments_take_every_row_once() -> None:
    cut = pieces(1_050, None, width("500"))
    assert [(piece.start, piece.last - piece.first) for piece in cut] == [("0", 500), ("500", 500), ("1000", 50)]
    assert pieces(0, None, width(None))[0].last == 0
    parts = segments(table(2_000, 1), "kind")
    assert [name for name, _ in parts][:2] == ["a", "b"]
    assert sum(part.height for _, part in parts) == 2_000 - sum(table(2_000, 1)["kind"] == "d") * (len(parts) == 3)


def test_states_add_up() -> None:
    columns = {name: freeze(table(3_000, 1)[name], kind) for name, kind in TYPES.items()}
    now = table(1_000, 2)
    whole, parts = state_of(now, columns), state_of(now[:300], columns) + state_of(now[300:], columns)
    assert whole.rows == parts.rows == 1_000
    for name, column in columns.items():
        assert (whole.counts[name] == parts.counts[name]).all()
        assert whole.counts[name].sum() == 1_000
        assert (np.bincount(column.positions(now[name]), minlength=column.size) == whole.counts[name]).all()


def test_a_bundles_state_judges_as_the_rows_do() -> None:
    """Drift between states equals drift between files up to binning."""
    past, now = table(8_000, 1), table(2_000, 2).with_columns(pl.col("number") + 0.25)
    state = read_reference(reference_state(past, SIGNATURE))
    of_rows = {name: freeze(past[name], kind) for name, kind in TYPES.items()}
    found = []
    for columns in (state.columns, of_rows):
        window = state_of(now, columns)
        divided = drift.shares(predictions=False, joint=False)
        judged = drift.judge(Calibrated(expectations(columns)), window, "", {}, roles={}, divided=divided)
        found.append({each.name: each for each in judged.features})
    assert {name for name, each in found[0].items() if each.seen} == {"number"}
    assert {name for name, each in found[1].items() if each.seen} == {"number"}
    assert found[0]["number"].effect == pytest.approx(found[1]["number"].effect, rel=0.15)


def test_a_state_is_private_and_round_trips() -> None:
    past = table(8_000, 1).with_columns(kind=pl.Series(["Ada Lovelace", *table(8_000, 1)["kind"][1:].to_list()]))
    content = reference_state(past, SIGNATURE)
    assert b"Lovelace" not in content
    state = read_reference(content)
    for name in TYPES:
        assert state.columns[name].counts.sum() == 8_000
    assert state.columns["number"].missing == past["number"].null_count()


def test_format_1_is_read_and_the_future_is_refused() -> None:
    old = (
        b'{"format":1,"n_rows":100,"columns":{"x":{"type":"number","missing":10,"edges":[0.0,1.0,3.0],'
        b'"counts":[45,45],"below":0,"above":0},"k":{"type":"category","missing":0,"categories":{"a":60,"b":30},'
        b'"other":10,"distinct":5}}}'
    )
    state = read_reference(old)
    assert state.columns["x"].counts.sum() == 100
    assert state.columns["k"].counts.sum() == 100
    window = state_of(pl.DataFrame({"x": [0.5, 2.0, None], "k": ["a", "z", "b"]}), state.columns)
    assert window.counts["x"].sum() == window.counts["k"].sum() == 3
    for broken in (b'{"format":3}', b"{}", b"no"):
        with pytest.raises(ModelError, match="reference"):
            read_reference(broken)

"""Drift of one table against another: what must alarm, what must not, and what it is called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

from modelwright.core.errors import DataError, SpecError
from modelwright.lifecycle.drifting import as_result, of_table
from modelwright.monitoring.drift_tables import Options, drift_of
from modelwright.monitoring.windows import width

ROWS, NOW = 6_000, 1_500
CITIES = ["Zürich", "Bern", "Genève", "Basel"]


def table(rows: int, seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    a = rng.normal(size=rows)
    return {
        "order_id": [f"o{seed}-{at}" for at in range(rows)],
        "amount": rng.lognormal(3, 0.8, rows),
        "temperature": rng.normal(18, 6, rows),
        "age": rng.integers(18, 90, rows),
        "city": rng.choice(CITIES, rows, p=[0.4, 0.3, 0.2, 0.1]),
        "sku": [f"s{k}" for k in rng.integers(0, 900, rows)],
        "flag": rng.integers(0, 2, rows),
        "maybe": [None if x < 0.05 else float(x) for x in rng.random(rows)],
        "a": a,
        "b": 0.8 * a + 0.6 * rng.normal(size=rows),
        "always": ["x"] * rows,
        "prediction": rng.random(rows),
    }


def answer(past: Any, now: Any, *, time: str | None = None, window: str | None = None, joint: bool = False) -> Any:
    past, now = (each if isinstance(each, pl.DataFrame) else pl.DataFrame(each, strict=False) for each in (past, now))
    known = of_table(past, now, time=time, ignore=())
    options = Options(window=width(window), joint=joint)
    return as_result(drift_of(known, now, options), options)


def alarms(result: Any) -> dict[str, str]:
    return {each["name"]: each["kind"] for window in result["windows"] for each in window["features"] if each["alarm"]}


def test_a_clean_table_is_silent_and_says_what_it_could_see() -> None:
    result = answer(table(ROWS, 1), table(NOW, 2), joint=True)
    assert not result["alarm"]
    assert 0 < result["smallest_shift"]["psi"] < 0.1
    assert {each["name"] for each in result["windows"][0]["features"]} == set(table(1, 0)) - {"order_id"}
    assert result["windows"][0]["rows"] == NOW
    assert result["windows"][0]["joint"]["auc"] == pytest.approx(0.5, abs=0.05)


def _some(values: Any, share: float, change: Callable[[Any], Any]) -> list[Any]:
    hit = np.random.default_rng(9).random(len(values)) < share
    return [change(value) if each else value for value, each in zip(values, hit, strict=True)]


CHANGES: dict[str, tuple[str, str, Callable[[Any], Any]]] = {
    "shift": ("a", "shift", lambda v: v + 0.3),
    "scale": ("a", "shift", lambda v: v * 1.4),
    "thousandfold": ("amount", "unit", lambda v: v * 1000),
    "thousandth": ("amount", "unit", lambda v: v / 1000),
    "some thousandfold": ("amount", "unit", lambda v: _some(v, 0.04, lambda x: x * 1000)),
    "fahrenheit": ("temperature", "unit", lambda v: v * 1.8 + 32),
    "out of range": ("age", "range", lambda v: _some(v, 0.03, lambda x: x + 200)),
    "new label": ("city", "unseen", lambda v: _some(v, 0.04, lambda _: "Chur")),
    "third value": ("flag", "unseen", lambda v: _some(v, 0.05, lambda _: 2)),
    "other share": ("city", "shift", lambda v: _some(v, 0.2, lambda _: "Bern")),
    "case": ("city", "encoding", lambda v: _some(v, 0.3, str.upper)),
    "mojibake": ("city", "encoding", lambda v: [x.encode().decode("latin-1") for x in v]),
    "padding": ("city", "encoding", lambda v: [f"{x} " for x in v]),
    "missing": ("maybe", "missing", lambda v: _some(v, 0.1, lambda _: None)),
    "all missing": ("maybe", "missing", lambda v: [None] * len(v)),
    "words for numbers": ("age", "type", lambda v: [f"about {x}" for x in v]),
    "some words for numbers": ("age", "type", lambda v: _some([str(x) for x in v], 0.1, lambda x: f"about {x}")),
    "constant": ("age", "shift", lambda v: [30] * len(v)),
    "no longer constant": ("always", "unseen", lambda v: _some(v, 0.1, lambda _: "y")),
    "answers": ("prediction", "shift", lambda v: v**1.4),
}


@pytest.mark.parametrize("case", CHANGES)
def test_a_change_alarms_under_its_own_name(case: str) -> None:
    column, kind, change = CHANGES[case]
    now = table(NOW, 3)
    now[column] = change(now[column])
    assert alarms(answer(table(ROWS, 1), now)) == {column: kind}


def test_a_broken_correlation_is_seen_by_all_columns_together() -> None:
    now = table(NOW, 3)
    now["b"] = -now["b"]
    result = answer(table(ROWS, 1), now, joint=True)
    assert result["alarm"]
    assert not alarms(result)
    assert set(result["windows"][0]["joint"]["top"]) >= {"a", "b"}


def test_one_wild_value_hides_nothing() -> None:
    past, now = table(ROWS, 1), table(NOW, 3)
    past["a"][5] = 1e6
    now["a"] = now["a"] + 1.0
    assert alarms(answer(past, now)) == {"a": "shift"}


def test_columns_that_are_gone_or_new_are_said() -> None:
    now = table(NOW, 3)
    del now["age"]
    now["extra"] = [1] * NOW
    result = answer(table(ROWS, 1), now)
    assert alarms(result) == {"age": "vanished"}
    assert {"drift.vanished", "drift.new_column"} <= {each["code"] for each in result["findings"]}


@pytest.mark.parametrize("rows", [0, 1])
def test_a_window_without_rows_decides_nothing(rows: int) -> None:
    result = answer(table(ROWS, 1), pl.DataFrame(table(NOW, 3)).head(rows))
    assert not result["alarm"]
    assert result["windows"][0]["undecided"]


def test_a_small_or_odd_reference_gives_an_answer_too() -> None:
    now = pl.DataFrame(table(NOW, 3))
    for past in (now.head(1), now.head(7), now.select(pl.col("a")), now.with_columns(pl.lit(None).alias("a"))):
        assert answer(past, now)["windows"][0]["rows"] == NOW
    with pytest.raises(DataError, match="no rows"):
        answer(now.head(0), now)


def clocked(days: int, seed: int, *, first: int = 0, shift: float = 0.0, effect: float = 0.0) -> pl.DataFrame:
    """200 rows a day with a daily and a weekly wave, and perhaps a random effect per day."""
    rng = np.random.default_rng(seed)
    at = np.sort(rng.random(days * 200) * days) + first
    wave = np.sin(2 * np.pi * at) + (np.floor(at) % 7 >= 5)
    daily = rng.normal(size=(days + 1, 6))[(at - first).astype(int)] * effect
    columns = {f"x{k}": rng.normal(size=at.size) + (k / 5) * wave + daily[:, k] for k in range(6)}
    moments = pl.Series((at * 86_400e6).astype(np.int64)).cast(pl.Datetime("us"))
    return pl.DataFrame({"at": moments, **columns}).with_columns(pl.col("x0") + shift)


@pytest.mark.parametrize("window", ["1d", "12h", "100"])
def test_seasons_of_the_history_are_no_drift(window: str) -> None:
    result = answer(clocked(42, 1), clocked(7, 2, first=42), time="at", window=window)
    assert not result["alarm"], alarms(result)
    assert set(result["calibration"]["seasons"].values()) & {"hour", "weekday", "hour of the week"}
    drifted = answer(clocked(42, 1), clocked(7, 2, first=42, shift=0.6), time="at", window=window)
    assert alarms(drifted) == {"x0": "shift"}


def test_days_that_differ_by_themselves_are_no_drift() -> None:
    result = answer(clocked(60, 1, effect=0.3), clocked(14, 2, first=63, effect=0.3), time="at", window="1d")
    assert result["calibration"]["blocks"] >= 50
    assert not result["alarm"], alarms(result)
    wild = clocked(14, 2, first=63, effect=0.3).with_columns(pl.col("x0") + 3.0)
    assert alarms(answer(clocked(60, 1, effect=0.3), wild, time="at", window="1d")) == {"x0": "shift"}


def autocorrelated(rows: int, seed: int, *, phi: float = 0.9) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    values = np.zeros((rows, 10))
    noise = rng.normal(size=(rows, 10)) * np.sqrt(1 - phi**2)
    for at in range(1, rows):
        values[at] = phi * values[at - 1] + noise[at]
    return pl.DataFrame({f"x{k}": values[:, k] for k in range(10)})


def test_rows_that_follow_each_other_count_for_less() -> None:
    past, now = autocorrelated(20_000, 1), autocorrelated(6_000, 2)
    result = answer(past, now, window="500")
    assert "history" in result["calibration"]["how"]
    assert not result["alarm"], alarms(result)
    assert not answer(past, now)["alarm"]
    assert alarms(answer(past, now.with_columns(pl.col("x3") + 1.5), window="500")) == {"x3": "shift"}


def test_one_odd_window_is_seen_and_two_alarm() -> None:
    past, now = pl.DataFrame(table(ROWS, 1)), pl.DataFrame(table(3_000, 5))
    for moved, expected in ((range(1_000, 1_500), 0), (range(1_000, 2_500), 2)):
        hit = pl.Series([at in moved for at in range(3_000)])
        odd = now.with_columns(pl.when(hit).then(pl.col("a") + 0.5).otherwise(pl.col("a")).alias("a"))
        windows = answer(past, odd, window="500")["windows"]
        seen = [any(each["seen"] for each in window["features"]) for window in windows]
        assert sum(seen) == len(moved) // 500
        assert sum(window["alarm"] for window in windows) == expected
    huge = now.with_columns(
        pl.when(pl.Series(range(3_000)) < 500).then(pl.col("a") + 2).otherwise(pl.col("a")).alias("a")
    )
    assert [window["alarm"] for window in answer(past, huge, window="500")["windows"]] == [True] + [False] * 5


def test_windows_need_what_they_are_cut_by() -> None:
    past = table(ROWS, 1)
    with pytest.raises(SpecError, match="neither rows nor a time"):
        width("soon")
    from modelwright.lifecycle.drifting import _check_windows

    with pytest.raises(SpecError, match="needs a column of times"):
        _check_windows(
            of_table(pl.DataFrame(past), pl.DataFrame(past), time=None, ignore=()), Options(window=width("1d"))
        )
    with pytest.raises(DataError, match="not in the current"):
        answer(past, table(NOW, 2), time="when")


def test_a_budget_lowers_the_level() -> None:
    from modelwright.monitoring.drift import level_for

    assert level_for(1 / 30, 1) == 0.01
    assert level_for(1 / 30, 24) == pytest.approx(1 / 720)
    assert level_for(None, None) == 0.01


def test_clean_windows_rarely_alarm_and_a_psi_of_a_tenth_is_seen() -> None:
    """50 columns, 500 rows: the figures of benchmarks/monitoring/drift.py on a few trials."""
    rng = np.random.default_rng(0)
    past = pl.DataFrame({f"x{k}": rng.normal(size=30_000) for k in range(50)})
    known = of_table(past, past, time=None, ignore=())
    learned, clean, drifted = None, 0, 0
    for _ in range(15):
        now = pl.DataFrame({f"x{k}": rng.normal(size=500) for k in range(50)})
        report = drift_of(known, now, Options(joint=False), learned)
        learned = report.learned
        clean += report.windows[0].alarm
        moved = drift_of(known, now.with_columns(pl.col("x7") + 0.32), Options(joint=False), learned)
        drifted += any(each.alarm and each.name == "x7" for each in moved.windows[0].features)
    assert clean <= 1
    assert drifted >= 14

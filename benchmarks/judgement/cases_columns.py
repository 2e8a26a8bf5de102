"""Single columns that give the target away: copies, disguises, what is written afterwards, what is filled afterwards.

The clean twin of each case is the same table in `cases_clean.py`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
from case import Case
from numpy.typing import NDArray
from tables import TABLES

Rng = np.random.Generator
Values = NDArray[np.float64]
#: (target as numbers: class positions or values, generator) -> a column
Disguise = Callable[[Values, Rng], object]
_BINARY = (
    "breast_cancer",
    "telco",
    "bank",
    "titanic",
    "mammography",
    "elec2",
    "loans",
    "stays",
    "plain_binary",
    "small_binary",
)
_CLASSES = ("wine", "iris", "digits", "dry_bean", "plain_classes")
_NUMBERS = ("diabetes", "california", "bike", "orders", "plain_numbers")


def _target(frame: pl.DataFrame, name: str) -> Values:
    series = frame[name]
    if series.dtype == pl.String:
        series = series.rank("dense") - 1
    return series.cast(pl.Float64).to_numpy()


def _with(table: str, name: str, disguise: Disguise) -> Callable[[int], pl.DataFrame]:
    target, make = TABLES[table]

    def leaky(seed: int) -> pl.DataFrame:
        frame, rng = make(seed), np.random.default_rng(77 + seed)
        column = pl.Series(name, disguise(_target(frame, target), rng), strict=False)
        if column.dtype.is_float():
            column = column.fill_nan(None)
        at = int(rng.integers(0, frame.width))
        return frame.insert_column(at, column)

    return leaky


def _flip(share: float) -> Disguise:
    def make(y: Values, rng: Rng) -> object:
        return np.where(rng.random(y.size) < share, rng.permutation(y), y)

    return make


def _gaps(share: float, fill: Disguise) -> Disguise:
    def make(y: Values, rng: Rng) -> object:
        known = rng.random(y.size) >= share
        values = pl.Series(fill(y, rng), strict=False).to_list()
        return [value if keep else None for value, keep in zip(values, known, strict=True)]

    return make


def _labels(words: tuple[str, ...]) -> Disguise:
    return lambda y, rng: [words[int(v) % len(words)] + ("" if v < len(words) else f"_{int(v)}") for v in y]


def _dates(y: Values, rng: Rng) -> object:
    start = np.datetime64("2021-03-01") + rng.integers(0, 20, y.size).astype("timedelta64[D]")
    return start + (y * 200).astype("timedelta64[D]")


CLASS_DISGUISES: dict[str, tuple[str, Disguise]] = {
    "exact": ("result_copy", lambda y, rng: y),
    "renamed": ("field_17", lambda y, rng: y),
    "encoded": ("grp", lambda y, rng: np.array([7, 3, 11, 5, 2, 13, 17, 1, 23, 19])[y.astype(int) % 10]),
    "inverse": ("flag_b", lambda y, rng: y.max() - y),
    "scaled": ("k1", lambda y, rng: 1000 - 12.5 * y),
    "jittered": ("reading", lambda y, rng: y + rng.normal(0, 0.05, y.size)),
    "text": ("decision", _labels(("approved", "rejected", "pending", "held", "open"))),
    "dates": ("born", _dates),
    "flips_1": ("c1", _flip(0.02)),
    "flips_5": ("c5", _flip(0.10)),
    "gaps_20": ("part", _gaps(0.2, lambda y, rng: y)),
    "text_gaps": ("state", _gaps(0.1, _labels(("ok", "ko", "mid", "low", "top")))),
}
NUMBER_DISGUISES: dict[str, tuple[str, Disguise]] = {
    "exact": ("amount2", lambda y, rng: y),
    "log": ("v_log", lambda y, rng: np.log(y - y.min() + 1)),
    "rank": ("position", lambda y, rng: np.argsort(np.argsort(y)).astype(float)),
    "units": ("in_cents", lambda y, rng: y * 100),
    "inverse": ("neg", lambda y, rng: -3 * y + 8),
    "rounded": ("about", lambda y, rng: np.round(y / (0.1 * y.std())) * 0.1 * y.std()),
    "binned": ("band", lambda y, rng: np.searchsorted(np.quantile(y, np.linspace(0.05, 0.95, 19)), y).astype(float)),
    "band_text": (
        "bracket",
        lambda y, rng: [f"b{int(v):02d}" for v in np.searchsorted(np.quantile(y, np.linspace(0.05, 0.95, 19)), y)],
    ),
    "noise_2": ("est", lambda y, rng: y + rng.normal(0, 0.02 * y.std(), y.size)),
    "noise_10": ("est2", lambda y, rng: y + rng.normal(0, 0.10 * y.std(), y.size)),
    "shifted": ("plus", lambda y, rng: y + 0.05 * y.std() * rng.choice([0, 1, 2], y.size)),
    "gaps_20": ("some", _gaps(0.2, lambda y, rng: y * 2)),
    "text_number": ("as_text", lambda y, rng: [f"EUR {v:.2f}" for v in y]),
}


def _copies() -> list[Case]:
    found = []
    for group, disguises in (((*_BINARY, *_CLASSES), CLASS_DISGUISES), (_NUMBERS, NUMBER_DISGUISES)):
        for table in group:
            for kind, (name, disguise) in disguises.items():
                found.append(
                    Case(
                        name=f"copy/{table}/{kind}",
                        kind="target_copy",
                        make=_with(table, name, disguise),
                        target=TABLES[table][0],
                        expected=(("leak.", f"column:{name}"),),
                    )
                )
    for table in _CLASSES:
        found.append(
            Case(
                name=f"copy/{table}/one_hot",
                kind="target_copy",
                make=_with(table, "is_first", lambda y, rng: (y == 0).astype(int)),
                target=TABLES[table][0],
                expected=(("leak.", "column:is_first"),),
            )
        )
    return found


# ---------------------------------------------------------------- written during or after the event

Afterwards = Callable[[NDArray[np.bool_], Rng], dict[str, object]]


def _settlement(bad: NDArray[np.bool_], rng: Rng) -> dict[str, object]:
    return {"settlement_amount": np.where(bad, rng.lognormal(7, 0.8, bad.size), 0.0).round(2)}


def _recovery(bad: NDArray[np.bool_], rng: Rng) -> dict[str, object]:
    """Recoveries follow some of the failures only."""
    some = bad & (rng.random(bad.size) < 0.7)
    return {"recoveries": np.where(some, rng.lognormal(6, 1, bad.size), 0.0).round(2)}


def _status(bad: NDArray[np.bool_], rng: Rng) -> dict[str, object]:
    odd = rng.random(bad.size) < 0.03
    return {
        "account_status": np.where(
            bad ^ odd, rng.choice(["closed", "written off"], bad.size), rng.choice(["active", "current"], bad.size)
        )
    }


def _duration(bad: NDArray[np.bool_], rng: Rng) -> dict[str, object]:
    return {"call_duration": rng.gamma(2.0, np.where(bad, 420, 60)).round(0)}


def _reminders(bad: NDArray[np.bool_], rng: Rng) -> dict[str, object]:
    return {"reminders_sent": np.where(bad, rng.poisson(4, bad.size) + 1, rng.poisson(0.05, bad.size))}


def _reason(bad: NDArray[np.bool_], rng: Rng) -> dict[str, object]:
    words = rng.choice(["price", "service", "moved"], bad.size)
    return {"exit_reason": [word if yes else None for word, yes in zip(words, bad, strict=True)]}


def _closing_date(bad: NDArray[np.bool_], rng: Rng) -> dict[str, object]:
    day = np.datetime64("2023-01-01") + rng.integers(0, 300, bad.size).astype("timedelta64[D]")
    return {"closing_date": pl.Series([value if yes else None for value, yes in zip(day.tolist(), bad, strict=True)])}


def _cover(bad: NDArray[np.bool_], rng: Rng) -> dict[str, object]:
    """Three that stand in for one another: dropping one shows nothing."""
    letters = np.where(bad, rng.poisson(3, bad.size) + 1, rng.poisson(0.03, bad.size))
    return {
        "collection_letters": letters,
        "collection_fee": (letters * 7.5 + rng.normal(0, 0.4, bad.size) * (letters > 0)).round(2),
        "final_status": np.where(bad ^ (rng.random(bad.size) < 0.01), "written off", "regular"),
    }


def _cover_plain(bad: NDArray[np.bool_], rng: Rng) -> dict[str, object]:
    """Two without telling names."""
    return {
        "code_a": np.where(bad, rng.integers(5, 9, bad.size), rng.integers(0, 4, bad.size)),
        "value_b": np.where(bad, 40, 10) + rng.normal(0, 3, bad.size),
    }


def _unnamed(bad: NDArray[np.bool_], rng: Rng) -> dict[str, object]:
    return {"m_17": np.where(bad, rng.normal(6, 1, bad.size), rng.normal(0, 1, bad.size))}


def _branch(bad: NDArray[np.bool_], rng: Rng) -> dict[str, object]:
    """A code for the desk that handled the case afterwards."""
    return {
        "desk": np.where(bad, rng.choice(["D7", "D8", "D9"], bad.size), rng.choice(["D1", "D2", "D3", "D4"], bad.size))
    }


AFTERWARDS: dict[str, Afterwards] = {
    "settlement": _settlement,
    "recovery": _recovery,
    "status": _status,
    "duration": _duration,
    "reminders": _reminders,
    "reason": _reason,
    "closing_date": _closing_date,
    "cover": _cover,
    "cover_plain": _cover_plain,
    "unnamed": _unnamed,
    "desk": _branch,
}
_POST_TABLES = ("telco", "bank", "titanic", "elec2", "loans", "stays", "plain_binary", "small_binary", "breast_cancer")


def _joined(table: str, after: Afterwards) -> Callable[[int], pl.DataFrame]:
    target, make = TABLES[table]

    def leaky(seed: int) -> pl.DataFrame:
        frame, rng = make(seed), np.random.default_rng(99 + seed)
        y = _target(frame, target)
        bad = y == (y.max() if (y == y.max()).mean() < 0.5 else y.min())
        columns = [pl.Series(name, values, strict=False) for name, values in after(bad, rng).items()]
        return frame.with_columns(columns).select(
            *(name for name in rng.permutation([*frame.columns, *(one.name for one in columns)]))
        )

    return leaky


def _post(table: str, kind: str) -> Case:
    names = tuple(AFTERWARDS[kind](np.arange(40) % 3 == 0, np.random.default_rng(0)))
    return Case(
        name=f"post/{table}/{kind}",
        kind="missingness" if kind in ("reason", "closing_date") else "post_event",
        make=_joined(table, AFTERWARDS[kind]),
        target=TABLES[table][0],
        expected=tuple(("leak.", f"column:{name}") for name in names),
        every=tuple(f"column:{name}" for name in names),
    )


def _flights(numbers: bool) -> Callable[[int], pl.DataFrame]:
    def make(seed: int) -> pl.DataFrame:
        from case import DATA

        frame = pl.read_parquet(DATA / "pnw_flights.parquet").filter(pl.col("arr_delay").is_not_null())
        frame = frame.sample(12_000, seed=seed)
        late = pl.col("arr_delay") if numbers else (pl.col("arr_delay") > 15).cast(pl.Int64).alias("late")
        return frame.with_columns(late).drop(() if numbers else "arr_delay").drop("year")

    return make


def _trap(name: str, target: str, table: str, leaks: tuple[tuple[str, str], ...], drop: tuple[str, ...] = ()) -> Case:
    from tables import file

    return Case(
        name=f"trap/{name}",
        kind="trap",
        make=file(table, target, drop, rows=50_000),
        target=target,
        expected=leaks,
        every=tuple(subject for _, subject in leaks),
    )


TRAPS = (
    _trap("bank", "y", "bank_marketing.parquet", (("leak.post_event", "column:duration"),)),
    _trap(
        "titanic",
        "survived",
        "titanic3.csv",
        (("leak.missingness", "column:boat"), ("leak.missingness", "column:body")),
    ),
    _trap("titanic_boat", "survived", "titanic3.csv", (("leak.missingness", "column:boat"),), ("body",)),
    _trap(
        "bike",
        "cnt",
        "bike_hourly.csv",
        (("leak.combination", "column:casual"), ("leak.combination", "column:registered")),
    ),
    *(
        Case(
            name=f"trap/flights_{'delay' if numbers else 'late'}",
            kind="trap",
            make=_flights(numbers),
            target="arr_delay" if numbers else "late",
            expected=(("leak.", "column:dep_delay"),),
            every=tuple(f"column:{name}" for name in ("dep_delay", "dep_time", "arr_time", "air_time")),
        )
        for numbers in (False, True)
    ),
)

CASES: tuple[Case, ...] = (*_copies(), *(_post(table, kind) for table in _POST_TABLES for kind in AFTERWARDS), *TRAPS)

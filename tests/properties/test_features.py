"""Properties of features: one answer on every road, nothing from rows that may not be seen, nothing from the future."""

# ruff: noqa: DTZ001 - naive UTC is the storage of a datetime column
from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelwright.core.digests import canonical_json
from modelwright.core.errors import SpecError
from modelwright.core.nouns import ColumnType, Role, Task
from modelwright.core.ports import FitContext, Needs
from modelwright.features import pipeline, planner
from modelwright.features.expressions import parse
from modelwright.features.windows import FittedWindow
from modelwright.spec.model import FeaturesSpec, WindowSpec
from tests.unit.features.tables import TYPES, run_graph, sample, schema

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
KNOWN = {
    "a": ColumnType.NUMBER,
    "b": ColumnType.NUMBER,
    "flag": ColumnType.BOOLEAN,
    "word": ColumnType.CATEGORY,
    "other": ColumnType.TEXT,
    "at": ColumnType.DATETIME,
    "then": ColumnType.DATETIME,
}
DTYPES = {
    "a": pl.Float64,
    "b": pl.Float64,
    "flag": pl.Boolean,
    "word": pl.String,
    "other": pl.String,
    "at": pl.Datetime("us"),
    "then": pl.Datetime("us"),
}
NUMBERS = st.none() | st.floats(width=64, allow_subnormal=False) | st.integers(-50, 50).map(float)
MOMENTS = st.none() | st.datetimes(datetime(1700, 1, 1), datetime(2250, 1, 1))
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "a": NUMBERS,
            "b": NUMBERS,
            "flag": st.none() | st.booleans(),
            "word": st.none() | st.sampled_from(["x", "xy", "Ünï", "ΑΣ"]),
            "other": st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=6),
            "at": MOMENTS,
            "then": MOMENTS,
        }
    ),
    min_size=1,
    max_size=12,
)


def numbers() -> st.SearchStrategy[str]:
    leaves = st.sampled_from(["a", "b", "flag", "1", "0", "2.5", "1e6"]) | st.sampled_from(
        [
            "length(other)",
            "year(at)",
            "month(at)",
            "day(at)",
            "weekday(at)",
            "hour(at)",
            "minute(at)",
            "days_between(at, then)",
            "hours_between(then, at)",
            'days_between(at, date("2020-02-29"))',
        ]
    )

    def grow(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        one = st.sampled_from(["log", "log1p", "exp", "sqrt", "abs", "round", "floor", "ceil", "-"])
        return (
            st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "//", "%", "**"]), inner).map(
                lambda t: f"({' '.join(t)})"
            )
            | st.tuples(one, inner).map(lambda t: f"{t[0]}({t[1]})")
            | st.tuples(st.sampled_from(["min", "max", "coalesce"]), inner, inner).map(
                lambda t: f"{t[0]}({t[1]}, {t[2]})"
            )
            | st.tuples(inner, conditions(inner), inner).map(lambda t: f"({t[0]} if {t[1]} else {t[2]})")
            | inner.map(lambda x: f"clip({x}, -3, 3)")
        )

    return st.recursive(leaves, grow, max_leaves=6)


def conditions(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    plain = (
        st.tuples(inner, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), inner).map(" ".join)
        | inner.map(lambda x: f"is_missing({x})")
        | st.sampled_from(
            [
                'word == "x"',
                'word != "Ünï"',
                "is_missing(word)",
                'lower(word) in ("ünï", "ας")',
                "flag",
                "at < then",
                'contains(other, "a")',
                'coalesce(word, "x") == "x"',
                '("p" if flag else word) == "p"',
                "word == other",
            ]
        )
    )
    pairs = st.tuples(plain, st.sampled_from([" and ", " or ", " and not "]), plain).map(lambda t: f"({''.join(t)})")
    return plain.map(lambda x: f"({x})") | pairs


def table(rows: list[dict[str, object]]) -> pl.DataFrame:
    return pl.DataFrame({name: pl.Series([row[name] for row in rows], dtype=DTYPES[name]) for name in KNOWN})


def as_values(found: list[object]) -> list[object]:
    """NaN and None are both `missing`."""
    return [None if value is None or value != value else value for value in found]


@QUICK
@given(text=numbers() | conditions(numbers()), rows=ROWS)
def test_a_column_and_a_row_give_the_same_bits(text: str, rows: list[dict[str, object]]) -> None:
    expression = parse(text, KNOWN)
    column = expression.apply(table(rows))
    run = expression.row()
    single = as_values([run([row[name] for name in expression.columns]) for row in rows])
    assert as_values(column.to_list()) == single
    if column.dtype == pl.Float64:
        assert not column.is_infinite().any()
        assert not column.is_nan().any()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=numbers(), rows=ROWS)
def test_a_graph_agrees_where_it_can_be_written(text: str, rows: list[dict[str, object]]) -> None:
    expression = parse(text, KNOWN)
    unsaid = ("length", "lower", "contains")
    # libraries round powers and exponentials differently, and a floor or a comparison makes much of a last bit
    rounded = ("//", "%", "**", "floor", "ceil", "round", "exp", "log", "==", "!=", "<", ">")
    if not expression.columns or any(sign in text for sign in unsaid + rounded):
        return
    frame = table(rows)
    found = run_graph(expression, frame, KNOWN)
    wanted = expression.apply(frame).cast(pl.Float64).to_numpy()
    np.testing.assert_allclose(np.broadcast_to(found.ravel(), wanted.shape), wanted, rtol=1e-9)


HOSTILE = [
    "__import__('os')",
    "a.__class__",
    "().__class__",
    "a[0]",
    "lambda: 1",
    "[x for x in a]",
    "{a}",
    "a; b",
    "a = 1",
    "exec('1')",
    "open('x')",
    "a if b",
    "(" * 5000,
    "-" * 1500 + "a",
    "not " * 400 + "flag",
    "a ** 1000",
    "1e999",
    "a" * 5000,
    "a\x00b",
    "f'{a}'",
    "a := 1",
    "import os",
    "print(a)",
    "`a",
    '"x',
    "a + ",
    "",
    "   ",
    "@a",
    "a @ b",
    "a ~ b",
    "a <> b",
    "+".join(["a"] * 900),
    "max(" * 60 + "a",
    "a ** b ** " * 90 + "a",
    "col('nope')",
    "col(a)",
    "None",
    "a is None",
    "0x10",
    "1_000",
    "word + 1",
    "a + at",
    "contains(word, other)",
    "not a",
    "a and flag",
    "min(a)",
    "round(a, 1, 2)",
    "log(word)",
    "word < other",
    "a in ()",
    "a == 'x'",
    "1 if flag else 'x'",
    "days_between(at, 1)",
    'date("soon")',
    "date(a)",
    "log",
    "at - then",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_or_wrong_expressions_are_refused_with_their_place(text: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse(text, KNOWN)
    assert caught.value.code.startswith("expression.")
    assert caught.value.column is not None
    assert 1 <= caught.value.column <= len(text) + 1
    assert caught.value.hint


def test_towers_of_powers_are_missing_and_cost_nothing() -> None:
    assert parse("9**9**9**9", KNOWN).apply(sample(3)).to_list() == [None] * 3


@QUICK
@given(text=st.text(max_size=60) | st.text("ab()+-*/%<>=!'\"`, .0123456789ifelse", max_size=60))
def test_any_text_parses_or_is_refused(text: str) -> None:
    refused = ""
    try:
        parse(text, KNOWN)
    except SpecError as error:
        refused = error.code
    assert refused == "" or refused.startswith("expression.")


# ---------------------------------------------------------------- training rows only


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 1000), held=st.integers(0, 1000))
def test_held_out_rows_and_targets_never_reach_what_is_learned(seed: int, held: int) -> None:
    frame = sample(160, seed=seed).with_columns(place=pl.col("kind").fill_null("x") + pl.col("rooms").cast(pl.String))
    rng = np.random.default_rng(held)
    order = rng.permutation(frame.height)
    train, test = np.sort(order[:110]), order[110:]
    y = rng.integers(0, 2, frame.height)
    spec = FeaturesSpec(
        target="y",
        derived={"per": "size / rooms"},
        crosses=[["place", "kind"]],
        target_rates=True,
        windows=[WindowSpec(name="w", column="size", entity="kind", window="90d")],
        time="sold",
    )
    plan = planner.plan(schema("y", sold=Role.TIME), spec, Needs(scaled=True, imputed=True), Task.BINARY, len(train))

    def learn(table: pl.DataFrame, target: np.ndarray) -> tuple[bytes, np.ndarray]:
        features, matrix = pipeline.fit(plan, table[train], target[train], FitContext(seed=1))
        return canonical_json(features.state()), matrix.values

    state, values = learn(frame, y)
    changed = frame.clone()
    noise = sample(frame.height, seed=seed + 5000).with_columns(pl.col("size") * 1e6)
    mask = pl.Series(np.isin(np.arange(frame.height), test))
    changed = changed.with_columns(
        [changed[name].zip_with(~mask, noise[name].cast(changed[name].dtype)).alias(name) for name in changed.columns]
    )
    target = y.copy()
    target[test] = 1 - target[test]
    again, others = learn(changed, target)
    assert again == state
    np.testing.assert_array_equal(others, values)


@QUICK
@given(seed=st.integers(0, 10_000))
def test_a_row_never_sees_its_own_target_in_its_rate(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = 60
    frame = pl.DataFrame({"place": [f"t{i}" for i in rng.integers(0, 8, n)]})
    y = rng.integers(0, 2, n)
    plan = planner.plan(
        schema("y", {"place": ColumnType.CATEGORY}),
        FeaturesSpec(target="y", target_rates=True),
        Needs(),
        Task.BINARY,
        n,
    )
    folds = [(np.arange(0, 40), np.arange(40, 50)), (np.arange(0, 50), np.arange(50, 60))]
    row = int(rng.integers(0, n))
    flipped = y.copy()
    flipped[row] = 1 - flipped[row]
    for chosen in (None, folds):
        before = pipeline.fit(plan, frame, y, FitContext(seed=4), chosen)[1]
        after = pipeline.fit(plan, frame, flipped, FitContext(seed=4), chosen)[1]
        at = next(i for i, name in enumerate(before.names) if "rate" in name)
        assert before.values[row, at] == after.values[row, at]
        told = np.flatnonzero(before.values[:, at] != after.values[:, at])
        assert told.size or (chosen is folds and row >= 50)
        if chosen is folds:  # these go forward: no earlier block hears of a later one
            assert told.min(initial=n) >= (row // 10 * 10 if row >= 40 else 0)


# ---------------------------------------------------------------- windows


@QUICK
@given(
    seed=st.integers(0, 100_000),
    aggregate=st.sampled_from(["mean", "sum", "min", "max", "std", "count", "last"]),
    window=st.sampled_from(["1rows", "3rows", "2d", "36h", "1w"]),
)
def test_changing_any_row_at_or_after_a_time_never_changes_windows_at_it(
    seed: int, aggregate: str, window: str
) -> None:
    rng = np.random.default_rng(seed)
    n = 40
    frame = pl.DataFrame(
        {
            "who": [None if u < 0.05 else f"e{int(u * 4)}" for u in rng.random(n)],
            "at": [datetime(2024, 1, 1) + timedelta(days=int(d)) for d in rng.integers(0, 12, n)],
            "x": [None if u < 0.1 else float(u * 1e3) for u in rng.random(n)],
        },
        schema={"who": pl.String, "at": pl.Datetime("us"), "x": pl.Float64},
    )
    spec = WindowSpec(name="w", column="x", entity="who", aggregate=aggregate, window=window)
    types = {"who": ColumnType.CATEGORY, "at": ColumnType.DATETIME, "x": ColumnType.NUMBER}

    def windows(table: pl.DataFrame, learned: int) -> pl.Series:
        return FittedWindow.fit(spec, "at", types, table[:learned]).extend(table)[0]

    moment = frame["at"][int(rng.integers(0, n))]
    late = frame["at"] >= moment
    changed = frame.with_columns(
        x=pl.Series(
            np.where(late.to_numpy(), rng.normal(0, 1e9, n), frame["x"].fill_null(np.nan).to_numpy()), nan_to_null=True
        ),
        who=frame["who"].zip_with(~late, frame["who"].gather(rng.permutation(n))),
    )
    upto = (frame["at"] < moment).to_numpy()
    at_it = upto | ((frame["at"] == moment) & frame["who"].eq_missing(changed["who"])).to_numpy()
    learned = int(rng.integers(1, n))
    before, after = windows(frame, learned), windows(changed, learned)
    assert before.filter(pl.Series(at_it)).to_list() == after.filter(pl.Series(at_it)).to_list()


def _slow(frame: pl.DataFrame, spec: WindowSpec, days: float | None, rows: int | None) -> list[float | None]:
    """The definition, row by row."""
    found: list[float | None] = []
    data = frame.rows(named=True)
    for row in data:
        past = sorted(
            (
                other
                for other in data
                if other["who"] == row["who"] and other["at"] < row["at"] and other["x"] is not None
            ),
            key=lambda other: other["at"],
        )
        if days is not None:
            past = [other for other in past if other["at"] >= row["at"] - timedelta(days=days)]
        values = np.array([other["x"] for other in (past if rows is None else past[-rows:])])
        empty = 0.0 if spec.aggregate == "count" else None
        if spec.aggregate == "std":
            found.append(float(values.std(ddof=1)) if len(values) > 1 else None)
        elif not len(values):
            found.append(empty)
        else:
            kernels = {
                "mean": np.mean,
                "sum": np.sum,
                "min": np.min,
                "max": np.max,
                "count": len,
                "last": lambda v: v[-1],
            }
            found.append(float(kernels[spec.aggregate](values)))
    return found


@QUICK
@given(
    seed=st.integers(0, 100_000),
    aggregate=st.sampled_from(["mean", "sum", "min", "max", "std", "count", "last"]),
    window=st.sampled_from([("3rows", None, 3), ("2d", 2.0, None)]),
    cut=st.integers(0, 30),
)
def test_windows_equal_their_definition_whatever_was_learned_before(
    seed: int, aggregate: str, window: tuple[str, float | None, int | None], cut: int
) -> None:
    rng = np.random.default_rng(seed)
    minutes = rng.choice(60 * 24 * 8, 30, replace=False)  # no ties, so that the last rows are well defined
    frame = pl.DataFrame(
        {
            "who": [f"e{i}" for i in rng.integers(0, 3, 30)],
            "at": [datetime(2024, 1, 1) + timedelta(minutes=int(m)) for m in minutes],
            "x": [None if u < 0.1 else float(u) for u in rng.random(30)],
        },
        schema={"who": pl.String, "at": pl.Datetime("us"), "x": pl.Float64},
    )
    text, days, rows = window
    spec = WindowSpec(name="w", column="x", entity="who", aggregate=aggregate, window=text)
    types = {"who": ColumnType.CATEGORY, "at": ColumnType.DATETIME, "x": ColumnType.NUMBER}
    fitted = FittedWindow.restore(FittedWindow.fit(spec, "at", types, frame[:cut]).state())
    wanted = _slow(frame, spec, days, rows)
    np.testing.assert_allclose(
        np.array(fitted.extend(frame)[0].to_list(), dtype=float), np.array(wanted, dtype=float), rtol=1e-9
    )
    later = np.array(fitted.extend(frame[cut:])[0].to_list(), dtype=float)
    np.testing.assert_allclose(later, np.array(wanted[cut:], dtype=float), rtol=1e-9)


def test_types_cover_the_sample() -> None:
    assert set(TYPES) == set(sample().columns)

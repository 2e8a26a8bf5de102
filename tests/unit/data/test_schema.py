"""Inferred schemas are what a careful engineer would write down."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from modelwright.core.errors import DataError
from modelwright.core.nouns import ColumnType, Role
from modelwright.core.ports import ReadOptions
from modelwright.core.tables import Dataset, RawTable
from modelwright.data.conform import conform
from modelwright.data.read import read_table
from modelwright.data.schema import infer
from modelwright.spec.model import FeaturesSpec

SHARED = Path(__file__).parents[4] / "shared" / "data"


def typed(columns: dict[str, list[object]], features: FeaturesSpec | None = None, **types: ColumnType) -> Dataset:
    frame = pl.DataFrame(columns, strict=False)
    return conform(RawTable(frame=frame, digest="b3:0", source="test"), infer(frame, features or FeaturesSpec(), types))


def real(name: str, target: str) -> Dataset:
    if not (SHARED / name).exists():
        pytest.skip("the shared data is not here")
    raw = read_table(name, ReadOptions(), base_dir=SHARED, cache_dir=SHARED)
    return conform(raw, infer(raw.frame, FeaturesSpec(target=target), {}))


def test_leading_zeros_stay_text() -> None:
    dataset = typed({"zip": ["007", "012", "100"] * 10})
    assert dataset.schema["zip"].type is ColumnType.CATEGORY
    assert dataset.frame["zip"][0] == "007"
    assert "leading zeros" in dataset.schema["zip"].reason


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["1,000", "2,500.5", "$3"], [1000.0, 2500.5, 3.0]),
        (["1,5", "1.000,25", "3"], [1.5, 1000.25, 3.0]),
        (["1", " ", "3"], [1, None, 3]),
        (["1", "NA", "?"], [1, None, None]),
        (["1e3", "inf", "2"], [1000.0, None, 2.0]),
    ],
)
def test_numbers_as_people_write_them(values: list[object], expected: list[object]) -> None:
    dataset = typed({"n": values})
    assert dataset.schema["n"].type is ColumnType.NUMBER
    assert dataset.frame["n"].to_list() == expected


@pytest.mark.parametrize("pair", [("yes", "No"), ("TRUE", "false"), ("y", "n"), ("0", "1"), (0, 1), (0.0, 1.0)])
def test_two_sided_columns_are_booleans(pair: tuple[object, object]) -> None:
    dataset = typed({"b": [*pair, None, pair[0]]})
    assert dataset.schema["b"].type is ColumnType.BOOLEAN
    assert dataset.frame["b"].null_count() == 1


def test_a_target_keeps_its_labels() -> None:
    dataset = typed({"y": ["yes", "no"] * 10, "z": [0, 1] * 10}, FeaturesSpec(target="y"))
    assert dataset.schema["y"].type is ColumnType.CATEGORY
    assert dataset.schema["z"].type is ColumnType.BOOLEAN


def test_dates_say_when_day_and_month_could_be_swapped() -> None:
    plain = typed({"when": ["1/31/2020", "2/28/2020"]}).schema["when"]
    unclear = typed({"when": ["1/2/2020", "2/3/2020"]}).schema["when"]
    assert (plain.type, plain.format) == (ColumnType.DATETIME, "%m/%d/%Y")
    assert "%d/%m/%Y would read every value too" in unclear.reason
    # only day first keeps these rows in order
    assert typed({"d": ["1/2/2020", "2/1/2020", "3/1/2020"] * 1}).schema["d"].format == "%m/%d/%Y"
    assert typed({"d": ["1/12/2020", "2/12/2020", "3/12/2020", "1/1/2021"]}).schema["d"].format in (
        "%d/%m/%Y",
        "%m/%d/%Y",
    )


def test_useless_columns_are_named_and_explained() -> None:
    n = 40
    schema = typed(
        {
            "row": list(range(n)),
            "customer_id": [f"c-{(i * 7919) % 9973:x}" for i in range(n)],
            "constant": ["x"] * n,
            "empty": [None] * n,
            "value": [i * 0.5 for i in range(n)],
        }
    ).schema
    roles = {column.name: column.role for column in schema.columns}
    assert roles == {
        "row": Role.ID,
        "customer_id": Role.ID,
        "constant": Role.IGNORED,
        "empty": Role.IGNORED,
        "value": Role.FEATURE,
    }
    assert all(column.reason for column in schema.columns)


def test_listed_columns_are_the_only_features() -> None:
    features = FeaturesSpec(target="y", numerical=["a"], derived={"r": "a / b"})
    schema = typed({"a": [1, 2, 3], "b": [1, 2, 4], "c": [5, 6, 8], "y": [1.5, 2.5, 3.5]}, features).schema
    assert [column.name for column in schema.features] == ["a", "b"]
    assert schema["c"].role is Role.IGNORED


def test_declared_types_win() -> None:
    dataset = typed({"a": ["1", "2", "x"], "b": [1, 2, 3]}, a=ColumnType.NUMBER, b=ColumnType.CATEGORY)
    assert dataset.frame["a"].to_list() == [1, 2, None]
    assert dataset.frame["b"].to_list() == ["1", "2", "3"]
    assert [(each.column, each.count, each.examples) for each in dataset.coercions] == [("a", 1, ("x",))]


def test_an_absent_column_is_named_with_its_nearest() -> None:
    with pytest.raises(DataError, match="'agee'") as caught:
        typed({"age": [1, 2]}, FeaturesSpec(numerical=["agee"]))
    assert caught.value.code == "data.missing_column"
    assert "did you mean 'age'" in caught.value.hint


def test_a_wrong_declaration_is_refused_with_an_example() -> None:
    with pytest.raises(DataError) as caught:
        typed({"city": ["Paris", "Rome", "3"]}, FeaturesSpec(numerical=["city"]))
    assert caught.value.code == "data.not_number"
    assert "Paris" in caught.value.message


def test_telco() -> None:
    dataset = real("telco_churn.csv", "Churn")
    assert dataset.schema["customerID"].role is Role.ID
    assert dataset.schema["TotalCharges"].type is ColumnType.NUMBER
    assert dataset.frame["TotalCharges"].null_count() == 11
    assert [(each.column, each.count) for each in dataset.coercions] == [("TotalCharges", 11)]
    assert dataset.schema["MultipleLines"].type is ColumnType.CATEGORY
    assert len(dataset.schema.features) == 19


def test_bike() -> None:
    dataset = real("bike_hourly.csv", "cnt")
    assert dataset.schema["instant"].role is Role.ID
    assert (dataset.schema["dteday"].role, dataset.schema["dteday"].format) == (Role.TIME, "%m/%d/%Y")


def test_titanic() -> None:
    schema = real("titanic3.csv", "survived").schema
    assert schema["ticket"].role is Role.GROUP
    assert schema["name"].type is ColumnType.TEXT
    assert schema["cabin"].type is ColumnType.CATEGORY


def test_flights_codes_are_no_measurements() -> None:
    schema = real("pnw_flights.parquet", "arr_delay").schema
    assert schema["flight"].type is ColumnType.CATEGORY
    assert schema["tailnum"].role is Role.FEATURE
    assert schema["year"].role is Role.IGNORED

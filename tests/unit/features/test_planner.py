"""The plan: adapts to the family and the spec, says itself, and refuses what cannot work."""

from __future__ import annotations

import msgspec
import pytest

from modelwright.core.digests import canonical_json
from modelwright.core.errors import SpecError
from modelwright.core.nouns import ColumnType, Role, Task
from modelwright.core.ports import Needs
from modelwright.features import planner
from modelwright.spec.model import FeaturesSpec, WindowSpec
from tests.unit.features.tables import schema

WINDOW = WindowSpec(name="w", column="size", entity="place", window="7d")


def make(spec: FeaturesSpec, needs: Needs | None = None, **roles: Role) -> planner.FeaturePlan:
    return planner.plan(schema("y", **roles), spec, needs or Needs(), Task.BINARY, 5_000)


def test_steps_are_told_in_the_order_they_run() -> None:
    spec = FeaturesSpec(derived={"per": "size / rooms"}, windows=[WINDOW], crosses=[["place", "kind"]])
    lines = make(spec, sold=Role.TIME).describe()
    assert [line.split()[0] for line in lines[:3]] == ["derive", "window", "cross"]
    assert any("per, w" in line for line in lines if line.startswith("numbers"))


def test_the_plan_is_data() -> None:
    plan = make(FeaturesSpec(derived={"per": "size / rooms"}, windows=[WINDOW]), sold=Role.TIME)
    assert planner.as_plan(msgspec.json.decode(canonical_json(plan))) == plan


def test_needs_change_the_plan() -> None:
    plain, careful = make(FeaturesSpec()), make(FeaturesSpec(), Needs(scaled=True, imputed=True, one_hot=True))
    assert "missing kept" in plain.describe()[0]
    assert "scaled" in careful.describe()[0]
    assert any("one column per category" in line for line in careful.describe())


@pytest.mark.parametrize(
    ("wanted", "n_rows", "rates"), [(None, 999, False), (None, 1_000, True), (True, 10, True), (False, 9_999, False)]
)
def test_target_rates_follow_size_unless_said(wanted: bool | None, n_rows: int, rates: bool) -> None:
    plan = planner.plan(schema("y"), FeaturesSpec(target_rates=wanted), Needs(), Task.BINARY, n_rows)
    assert plan.rates_wanted is rates
    assert not planner.plan(schema(), FeaturesSpec(target_rates=True), Needs(), Task.CLUSTERING, 10).rates_wanted


@pytest.mark.parametrize(
    ("spec", "code"),
    [
        (FeaturesSpec(derived={"a": "size +"}), "expression.syntax"),
        (FeaturesSpec(derived={"a": "y == 'yes'"}), "features.target_used"),
        (FeaturesSpec(derived={"size": "rooms"}), "features.name_taken"),
        (FeaturesSpec(windows=[WINDOW]), "features.window_time"),
        (FeaturesSpec(crosses=[["place"]]), "features.cross"),
        (FeaturesSpec(crosses=[["place", "size"]]), "features.cross"),
        (FeaturesSpec(crosses=[["place", "knd"]]), "features.unknown_column"),
        (FeaturesSpec(crosses=[["place", "y"]]), "features.target_used"),
    ],
)
def test_mistakes_name_the_place_and_the_fix(spec: FeaturesSpec, code: str) -> None:
    with pytest.raises(SpecError) as caught:
        make(spec)
    assert caught.value.code == code
    assert caught.value.hint
    assert caught.value.subject.startswith("features.")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"column": "y"}, "features.target_used"),
        ({"column": "note"}, "features.window_column"),
        ({"entity": "plce"}, "features.unknown_column"),
        ({"name": "size"}, "features.name_taken"),
    ],
)
def test_window_mistakes(change: dict[str, str], code: str) -> None:
    with pytest.raises(SpecError) as caught:
        make(FeaturesSpec(windows=[msgspec.structs.replace(WINDOW, **change)]), sold=Role.TIME)
    assert caught.value.code == code


def test_later_columns_may_use_earlier_ones() -> None:
    plan = make(FeaturesSpec(derived={"per": "size / rooms", "high": "per > 10"}))
    assert [step.type for step in plan.derived] == [ColumnType.NUMBER, ColumnType.BOOLEAN]

"""The fixed portfolio: configurations in priority order, and how many rounds each gets on a table of a given size.

Who competes depends on the table, the budget that the file names and what is installed, never on the clock or on how
many cores there are: the same file plans the same models everywhere. Order and parameters come from public results
(TabArena, Erickson et al. 2025: CatBoost's defaults lead among zero-effort models, LightGBM and XGBoost reach it once
configured, extra_trees and small leaves are where LightGBM's good configurations differ most; AutoGluon's portfolio)
and from our own runs, noted in benchmarks/RESULTS.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from modelwright.core.nouns import ColumnType, Schema
from modelwright.core.ports import Needs
from modelwright.training.costs import Shape, fit_s, prepare_s, round_s, usual_rounds
from modelwright.training.units import Recipe
from modelwright.training.weighting import MIN_ROWS_TO_STOP_EARLY

#: the plain baseline learns from so many rows for each second of the budget, and never from more or fewer than these:
#: its few coefficients are known by then, and it has to be there within the first seconds
_PLAIN_ROWS_PER_S, PLAIN_ROWS = 1_000, (5_000, 50_000)
#: plans are made for this many cores, whatever the machine has
_CORES = 2
#: the largest part of the budget's CPU seconds that one configuration may plan for over all folds
_MOST_SHARE = 0.2
#: fewer rounds than this are no boosting any more, and a faster learning rate than this no good one
_LEAST_ROUNDS, _FASTEST = 40, 0.15
#: rounds times learning rate where too few rows are left to stop early by
_BLIND_STEPS = 5.0
#: above this many rows each round draws half of them, and boosters learn from fewer where time allows few rounds
_MANY_ROWS = 100_000
#: rounds below which a booster gains more by learning from half of the rows, and the rows it always learns from
_FEW_ROUNDS, _LEAST_DRAWN = 100, 50_000
#: the largest part of the budget that a fit on a single fold may plan for: another one, on all rows, follows
_MOST_OF_ONE_FOLD = 0.15
#: leaves of a forest's tree at most, so that the trees of all folds stay within a few megabytes
_FOREST_LEAVES = 400
_ROUNDS = {"lightgbm": "n_estimators", "xgboost": "n_estimators", "catboost": "iterations", "hist_gb": "max_iter"}
#: matrix columns that a column of each type becomes, with and without a column per category
_WIDTHS: dict[ColumnType, tuple[int, int]] = {
    ColumnType.CATEGORY: (1, 6),
    ColumnType.TEXT: (100, 100),
    ColumnType.DATETIME: (6, 6),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrant:
    """One configuration. `forest`: leaf sizes follow the number of rows, so that size does not."""

    name: str
    family: str
    params: Mapping[str, Any] = field(default_factory=dict)
    recipe: Recipe = "plain"
    #: budget from which it is tried, and the rows between which it is
    least_s: float = 0.0
    least_rows: int = 0
    most_rows: int | None = None
    kind: Literal["boosted", "forest", "other"] = "boosted"


PORTFOLIO: tuple[Entrant, ...] = (
    Entrant(
        name="lightgbm",
        family="lightgbm",
        params={"n_estimators": 1000, "subsample": 0.8, "colsample_bytree": 0.6},
    ),
    Entrant(
        name="xgboost-shallow",
        family="xgboost",
        params={
            "learning_rate": 0.05,
            "n_estimators": 1500,
            "max_depth": 3,
            "subsample": 0.8,
            "colsample_bytree": 0.8,
            "min_child_weight": 2.0,
        },
    ),
    Entrant(
        name="lightgbm-rich",
        family="lightgbm",
        recipe="rich",
        least_s=20.0,
        least_rows=5_000,
        params={"n_estimators": 1000, "subsample": 0.8, "colsample_bytree": 0.6},
    ),
    Entrant(name="catboost", family="catboost", params={"iterations": 1000, "border_count": 128}),
    Entrant(
        name="catboost-rich",
        family="catboost",
        recipe="rich",
        least_s=45.0,
        least_rows=5_000,
        params={"iterations": 1000, "border_count": 128},
    ),
    Entrant(
        name="xgboost-rich",
        family="xgboost",
        recipe="rich",
        least_s=45.0,
        least_rows=5_000,
        params={"learning_rate": 0.05, "n_estimators": 1000, "subsample": 0.8, "colsample_bytree": 0.6},
    ),
    Entrant(
        name="xgboost",
        family="xgboost",
        params={"learning_rate": 0.05, "n_estimators": 1000, "subsample": 0.8, "colsample_bytree": 0.6},
    ),
    Entrant(
        name="lightgbm-small",
        family="lightgbm",
        params={"num_leaves": 7, "learning_rate": 0.03, "n_estimators": 1500, "subsample": 0.8},
    ),
    Entrant(
        name="extra_trees",
        family="extra_trees",
        params={"n_estimators": 60, "max_features": 0.5, "min_samples_leaf": 3},
        kind="forest",
        most_rows=50_000,
    ),
    Entrant(
        name="lightgbm-large",
        family="lightgbm",
        least_s=20.0,
        least_rows=2_000,
        params={
            "num_leaves": 63,
            "learning_rate": 0.05,
            "n_estimators": 800,
            "colsample_bytree": 0.6,
            "subsample": 0.8,
            "min_child_samples": 10,
        },
    ),
    Entrant(
        name="mlp",
        family="mlp",
        params={"batch_size": 256, "learning_rate_init": 0.002},
        least_s=30.0,
        most_rows=30_000,
        kind="other",
    ),
    Entrant(
        name="lightgbm-extra",
        family="lightgbm",
        least_s=20.0,
        params={
            "extra_trees": True,
            "learning_rate": 0.08,
            "n_estimators": 1000,
            "num_leaves": 63,
            "min_child_samples": 5,
            "subsample": 0.8,
            "colsample_bytree": 0.8,
        },
    ),
    Entrant(name="elastic_net", family="elastic_net", least_s=20.0, kind="other"),
    Entrant(
        name="random_forest",
        family="random_forest",
        params={"n_estimators": 60, "max_features": 0.5, "min_samples_leaf": 5},
        least_s=30.0,
        kind="forest",
        most_rows=50_000,
    ),
    Entrant(
        name="catboost-shallow",
        family="catboost",
        params={"depth": 4, "iterations": 1500, "border_count": 128},
        least_s=30.0,
    ),
    Entrant(
        name="xgboost-deep",
        family="xgboost",
        least_s=60.0,
        least_rows=2_000,
        params={
            "learning_rate": 0.05,
            "n_estimators": 800,
            "max_depth": 8,
            "subsample": 0.7,
            "colsample_bytree": 0.6,
            "min_child_weight": 5.0,
            "reg_lambda": 3.0,
        },
    ),
    Entrant(name="knn", family="knn", least_s=60.0, kind="other"),
    Entrant(
        name="catboost-deep",
        family="catboost",
        params={"depth": 8, "iterations": 1000, "border_count": 64, "rsm": 0.7},
        least_s=45.0,
        least_rows=2_000,
    ),
    Entrant(
        name="lightgbm-rich-large",
        family="lightgbm",
        recipe="rich",
        least_s=45.0,
        least_rows=5_000,
        params={
            "num_leaves": 63,
            "learning_rate": 0.05,
            "n_estimators": 800,
            "colsample_bytree": 0.5,
            "subsample": 0.8,
            "min_child_samples": 10,
        },
    ),
    Entrant(name="hist_gb", family="hist_gb", params={"max_iter": 500, "max_features": 0.6}, least_s=45.0),
    Entrant(name="ebm", family="ebm", least_s=120.0, kind="other"),
    Entrant(name="svm", family="svm", least_s=120.0, kind="other"),
)


def width(schema: Schema, needs: Needs) -> int:
    """About how many matrix columns a family gets from this table."""
    return sum(_WIDTHS.get(column.type, (1, 1))[needs.one_hot] for column in schema.features)


def plain_rows(whole_s: float) -> int:
    """How many rows the plain baseline learns from at most."""
    least, most = PLAIN_ROWS
    return min(most, max(least, int(whole_s * _PLAIN_ROWS_PER_S)))


def fitted_to(entrant: Entrant, defaults: Any, shape: Shape, *, whole_s: float, n_folds: int) -> tuple[Any, int, str]:
    """Parameters for a table of this shape and a budget of `whole_s`, from how many rows it learns at most (0: all),
    or why it is left out.

    defaults: the family's parameters with the entrant's own already set. Larger tables get fewer rounds at a faster
    learning rate, and boosters there draw half of the rows each round; where even so there were hardly any rounds,
    they learn from fewer rows.
    """
    fold = shape.shared((n_folds - 1) / n_folds) if n_folds > 1 else shape
    allowed_s = whole_s * _CORES * _MOST_SHARE / max(1, n_folds)
    if n_folds == 1 and shape.n_rows > _MANY_ROWS:
        allowed_s = whole_s * _MOST_OF_ONE_FOLD
    most_rows = _drawn_rows(entrant, defaults, fold, allowed_s)
    if most_rows:
        shape = fold = shape.shared(most_rows / shape.n_rows)
    params = _for_rows(entrant, defaults, shape, fold.n_rows)
    if entrant.family in _ROUNDS:
        params = _for_time(entrant.family, params, fold, allowed_s - prepare_s(fold))
        if getattr(params, _ROUNDS[entrant.family]) < _LEAST_ROUNDS:
            return None, 0, f"too slow for {whole_s:.0f} s at {shape.n_rows:,} rows"
    elif fit_s(entrant.family, params, fold) > allowed_s:
        return None, 0, f"too slow for {whole_s:.0f} s at {shape.n_rows:,} rows"
    return params, most_rows, ""


def _drawn_rows(entrant: Entrant, params: Any, fold: Shape, allowed_s: float) -> int:
    """The rows with which a booster has time for enough rounds; 0 for all."""
    rows = fold.n_rows
    if entrant.family not in _ROUNDS or rows <= _MANY_ROWS:
        return 0
    while rows > _LEAST_DRAWN:
        drawn = fold.shared(rows / fold.n_rows)
        each_s = round_s(entrant.family, _for_rows(entrant, params, drawn, rows), drawn)
        if allowed_s - prepare_s(drawn) >= _FEW_ROUNDS * each_s:
            break
        rows = max(_LEAST_DRAWN, rows // 2)
    return 0 if rows == fold.n_rows else _plain_number(rows)


def _for_rows(entrant: Entrant, params: Any, shape: Shape, fold_rows: int) -> Any:
    if entrant.kind == "forest":
        least = max(params.min_samples_leaf, math.ceil(shape.n_rows / (1.5 * _FOREST_LEAVES)))
        return msgspec.structs.replace(params, min_samples_leaf=least)
    if entrant.family in _ROUNDS and fold_rows < MIN_ROWS_TO_STOP_EARLY:
        name, rate = _ROUNDS[entrant.family], params.learning_rate or 0.06
        return msgspec.structs.replace(params, **{name: min(getattr(params, name), math.ceil(_BLIND_STEPS / rate))})
    if entrant.family in _ROUNDS and shape.n_rows > _MANY_ROWS and hasattr(params, "subsample"):
        return msgspec.structs.replace(params, subsample=min(params.subsample, 0.5))
    return params


def _for_time(family: str, params: Any, shape: Shape, allowed_s: float) -> Any:
    """At most the rounds that fit; where these are fewer than usual, larger steps, too."""
    name = _ROUNDS[family]
    rounds, usual = getattr(params, name), usual_rounds(params)
    affordable = _plain_number(allowed_s / round_s(family, params, shape))
    if affordable >= rounds:
        return params
    changes: dict[str, Any] = {name: affordable}
    if affordable < usual:
        rate = params.learning_rate or 0.06
        changes["learning_rate"] = max(rate, min(_FASTEST, round(rate * usual / affordable, 3)))
    return msgspec.structs.replace(params, **changes)


def _plain_number(value: float) -> int:
    """Two leading digits, rounded down, at least 1: neighbouring budgets then plan the same fits."""
    whole = max(1, int(value))
    unit = int(10 ** max(0, len(str(whole)) - 2))
    return whole // unit * unit


def changed_params(params: Any) -> dict[str, Any]:
    """What differs from the family's defaults, as a file would say it."""
    plain = type(params)()
    return {
        name: value for name in params.__struct_fields__ if (value := getattr(params, name)) != getattr(plain, name)
    }

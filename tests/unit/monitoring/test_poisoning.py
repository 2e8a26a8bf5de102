"""Poisoned rows are held, honest ones and a new rule are not."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from modelwright.core.nouns import ColumnType
from modelwright.monitoring.poisoning import screen
from modelwright.spec.monitoring import RetrainingSpec

KINDS = {"a": ColumnType.NUMBER, "b": ColumnType.NUMBER, "kind": ColumnType.CATEGORY}
SPEC = RetrainingSpec(source_column="source")


def rows(n: int, seed: int, *, flipped: float = 0.0, turned: bool = False) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(50, 10, n), rng.normal(size=n)
    kind = rng.choice(["x", "y", "z"], n)
    score = (a - 50) / 10 * (-1 if turned else 1) + b + (kind == "x")
    y = (score > 0.3) ^ (rng.random(n) < flipped)
    source = rng.choice(["north", "south", "web"], n)
    return pl.DataFrame({"a": a, "b": b, "kind": kind, "y": np.where(y, "yes", "no"), "source": source})


def held(new: pl.DataFrame, old: pl.DataFrame | None = None, spec: RetrainingSpec = SPEC) -> set[str]:
    found = screen(rows(3_000, 0) if old is None else old, new, KINDS, "y", spec, classes=("no", "yes"))
    return {finding.code for finding in found if finding.blocking}


@pytest.mark.parametrize("seed", range(1, 6))
def test_honest_rows_pass(seed: int) -> None:
    assert held(rows(800, seed)) == set()


@pytest.mark.parametrize("seed", range(1, 6))
def test_labels_that_were_flipped_are_held(seed: int) -> None:
    assert held(rows(1_500, seed, flipped=0.1)) == {"retraining.label_noise"}


def test_a_new_rule_is_no_noise() -> None:
    assert held(rows(1_500, 3, turned=True)) == set()


def test_one_source_that_rules_is_held_unless_it_always_did() -> None:
    new = rows(500, 4).with_columns(
        pl.when(pl.int_range(500) < 300).then(pl.lit("web")).otherwise("source").alias("source")
    )
    assert held(new) == {"retraining.quota"}
    alone = [frame.with_columns(pl.lit("web").alias("source")) for frame in (rows(3_000, 0), rows(500, 4))]
    mixed = [pl.concat([frame, rows(100, 9)]) for frame in alone]
    assert held(mixed[1], mixed[0]) == set()
    assert held(rows(500, 4), spec=RetrainingSpec(source_column=None)) == set()


def test_a_flood_of_near_copies_is_held() -> None:
    rng = np.random.default_rng(5)
    flood = pl.concat([rows(1, 6)] * 200).with_columns(pl.col("a") + pl.Series(rng.normal(0, 0.001, 200)))
    assert "retraining.duplicates" in held(pl.concat([rows(400, 7), flood]))


def test_another_unit_and_a_lost_column_are_held() -> None:
    assert "retraining.unit" in held(rows(800, 8).with_columns(pl.col("a") * 1_000))
    assert "retraining.contract" in held(rows(800, 8).with_columns(pl.lit(None, pl.Float64).alias("b")))


def test_few_rows_are_undecided_not_passed_in_silence() -> None:
    found = screen(rows(3_000, 0), rows(20, 1), KINDS, "y", SPEC, classes=("no", "yes"))
    assert {finding.code for finding in found if finding.undecided} == {
        "retraining.duplicates",
        "retraining.label_noise",
    }

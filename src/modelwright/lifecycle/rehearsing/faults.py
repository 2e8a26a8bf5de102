"""What can go wrong on purpose: in what the new version answers, or in the rows that both get."""

from __future__ import annotations

from typing import Literal

import msgspec
import numpy as np
import polars as pl

Kind = Literal["drift", "errors", "latency", "worse"]


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """`strength`: errors, the share of requests that fail; worse, the share of rows that get another row's answer;
    latency, by how many times slower; drift, by how many standard deviations the numbers move."""

    kind: Kind
    strength: float
    from_row: int


USUAL = {"errors": 0.1, "worse": 0.3, "latency": 5.0, "drift": 1.0}


def drifted(rows: pl.DataFrame, names: list[str], faults: tuple[Fault, ...]) -> pl.DataFrame:
    """The number columns moved from a row on: what both versions then get."""
    for fault in faults:
        if fault.kind != "drift":
            continue
        late = pl.int_range(pl.len()) >= fault.from_row
        rows = rows.with_columns(
            pl.when(late)
            .then(pl.col(name) + fault.strength * pl.col(name).std().fill_null(0.0))
            .otherwise(pl.col(name))
            for name in names
            if rows[name].dtype.is_float()
        )
    return rows


def injected(answers: pl.DataFrame, faults: tuple[Fault, ...], seed: int) -> pl.DataFrame:
    """Of the new version only. answers: in the log's form, with `missed` and `latency_us`, in the order of the rows."""
    rng = np.random.default_rng(seed)
    n = answers.height
    for fault in faults:
        late = np.arange(n) >= fault.from_row
        if fault.kind == "errors":
            hit = pl.Series(late & (rng.random(n) < fault.strength))
            answers = answers.with_columns(missed=pl.col("missed") | hit)
        elif fault.kind == "latency":
            slower = pl.Series(np.where(late, fault.strength, 1.0))
            answers = answers.with_columns(latency_us=(pl.col("latency_us") * slower).cast(pl.Int64))
        elif fault.kind == "worse":
            places = np.arange(n)
            hit_at = np.flatnonzero(late & (rng.random(n) < fault.strength))
            places[hit_at] = rng.permutation(hit_at)
            said = [name for name in answers.columns if name in ("prediction", "value") or name.startswith("p_")]
            answers = answers.with_columns(answers[name].gather(places).alias(name) for name in said)
    return answers

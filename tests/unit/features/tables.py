"""Small tables for the tests of features, and the roads a fitted part can be run on."""

# ruff: noqa: DTZ001 - naive UTC is the storage of a datetime column
from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from modelwright.core.nouns import Column, ColumnType, Role, Schema

DATA = Path(__file__).parents[4] / "shared" / "data"
N, C, B, T, D = (
    ColumnType.NUMBER,
    ColumnType.CATEGORY,
    ColumnType.BOOLEAN,
    ColumnType.TEXT,
    ColumnType.DATETIME,
)
TYPES = {"size": N, "rooms": N, "new": B, "place": C, "kind": C, "note": T, "sold": D}


def sample(n: int = 240, seed: int = 0) -> pl.DataFrame:
    """Every column type, with missing values, in storage order of `TYPES`."""
    rng = np.random.default_rng(seed)
    words = ["bright", "quiet", "near the station", "garden", "old house", "renovated", "Garage, quiet"]

    def holes(values: list[Any], share: float = 0.1) -> list[Any]:
        return [None if rng.random() < share else value for value in values]

    start = datetime(2019, 12, 20)
    return pl.DataFrame(
        {
            "size": pl.Series(holes(rng.lognormal(4, 1, n).tolist()), dtype=pl.Float64),
            "rooms": pl.Series(holes(rng.integers(1, 9, n).tolist()), dtype=pl.Int64),
            "new": pl.Series(holes((rng.random(n) < 0.3).tolist()), dtype=pl.Boolean),
            "place": pl.Series(holes([f"town {i}" for i in rng.integers(0, 60, n)]), dtype=pl.String),
            "kind": pl.Series(holes([["flat", "house", "loft é"][i] for i in rng.integers(0, 3, n)]), dtype=pl.String),
            "note": pl.Series(
                holes([" ".join(rng.choice(words, 3)) for _ in range(n)]),
                dtype=pl.String,
            ),
            "sold": pl.Series(
                holes([start + timedelta(hours=float(h)) for h in rng.uniform(0, 24 * 900, n)]), dtype=pl.Datetime("us")
            ),
        }
    )


def schema(target: str | None = None, types: dict[str, ColumnType] | None = None, **roles: Role) -> Schema:
    columns = [
        Column(name=name, type=kind, role=roles.get(name, Role.FEATURE)) for name, kind in (types or TYPES).items()
    ]
    if target is not None:
        columns.append(Column(name=target, type=C, role=Role.TARGET))
    return Schema(columns=tuple(columns))


def run_graph(part: Any, frame: pl.DataFrame, types: dict[str, ColumnType]) -> np.ndarray:
    """Run a part's graph with the real builder and the real runtime."""
    import onnxruntime

    from modelwright.registry.graph import OnnxBuilder

    builder = OnnxBuilder()
    content = builder.build({"probabilities": (part.graph(builder), "DOUBLE")})
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    feeds = {tensor: _feed(frame[name], types[name]) for name, tensor in builder.inputs.items()}
    return session.run(None, feeds)[0]


def _feed(series: pl.Series, kind: ColumnType) -> np.ndarray:
    if kind in (C, T):
        return np.array(series.fill_null("").to_list(), dtype=object)[:, None]
    if kind is D:
        series = series.cast(pl.Datetime("us")).to_physical()
    return series.cast(pl.Float64).to_numpy().astype(np.float64)[:, None]

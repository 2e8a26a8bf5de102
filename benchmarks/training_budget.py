"""Does training keep its time? Trains a bundled table at several budgets and prints promise, truth and overhead.

    python benchmarks/training_budget.py [BUDGET_S ...]

Promise: wall time at most 1.05 x budget + 2 s, a model on every run. `outside` is wall time in which no worker was
fitting, as a share of the wall time: fits run side by side, so it is wall minus (fit seconds / workers).
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

from modelwright.core.nouns import Column, ColumnType, Role, Schema, Task
from modelwright.spec.model import FeaturesSpec
from modelwright.training.capacity import cores
from modelwright.training.engine import train
from modelwright.training.request import TrainRequest

N_ROWS = 7_000


def table(seed: int = 0) -> tuple[pl.DataFrame, np.ndarray, Schema]:
    """7,000 rows of 12 numbers and 4 categories with an interaction, as large as the table of the 60 s promise."""
    rng = np.random.default_rng(seed)
    numbers = rng.normal(size=(N_ROWS, 12))
    kinds = rng.integers(0, 8, size=(N_ROWS, 4))
    margin = numbers[:, 0] * (kinds[:, 0] > 3) + np.sin(2 * numbers[:, 1]) + 0.5 * numbers[:, 2] - 0.8
    y = (margin + rng.logistic(size=N_ROWS) > 0).astype(np.int64)
    columns = {f"n{at}": numbers[:, at] for at in range(12)}
    columns |= {f"k{at}": [f"level {value}" for value in kinds[:, at]] for at in range(4)}
    frame = pl.DataFrame({**columns, "answer": [("no", "yes")[value] for value in y]})
    kinds_of = [
        Column(
            name=name,
            type=ColumnType.NUMBER if name.startswith("n") else ColumnType.CATEGORY,
            role=Role.TARGET if name == "answer" else Role.FEATURE,
        )
        for name in frame.columns
    ]
    return frame, y, Schema(columns=tuple(kinds_of))


def main(budgets: list[float]) -> int:
    frame, y, schema = table()
    part = np.arange(N_ROWS) % 5
    folds = [(np.flatnonzero(part != k), np.flatnonzero(part == k)) for k in range(5)]
    late = 0
    print(f"{'budget s':>9} {'wall s':>7} {'limit s':>8} {'kept':>5} {'outside':>8} {'tried':>6}  chosen")
    for budget_s in budgets:
        with tempfile.TemporaryDirectory() as cache:
            request = TrainRequest(
                frame=frame,
                y=y,
                schema=schema,
                task=Task.BINARY,
                classes=("no", "yes"),
                metric="roc_auc",
                folds=folds,
                features=FeaturesSpec(target="answer"),
                cache=Path(cache),
                budget_s=budget_s,
            )
            started = time.monotonic()
            found = train(request)
            wall_s = time.monotonic() - started
        limit_s = 1.05 * budget_s + 2.0
        late += wall_s > limit_s
        outside = max(0.0, 1 - found.timings_s["fits"] / cores() / wall_s)
        tried = sum(row.status == "done" for row in found.leaderboard)
        kept = "yes" if wall_s <= limit_s else "NO"
        print(
            f"{budget_s:9.1f} {wall_s:7.2f} {limit_s:8.2f} {kept:>5} {outside:8.1%} {tried:6d}  {found.chosen_family}"
        )
    return 1 if late else 0


if __name__ == "__main__":
    sys.exit(main([float(word) for word in sys.argv[1:]] or [1.0, 5.0, 10.0, 20.0, 60.0]))

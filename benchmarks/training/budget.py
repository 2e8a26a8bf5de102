"""Does training keep its time, with a model on every run? Promise, truth and overhead at several budgets and sizes.

    python benchmarks/training/budget.py [BUDGET_S ...] [--tables TABLE ...] [--rows N] [--busy N] [--trace]

Promise: wall time at most 1.05 x budget + 2 s and a valid model (it answers all rows with finite numbers), from 10 s to
600 s, up to 500,000 rows, idle or beside `--busy` processes that burn a core each. `small` is a made table of 7,000
rows, `big` one of 500,000 x 30 (`--rows` takes the first N); any name from tables.py works, with its training rows.
`outside` is wall time in which no worker was fitting, as a share: fits run side by side, so it is wall minus (fit
seconds / workers). `--trace` prints what training says as it goes, with the seconds.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import tables as known
from numpy.typing import NDArray
from watch import busy

from modelwright.core.nouns import Column, ColumnType, Role, Schema, Task
from modelwright.spec.model import FeaturesSpec
from modelwright.training.capacity import cores
from modelwright.training.engine import train
from modelwright.training.request import Trained, TrainProgress, TrainRequest

_KEPT_SHARE, _KEPT_S = 1.05, 2.0
TASKS = {"binary": Task.BINARY, "multiclass": Task.MULTICLASS, "regression": Task.REGRESSION}


def small(n: int = 7_000) -> pl.DataFrame:
    """12 numbers and 4 categories with an interaction, as large as the table of the 60 s promise."""
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(n, 12))
    kinds = rng.integers(0, 8, size=(n, 4))
    margin = numbers[:, 0] * (kinds[:, 0] > 3) + np.sin(2 * numbers[:, 1]) + 0.5 * numbers[:, 2] - 0.8
    y = (margin + rng.logistic(size=n) > 0).astype(np.int64)
    columns = {f"n{at}": numbers[:, at] for at in range(12)}
    levels = {f"k{at}": [f"level {value}" for value in kinds[:, at]] for at in range(4)}
    return pl.DataFrame({**columns, **levels, "y": y})


SMALL = known.Table(name="small", target="y", task="binary", metric="roc_auc", make=small)


def schema_of(frame: pl.DataFrame, target: str) -> Schema:
    return Schema(
        columns=tuple(
            Column(
                name=name,
                type=ColumnType.NUMBER if kind.is_numeric() else ColumnType.CATEGORY,
                role=Role.TARGET if name == target else Role.FEATURE,
            )
            for name, kind in frame.schema.items()
        )
    )


def request_of(table: known.Table, frame: pl.DataFrame, budget_s: float, cache: Path) -> TrainRequest:
    """All rows of the frame for development, five drawn folds, everything else as by default."""
    task = TASKS[table.task]
    classes: tuple[str, ...] = ()
    y: NDArray[Any] = frame[table.target].to_numpy()
    if task.is_classification:
        labels = frame[table.target].cast(pl.String)
        classes = tuple(sorted(labels.unique()))
        frame = frame.with_columns(labels.alias(table.target))
        y = labels.cast(pl.Enum(classes)).to_physical().cast(pl.Int64).to_numpy()
    else:
        y = y.astype(np.float64)
    part = np.random.default_rng(0).permutation(frame.height) % 5
    return TrainRequest(
        frame=frame,
        y=y,
        schema=schema_of(frame, table.target),
        task=task,
        classes=classes,
        metric=table.metric,
        folds=[(np.flatnonzero(part != k), np.flatnonzero(part == k)) for k in range(5)],
        features=FeaturesSpec(target=table.target),
        cache=cache,
        budget_s=budget_s,
    )


def tracing(started: float) -> Callable[[TrainProgress], None]:
    def say(event: TrainProgress) -> None:
        print(f"    {time.monotonic() - started:7.2f} s  {event.message}", file=sys.stderr, flush=True)

    return say


def valid(found: Trained, frame: pl.DataFrame) -> bool:
    """The model answers with finite numbers."""
    answers = found.model.predict(frame.head(1_000))
    values = answers.probabilities if answers.probabilities is not None else answers.values
    return values is not None and bool(np.isfinite(values).all())


def _cpu_s() -> float:
    parts = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(part.ru_utime + part.ru_stime for part in parts)


def one(table: known.Table, frame: pl.DataFrame, budget_s: float, n_busy: int, trace: bool) -> bool:
    """One training; prints its line, says whether the promise was kept."""
    limit_s = _KEPT_SHARE * budget_s + _KEPT_S
    with (
        tempfile.TemporaryDirectory() as cache,
        busy(n_busy, limit_s * 4 + 120),
    ):
        request = request_of(table, frame, budget_s, Path(cache))
        started, cpu = time.monotonic(), _cpu_s()
        if trace:
            request = replace(request, progress=tracing(started))
        try:
            found = train(request)
        except Exception as error:  # noqa: BLE001  no model is a result too
            wall_s = time.monotonic() - started
            print(f"{table.name:13s} {budget_s:6.0f} {wall_s:8.2f} {limit_s:8.2f}    NO MODEL: {error}", flush=True)
            return False
        wall_s = time.monotonic() - started
        cpu = _cpu_s() - cpu
        good = valid(found, frame)
    outside = max(0.0, 1 - found.timings_s["fits"] / cores() / wall_s)
    tried = sum(row.status == "done" for row in found.leaderboard)
    kept = wall_s <= limit_s and good
    marks = " ".join(
        f"{name} {seconds:.1f}" for name, seconds in found.timings_s.items() if name not in ("fits", "total")
    )
    print(
        f"{table.name:13s} {budget_s:6.0f} {wall_s:8.2f} {limit_s:8.2f} {'yes' if wall_s <= limit_s else 'NO':>5}"
        f" {'yes' if good else 'NO':>5} {outside:8.0%} {cpu:7.1f} {tried:6d}  {found.chosen_family:12s} {marks}",
        flush=True,
    )
    return kept


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("budgets", nargs="*", type=float, default=[10.0, 20.0, 60.0], metavar="BUDGET_S")
    parser.add_argument(
        "--tables", nargs="+", default=["small", "big"], choices=["small", *known.TABLES], metavar="TABLE"
    )
    parser.add_argument("--rows", type=int, help="the first N rows of each table only")
    parser.add_argument("--busy", type=int, default=0, metavar="N")
    parser.add_argument("--trace", action="store_true")
    asked = parser.parse_args()
    late = 0
    print(f"{'table':13s} {'budget':>6} {'wall s':>8} {'limit s':>8} {'kept':>5} {'valid':>5} {'outside':>8} "
          f"{'CPU s':>7} {'tried':>6}  {'chosen':12s} seconds by step")  # fmt: skip
    for name in asked.tables:
        table = SMALL if name == "small" else known.TABLES[name]
        frame = table.make() if name in ("small", "big") else table.parts(0)[0]
        frame = frame.head(asked.rows) if asked.rows else frame
        for budget_s in asked.budgets:
            late += not one(table, frame, budget_s, asked.busy, asked.trace)
    return 1 if late else 0


if __name__ == "__main__":
    raise SystemExit(main())

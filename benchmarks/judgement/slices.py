"""Weak slices: how many planted ones are found, and how many runs with nothing planted report one.

`python benchmarks/judgement/slices.py [REPEATS]`. Planted: conjunctions of one to three conditions that hold about 3 %
of the rows, where the error is twice, two and a half and three times the usual one. Found: a confirmed slice of which
at least half lies in the planted rows and which holds at least half of them. Null: errors that depend on no column, and
errors that grow towards the border between the classes, as every real model's do.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from modelwright.core.nouns import Task
from modelwright.evaluation.slice_codes import encode
from modelwright.evaluation.weak_slices import Judged, weak_slices

Mask = NDArray[np.bool_]


def table(rng: np.random.Generator, n: int, columns: int = 20) -> pl.DataFrame:
    """Numbers of three shapes with gaps in one, and categories with few and with many values."""
    made: dict[str, Any] = {}
    for number in range(columns):
        kind = number % 4
        if kind == 0:
            made[f"c{number}"] = rng.choice([f"v{k}" for k in range(3 + number)], n)
        elif kind == 1:
            made[f"c{number}"] = rng.normal(size=n)
        elif kind == 2:
            made[f"c{number}"] = rng.gamma(2.0, 10.0, n)
        else:
            made[f"c{number}"] = pl.Series(
                np.where(rng.random(n) < 0.15, np.nan, rng.uniform(size=n)), nan_to_null=True
            )
    return pl.DataFrame(made)


def planted(frame: pl.DataFrame, rng: np.random.Generator, depth: int, share: float = 0.03) -> Mask:
    """Rows of a conjunction of `depth` conditions on different columns, about `share` of all."""
    names = rng.permutation(frame.columns)[:depth]
    each = share ** (1 / depth)
    rows = np.ones(frame.height, dtype=bool)
    for name in names:
        series = frame[str(name)]
        if series.dtype == pl.String:
            words = rng.permutation(np.unique(series.to_numpy()))
            sizes = np.array([float((series == word).mean() or 0.0) for word in words])
            rows &= (series == words[int(np.argmin(np.abs(sizes - each)))]).to_numpy()
        else:
            known = series.drop_nulls().to_numpy()
            start = rng.uniform(0, 1 - each)
            low, high = np.quantile(known, [start, start + each])
            rows &= ((series > low) & (series <= high)).fill_null(False).to_numpy()
    return rows


def judged(rng: np.random.Generator, task: Task, n: int, worse: float, depth: int) -> tuple[Judged, Mask]:
    frame = table(rng, n)
    rows = planted(frame, rng, depth) if depth else np.zeros(n, dtype=bool)
    while depth and not 0.025 <= rows.mean() <= 0.045:
        rows = planted(frame, rng, depth)
    signal = frame["c1"].to_numpy() + 0.5 * frame["c5"].to_numpy()
    if task is Task.REGRESSION:
        error = rng.standard_t(3, n) * np.where(rows, worse, 1.0)
        return Judged(frame=frame, columns=frame.columns, loss=np.abs(error), truth=signal + error, task=task), rows
    levels = 2 if task is Task.BINARY else 4
    truth = np.digitize(signal, np.quantile(signal, np.linspace(0, 1, levels + 1)[1:-1]))
    rate = np.where(rows, 0.1 * worse, 0.1)
    wrong = rng.random(n) < rate
    return Judged(frame=frame, columns=frame.columns, loss=wrong.astype(float), truth=truth, task=task), rows


def border(rng: np.random.Generator, n: int) -> Judged:
    """The best possible answers to a question with noise: wrong mostly where the classes meet."""
    frame = table(rng, n)
    signal = frame["c1"].to_numpy() + 0.5 * frame["c5"].to_numpy() + 0.03 * (frame["c2"].to_numpy() - 20)
    p = 1 / (1 + np.exp(-2 * signal))
    truth = (rng.random(n) < p).astype(np.int64)
    loss = (truth != (p > 0.5)).astype(float)
    return Judged(frame=frame, columns=frame.columns, loss=loss, truth=truth, task=Task.BINARY)


def matched(found: Any, frame: pl.DataFrame, rows: Mask) -> bool:
    columns = encode(frame, frame.columns)
    words = {(column.name, column.text(at)): (column, at) for column in columns for at in range(len(column.atoms))}
    for one in found:
        if not one.confirmed:
            continue
        mask = np.ones(frame.height, dtype=bool)
        for name, text in zip(one.columns, one.condition.split(" and "), strict=True):
            column, at = words[name, text]
            mask &= column.rows(at)
        both = float((mask & rows).sum())
        if both >= 0.5 * mask.sum() and both >= 0.5 * rows.sum():
            return True
    return False


def rate(repeats: int, once: Callable[[int], bool]) -> float:
    return sum(once(seed) for seed in range(repeats)) / repeats


def main() -> None:
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    print(
        "| task | rows | error | depth 1 | depth 2 | depth 3 | nothing planted |\n|---|---:|---:|---:|---:|---:|---:|"
    )
    started, runs = time.process_time(), 0
    for task in (Task.BINARY, Task.MULTICLASS, Task.REGRESSION):
        for n, worse in ((20_000, 2.0), (20_000, 2.5), (7_000, 3.0)):

            def once(seed: int, depth: int, task: Task = task, n: int = n, worse: float = worse) -> bool:
                case, rows = judged(np.random.default_rng(seed + 1000 * depth), task, n, worse, depth)
                found = weak_slices(case, seed=seed)
                return matched(found, case.frame, rows) if depth else any(one.confirmed for one in found)

            cells = [rate(repeats, lambda seed, depth=depth: once(seed, depth)) for depth in (1, 2, 3, 0)]
            runs += 4 * repeats
            print(
                f"| {task.value} | {n:,} | x {worse:g} | " + " | ".join(f"{cell:.0%}" for cell in cells) + " |",
                flush=True,
            )
    for n in (7_000, 20_000):
        false = rate(
            repeats,
            lambda seed, n=n: any(
                one.confirmed for one in weak_slices(border(np.random.default_rng(seed), n), seed=seed)
            ),
        )
        runs += repeats
        print(f"\nNothing planted, errors at the border, {n:,} rows: {false:.0%} report a slice.")
    print(f"CPU: {(time.process_time() - started) / runs:.2f} s a case, drawing the table included.")


if __name__ == "__main__":
    main()

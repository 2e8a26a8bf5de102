"""Robustness: is the field whose absence breaks a model named first, and is a field that does nothing left in peace.

`python benchmarks/judgement/robustness.py [REPEATS]`. Each repeat draws a table in which one column of six, a number or
a category, carries most of the answer, fits a model of our own, and disturbs 1,000 rows it has not seen.
"""

from __future__ import annotations

import sys
import time

import numpy as np
import polars as pl
from tests.unit.evaluation.evaluation_models import dataset
from tests.unit.registry.bundle_parts import Table, model

from modelwright.core.nouns import ColumnType, Task
from modelwright.evaluation.importance import permutation
from modelwright.evaluation.robustness import Sample, robustness

_NAMES = ("a", "b", "c", "d", "e", "f")


def table(seed: int, n: int = 3_000) -> tuple[Table, str]:
    rng = np.random.default_rng(seed)
    kinds = {name: ColumnType.CATEGORY if at % 3 == 2 else ColumnType.NUMBER for at, name in enumerate(_NAMES)}
    made = {}
    for name, kind in kinds.items():
        made[name] = rng.choice(["u", "v", "w", "x"], n) if kind is ColumnType.CATEGORY else rng.normal(size=n)
    main = str(rng.choice(_NAMES[:-1]))  # the last one never does anything
    effect = {name: (made[name] < "w") * 2.0 - 1 if made[name].dtype.kind == "U" else made[name] for name in _NAMES}
    score = 3 * effect[main] + sum(0.4 * effect[name] for name in _NAMES[:-1]) + rng.logistic(size=n)
    y = (score > 0).astype(np.int64)
    return Table(frame=pl.DataFrame(made), types=kinds, task=Task.BINARY, y=y, classes=("no", "yes")), main


def main() -> None:
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    print("| family | broken field named first | idle field above 0.02 | CPU s |\n|---|---:|---:|---:|")
    for family in ("lightgbm", "logistic"):
        named = idle = 0
        spent = 0.0
        for seed in range(repeats):
            whole, field = table(seed)
            learn = Table(
                frame=whole.frame[:2000], types=whole.types, task=whole.task, y=whole.y[:2000], classes=whole.classes
            )
            fitted = model(learn, (family,))
            held = Table(
                frame=whole.frame[2000:], types=whole.types, task=whole.task, y=whole.y[2000:], classes=whole.classes
            )
            ranked = permutation(fitted.predict, dataset(held), held.y, "roc_auc", seed=seed)
            sample = Sample(
                frame=held.frame,
                y=held.y,
                predict=fitted.predict,
                signature=fitted.signature,
                important=[one.column for one in ranked],
                metric="roc_auc",
            )
            started = time.process_time()
            found = robustness(sample, seed=seed)
            spent += time.process_time() - started
            falls = {one.subject: one.fall for one in found if one.kind == "missing" and one.subject != "all"}
            named += max(falls, key=lambda name: falls[name]) == f"column:{field}"
            idle += abs(falls["column:f"]) > 0.02
        print(f"| {family} | {named / repeats:.0%} | {idle / repeats:.0%} | {spent / repeats:.2f} |", flush=True)


if __name__ == "__main__":
    main()

"""The table that servers are compared on: 12 numbers, 8 categories, two classes; a few values missing. Rows by seed.

python benchmarks/serving/table.py FOLDER     # writes train.csv, row.json and rows.json (bodies per dialect)
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

NUMBERS = [f"n{i}" for i in range(12)]
CATEGORIES = [f"c{i}" for i in range(8)]
_LEVELS = (2, 3, 4, 6, 8, 12, 25, 40)
TARGET = "bought"


def rows(n: int, seed: int) -> list[dict[str, Any]]:
    """n rows with the target; about 2 % of the numbers are missing."""
    rng = np.random.default_rng(seed)
    effects = np.random.default_rng(7)
    numbers = rng.normal(size=(n, len(NUMBERS))) * (1 + np.arange(len(NUMBERS)))
    levels = [rng.integers(0, size, n) for size in _LEVELS]
    score = np.sin(numbers[:, 0] * 2) + 0.3 * numbers[:, 1] - 0.02 * numbers[:, 2] * numbers[:, 3]
    for level, size in zip(levels, _LEVELS, strict=True):
        score = score + effects.normal(size=size)[level]
    bought = rng.random(n) < 1 / (1 + np.exp(-score + score.mean()))
    blank = rng.random(numbers.shape) < 0.02
    return [
        {
            **{name: None if blank[i, j] else round(float(numbers[i, j]), 4) for j, name in enumerate(NUMBERS)},
            **{name: f"level {levels[j][i]}" for j, name in enumerate(CATEGORIES)},
            TARGET: "yes" if bought[i] else "no",
        }
        for i in range(n)
    ]


def write(folder: Path) -> None:
    """train.csv for every trainer, and asked.json: 100 rows without the target, for the requests."""
    folder.mkdir(parents=True, exist_ok=True)
    made = rows(20_000, 0)
    names = [*NUMBERS, *CATEGORIES, TARGET]
    lines = [",".join(names)]
    lines += [",".join("" if row[name] is None else str(row[name]) for name in names) for row in made]
    (folder / "train.csv").write_text("\n".join(lines) + "\n")
    asked = [{name: value for name, value in row.items() if name != TARGET} for row in rows(100, 1)]
    (folder / "asked.json").write_text(json.dumps(asked))


if __name__ == "__main__":
    write(Path(sys.argv[1]))

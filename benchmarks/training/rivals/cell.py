"""What every tool is asked and what it prints: one table, one budget, one JSON object on the last line.

Runs inside the tool's own environment, so it imports nothing but numpy, pandas and the standard library. Answers for
the test rows are written as they are (`answers.npy`); they are scored elsewhere, by one code for all tools.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import resource
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

LATENCY_S = 5.0
MOST_ROWS = 200


@dataclass(frozen=True)
class Cell:
    """One order. `classes` are the labels as texts, sorted; empty for numbers."""

    train: str
    test: str
    target: str
    task: str
    metric: str
    budget_s: float
    seed: int
    cores: int
    work: str  # an empty folder for whatever the tool writes
    answers: str
    classes: list[str]
    option: str = ""


class Tool(Protocol):
    """A rival behind four methods."""

    packages: tuple[str, ...]

    def fit(self, cell: Cell, frame: pd.DataFrame) -> None: ...

    def answer(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """Values, or one column of probabilities per class in the order of `Cell.classes`."""

    def settle(self) -> dict[str, Any]:
        """Save or pack the model; says `artefact_bytes` and whatever else is worth knowing."""

    def serve(self) -> None:
        """Whatever the tool's documentation says to do before answering single rows."""


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "absent"


def cpu_s() -> float:
    """Processor seconds of this process and of all children that have ended."""
    own, others = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime


def bytes_under(folder: str | Path) -> int:
    return sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())


def in_order(found: NDArray[Any], labels: list[Any], classes: list[str]) -> NDArray[np.float64]:
    """Columns of probabilities by `classes`; a class that the tool has dropped gets zero."""
    out = np.zeros((len(found), len(classes)))
    for at, label in enumerate(labels):
        out[:, classes.index(str(label))] = found[:, at]
    return out


def _latency_us(tool: Tool, frame: pd.DataFrame) -> tuple[float, int]:
    """Median microseconds of one row at a time, over different rows; bounded, because some take half a second."""
    rows = [frame.iloc[at : at + 1] for at in range(min(MOST_ROWS, len(frame)))]
    for row in rows[:3]:
        tool.answer(row)
    taken: list[float] = []
    until = time.monotonic() + LATENCY_S
    for row in rows:
        started = time.perf_counter()
        tool.answer(row)
        taken.append(time.perf_counter() - started)
        if time.monotonic() > until:
            break
    return float(np.median(taken) * 1e6), len(taken)


def _measured(tool: Tool, cell: Cell, out: dict[str, Any]) -> None:
    train = pd.read_parquet(cell.train)
    test = pd.read_parquet(cell.test).drop(columns=[cell.target])
    out["versions"] = {name: _version(name) for name in tool.packages}
    wall, cpu = time.monotonic(), cpu_s()
    tool.fit(cell, train)
    out["fit_wall_s"], out["fit_cpu_s"] = time.monotonic() - wall, cpu_s() - cpu
    out |= tool.settle()
    wall = time.monotonic()
    found = tool.answer(test)
    out["batch_us_per_row"] = (time.monotonic() - wall) / len(test) * 1e6
    np.save(cell.answers, found)
    tool.serve()
    out["row_us"], out["row_us_n"] = _latency_us(tool, test)
    out["ok"] = bool(np.isfinite(found).all())
    if not out["ok"]:
        out["failure"] = f"{int((~np.isfinite(found)).sum())} answers are not finite"


def main(tool: Tool) -> int:
    """Read the cell named on the command line, fit, answer, print. A failure is a result, with its text."""
    cell = Cell(**json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    out: dict[str, Any] = {"ok": False, "python": sys.version.split()[0]}
    try:
        _measured(tool, cell, out)
    except BaseException as error:  # noqa: BLE001  a rival may end itself by SystemExit; that too is a failure
        last = traceback.format_exception(error)[-1].strip()
        out["ok"] = False
        out["failure"] = f"{last[:600]} | {traceback.format_exc()[-1_500:]}"
    out["peak_rss_bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    sys.stdout.flush()
    print("\n" + json.dumps(out), flush=True)
    os._exit(0 if out["ok"] else 1)  # some leave threads behind that would keep the process

"""How often drift alarms on clean windows, and how often it sees a known change: figures for docs/explanation/drift.md.

python benchmarks/monitoring/drift.py rates [TRIALS]     # false alarms and power, seconds to minutes
python benchmarks/monitoring/drift.py speed              # 1 million rows x 30 columns against a frozen state
python benchmarks/monitoring/drift.py against PYTHON [ROWS]  # the same beside Evidently, installed for that PYTHON
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from modelwright.lifecycle.drifting import of_table
from modelwright.monitoring.drift_tables import Options, drift_of
from modelwright.monitoring.windows import width

FEATURES = 50
Make = Callable[[np.random.Generator, int], pl.DataFrame]


def stable(rng: np.random.Generator, rows: int) -> pl.DataFrame:
    """Independent rows: normal, skewed, counted, categorical."""
    return pl.DataFrame({f"x{at}": _values(rng, rows, at) for at in range(FEATURES)})


def _values(rng: np.random.Generator, rows: int, at: int) -> Any:
    kind = at % 5
    if kind == 1:
        return rng.lognormal(0, 1.0, rows)
    if kind == 2:
        return rng.poisson(3, rows)
    if kind == 3:
        return rng.choice(list("abcdefgh"), rows, p=[0.3, 0.2, 0.15, 0.1, 0.1, 0.08, 0.05, 0.02])
    if kind == 4:
        return np.where(rng.random(rows) < 0.1, np.nan, rng.normal(size=rows))
    return rng.normal(size=rows)


def autocorrelated(phi: float) -> Make:
    def make(rng: np.random.Generator, rows: int) -> pl.DataFrame:
        from scipy.signal import lfilter

        noise = rng.normal(size=(rows + 500, FEATURES)) * np.sqrt(1 - phi**2)
        series = lfilter([1.0], [1.0, -phi], noise, axis=0)[500:]
        return pl.DataFrame({f"x{at}": series[:, at] for at in range(FEATURES)})

    return make


def timed(days: int, a_day: int, *, seasonal: float = 0.0, day_effect: float = 0.0) -> Make:
    """Rows over days with a daily and weekly wave and a random effect per day, in units of the sd within a day."""

    def make(rng: np.random.Generator, start: int) -> pl.DataFrame:
        at = np.sort(rng.random(days * a_day) * days) + start
        wave = np.sin(2 * np.pi * at)[:, None] + 0.7 * (np.floor(at) % 7 >= 5)[:, None]
        effect = rng.normal(size=(days + 1, FEATURES))[(at - start).astype(int)] * day_effect
        phase = rng.random(FEATURES)[None, :] * 0 + np.linspace(0.2, 1.0, FEATURES)[None, :]
        values = rng.normal(size=(at.size, FEATURES)) + seasonal * wave * phase + effect
        moments = pl.Series("at", (at * 86_400e6).astype(np.int64)).cast(pl.Datetime("us"))
        return pl.DataFrame([moments, *(pl.Series(f"x{k}", values[:, k]) for k in range(FEATURES))])

    return make


class Rate:
    def __init__(self) -> None:
        self.windows = self.seen = self.alarms = self.tables = self.alarmed = 0

    def add(self, report: Any) -> None:
        decided = [window for window in report.windows if not window.undecided]
        self.windows += len(decided)
        self.alarms += sum(window.alarm for window in decided)
        self.seen += sum(any(each.seen for each in window.features) for window in decided)
        self.tables += 1
        self.alarmed += any(window.alarm for window in decided)

    def told(self) -> dict[str, Any]:
        return {
            "windows": self.windows,
            "seen_share": round(self.seen / max(self.windows, 1), 4),
            "alarm_share": round(self.alarms / max(self.windows, 1), 4),
            "tables": self.tables,
            "alarmed_share": round(self.alarmed / max(self.tables, 1), 4),
        }


def rate(
    reference: Make,
    current: Make,
    trials: int,
    *,
    sizes: tuple[int, int],
    window: str | None = None,
    time_column: str | None = None,
    change: Callable[[pl.DataFrame], pl.DataFrame] | None = None,
    joint: bool = False,
    references: int = 8,
) -> dict[str, Any]:
    """Each reference is compared with trials/references current tables."""
    found, spent = Rate(), time.process_time()
    for seed in range(references):
        past, learned = reference(np.random.default_rng([1, seed]), sizes[0]), None
        known = None
        for trial in range(max(1, trials // references)):
            now = current(np.random.default_rng([2, seed, trial]), sizes[1])
            now = now if change is None else change(now)
            known = of_table(past, now, time=time_column, ignore=()) if known is None else known
            report = drift_of(known, now, Options(window=width(window), joint=joint), learned)
            learned = report.learned
            found.add(report)
    return found.told() | {"cpu_s": round(time.process_time() - spent, 1)}


def shifted(by: float) -> Callable[[pl.DataFrame], pl.DataFrame]:
    return lambda frame: frame.with_columns(pl.col("x0") + by)


def rates(trials: int) -> None:
    flat: dict[str, Any] = {"reference": stable, "current": stable}
    cases: dict[str, Callable[[], dict[str, Any]]] = {
        "clean, 500 rows": lambda: rate(**flat, trials=trials, sizes=(50_000, 500)),
        "clean, 3000 rows": lambda: rate(**flat, trials=trials, sizes=(50_000, 3_000)),
        "clean, reference of 5000 rows, 60 windows of 200": lambda: rate(
            **flat, trials=trials // 5, sizes=(5_000, 12_000), window="200"
        ),
        "PSI 0.1 in 1 of 50, 500 rows": lambda: rate(**flat, trials=trials, sizes=(50_000, 500), change=shifted(0.32)),
        "PSI 0.02 in 1 of 50, 3000 rows": lambda: rate(
            **flat, trials=trials, sizes=(50_000, 3_000), change=shifted(0.1425)
        ),
        "scale 1.0 to 1.35, 500 rows": lambda: rate(
            **flat, trials=trials, sizes=(50_000, 500), change=lambda f: f.with_columns(pl.col("x0") * 1.35)
        ),
        "category a to b, 10 points, 500 rows": lambda: rate(
            **flat, trials=trials, sizes=(50_000, 500), change=lambda f: _swapped(f, 0.4)
        ),
        "missing 10 to 18 %, 500 rows": lambda: rate(
            **flat, trials=trials, sizes=(50_000, 500), change=lambda f: _dropped(f, 0.09)
        ),
        "AR(1) 0.5 in row order, 500 rows": lambda: _ar(0.5, trials),
        "AR(1) 0.9 in row order, 500 rows": lambda: _ar(0.9, trials),
        "AR(1) 0.95 in row order, 500 rows": lambda: _ar(0.95, trials),
        "seasonal by day and week, windows of 1d": lambda: rate(
            timed(56, 700, seasonal=0.6), timed(28, 700, seasonal=0.6), trials // 10,
            sizes=(19_997, 19_997 + 56), window="1d", time_column="at",
        ),
        "seasonal by day and week, windows of 1h": lambda: rate(
            timed(42, 1_200, seasonal=0.6), timed(7, 1_200, seasonal=0.6), trials // 10,
            sizes=(19_997, 19_997 + 42), window="1h", time_column="at",
        ),
        "random effect per day 0.15 sd, windows of 1d": lambda: rate(
            timed(56, 500, day_effect=0.15), timed(28, 500, day_effect=0.15), trials // 10,
            sizes=(19_997, 19_997 + 56), window="1d", time_column="at",
        ),
        "random effect per day and seasons, windows of 500 rows": lambda: rate(
            timed(56, 500, seasonal=0.5, day_effect=0.1), timed(28, 500, seasonal=0.5, day_effect=0.1), trials // 10,
            sizes=(19_997, 19_997 + 56), window="500", time_column="at",
        ),
        "joint test, clean, 2000 rows": lambda: rate(
            **flat, trials=max(8, trials // 4), sizes=(20_000, 2_000), joint=True
        ),
    }  # fmt: skip
    chosen = sys.argv[3:]
    for name, run in cases.items():
        if not chosen or any(each in name for each in chosen):
            sys.stdout.write(json.dumps({"case": name, **run()}) + "\n")
            sys.stdout.flush()


def _ar(phi: float, trials: int) -> dict[str, Any]:
    make = autocorrelated(phi)
    return rate(make, make, trials // 10, sizes=(30_000, 15_000), window="500")


def _swapped(frame: pl.DataFrame, share: float) -> pl.DataFrame:
    """That share of the a of x3 become b: 12 points of 100."""
    rng = np.random.default_rng(5)
    hit = pl.Series(rng.random(frame.height) < share)
    return frame.with_columns(
        pl.when((pl.col("x3") == "a") & hit).then(pl.lit("b")).otherwise(pl.col("x3")).alias("x3")
    )


def _dropped(frame: pl.DataFrame, share: float) -> pl.DataFrame:
    rng = np.random.default_rng(6)
    hit = pl.Series(rng.random(frame.height) < share)
    return frame.with_columns(pl.when(hit).then(None).otherwise(pl.col("x4")).alias("x4"))


# ---------------------------------------------------------------- speed


def speed() -> None:
    """CPU-seconds and memory of one window of 1M x 30 (20 numbers, 10 texts) in Parquet, state already frozen."""
    import subprocess

    with tempfile.TemporaryDirectory() as folder:
        path, state = Path(folder) / "window.parquet", Path(folder) / "reference.json"
        subprocess.run([sys.executable, __file__, "speed-make", str(path), str(state)], check=True)
        subprocess.run([sys.executable, __file__, "speed-run", str(path), str(state)], check=True)


def _table(rows: int, seed: int) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    numbers = {f"n{at}": rng.normal(size=rows) if at % 2 else rng.lognormal(size=rows) for at in range(20)}
    words = {
        f"c{at}": pl.Series([f"k{k}" for k in range(5 * (at + 1))])[rng.integers(0, 5 * (at + 1), rows)]
        for at in range(10)
    }
    return pl.DataFrame({**numbers, **words})


def speed_make(path: str, state: str, rows: str = "1000000") -> None:
    from modelwright.core.nouns import ColumnType, Signature, SignatureField, Task
    from modelwright.registry.reference_state import reference_state

    _table(int(rows), 1).write_parquet(path)
    known = _table(200_000, 2)
    inputs = tuple(
        SignatureField(name=s.name, type=ColumnType.NUMBER if s.dtype.is_numeric() else ColumnType.CATEGORY)
        for s in known
    )
    content = reference_state(known, Signature(inputs=inputs, task=Task.REGRESSION))
    Path(state).write_bytes(content)
    sys.stdout.write(json.dumps({"state_kB_per_column": round(len(content) / 30 / 1e3, 1)}) + "\n")


def speed_run(path: str, state: str) -> None:
    import scipy.special  # noqa: F401  # a watching process has it already; "with_imports" counts it

    from modelwright.monitoring import drift
    from modelwright.monitoring.drift_calibration import Calibrated
    from modelwright.monitoring.reference import expectations
    from modelwright.monitoring.windows import WindowState, state_of
    from modelwright.registry.reference_state import read_reference

    before, begun = time.process_time(), time.perf_counter()
    reference = read_reference(Path(state).read_bytes())
    counts: dict[str, Any] = {}
    decode = 0.0
    for name in reference.columns:  # a column at a time: memory stays that of one column
        at = time.process_time()
        frame = pl.read_parquet(path, columns=[name])
        decode += time.process_time() - at
        counts |= state_of(frame, {name: reference.columns[name]}).counts
    window = WindowState(frame.height, counts)
    counted = time.process_time()
    known = Calibrated(expectations(reference.columns))
    found = drift.judge(known, window, "", {}, roles={}, divided=drift.shares(predictions=False, joint=False))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    told = {
        "cpu_s": round(time.process_time() - before, 2),
        "of_it_decoding_s": round(decode, 2),
        "judging_s": round(time.process_time() - counted, 2),
        "wall_s": round(time.perf_counter() - begun, 2),
        "with_imports_cpu_s": round(time.process_time(), 2),
        "peak_MB": round(peak),
        "seen": sum(each.seen for each in found.features),
    }
    sys.stdout.write(json.dumps(told) + "\n")


_RIVAL = """
import sys, time, json, resource
import pandas as pd
from evidently import Report
from evidently.presets import DataDriftPreset
begun = time.process_time()
Report([DataDriftPreset()]).run(pd.read_parquet(sys.argv[2]), pd.read_parquet(sys.argv[1])).json()
print(json.dumps({"evidently_cpu_s": round(time.process_time() - begun, 2),
                  "with_imports_cpu_s": round(time.process_time(), 2),
                  "peak_MB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)}))
"""


def against(python: str, rows: int = 1_000_000) -> None:
    """Evidently's drift preset in an environment of its own (`python`), and this, on the same Parquet files. Tables are
    made by processes of their own: a child's peak of memory begins with its parent's."""
    import subprocess

    with tempfile.TemporaryDirectory() as folder:
        path, past, state = (str(Path(folder) / name) for name in ("now.parquet", "past.parquet", "reference.json"))
        subprocess.run([sys.executable, __file__, "speed-make", path, state, str(rows)], check=True)
        subprocess.run([sys.executable, __file__, "speed-past", past, str(rows)], check=True)
        subprocess.run([sys.executable, __file__, "speed-run", path, state], check=True)
        subprocess.run([python, "-W", "ignore", "-c", _RIVAL, path, past], check=True)


if __name__ == "__main__":
    wish = sys.argv[1] if len(sys.argv) > 1 else "rates"
    if wish == "rates":
        rates(int(sys.argv[2]) if len(sys.argv) > 2 else 200)
    elif wish == "speed":
        speed()
    elif wish == "against":
        against(sys.argv[2], *(int(rows) for rows in sys.argv[3:4]))
    elif wish == "speed-past":
        _table(int(sys.argv[3]), 2).write_parquet(sys.argv[2])
    elif wish == "speed-make":
        speed_make(*sys.argv[2:])
    else:
        speed_run(*sys.argv[2:])

"""What the prediction log costs: per record in the server, per row sealed, and per question to a day of rows.

    python benchmarks/serving/log.py [ROWS]          # 1,000,000 rows by default; 10,000,000 is a busy day

CPU times, the best of several rounds where the machine is shared. One JSON object on standard output.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from modelwright.core.plugins import load
from modelwright.lifecycle.prediction_log import files, log_folder, read
from modelwright.records.keeping import compact
from modelwright.records.prediction import Prediction, Schema, encode
from modelwright.records.sealing import seal

DAY_US = 24 * 3_600 * 1_000_000
BEGIN_US = 1_795_219_200_000_000  # 2026-11-21T00:00:00Z
SCHEMA = Schema(
    model="churn",
    version=3,
    bundle="b3:0a",
    columns=tuple(f"c{number}" for number in range(8)),
    types=("number",) * 6 + ("category", "boolean"),
    task="binary",
    classes=("no", "yes"),
)
PLANS = ("basic", "plus", "pro", "family")


def records(rows: int) -> list[bytes]:
    number = SCHEMA.number
    return [
        encode(
            Prediction(
                f"{each:032x}", BEGIN_US + each * DAY_US // rows, number, "champion", 1.0, 120 + each % 90, 0, "k1",
                ((each * 0.37 % 91, 2.5, None, each % 17 + 0.0, 4.25, each / 7, PLANS[each % 4], each % 3 == 0),),
                (each % 5 == 0,), ((0.25, 0.75),),
            )
        )
        for each in range(rows)
    ]  # fmt: skip


def cost_per_record(folder: Path, per_commit: int, count: int = 100_000) -> float:
    """Microseconds of CPU for append and commit together, at so many records per commit."""
    sample, best = records(10_000), float("inf")
    for _ in range(5):
        log = load("logs", "segments")(folder)
        log.describe(SCHEMA)
        start = time.thread_time()
        for number in range(count):
            log.append(sample[number % 10_000])
            if number % per_commit == 0:
                log.commit()
        log.commit()
        middle = time.thread_time()
        for number in range(count):
            sample[number % 10_000]
            if number % per_commit == 0:
                pass
        best = min(best, middle - start - (time.thread_time() - middle))  # without the loop itself
        log.close()
        shutil.rmtree(folder)
    return best / count * 1e6


def write(folder: Path, rows: int) -> None:
    log = load("logs", "segments")(folder)
    log.describe(SCHEMA)
    for number, record in enumerate(records(rows)):
        log.append(record)
        if number % 64 == 0:
            log.commit()
    log.commit()
    log.close()


def timed(question: Callable[[], list[tuple[Any, ...]]]) -> tuple[float, list[tuple[Any, ...]]]:
    """Seconds by the clock, best of three: a question uses every core."""
    best, answer = float("inf"), []
    for _ in range(3):
        start = time.perf_counter()
        answer = question()
        best = min(best, time.perf_counter() - start)
    return best, answer


def questions(workspace: Path) -> dict[str, float]:
    """Rows of one plan: how many, their mean score and a histogram."""

    def by_polars(**options: bool) -> list[tuple[Any, ...]]:
        rows = read(workspace, "churn", **options).filter(pl.col("f_c6") == "pro")
        return (
            rows.group_by((pl.col("f_c0") // 10).alias("bin"))
            .agg(pl.len(), pl.mean("p_yes"))
            .sort("bin")
            .collect()
            .rows()
        )

    def by_duckdb() -> list[tuple[Any, ...]]:
        what = "SELECT floor(f_c0 / 10) AS bin, count(*), avg(p_yes) FROM read_parquet(?)"
        query = f"{what} WHERE f_c6 = 'pro' GROUP BY 1 ORDER BY 1"
        return duckdb.execute(query, [[str(path) for path in files(workspace, "churn")]]).fetchall()

    plain, first = timed(lambda: by_polars(verify=False, distinct=False))
    verified, second = timed(lambda: by_polars(distinct=False))
    distinct, third = timed(by_polars)
    sql, fourth = timed(by_duckdb)
    agreed = {
        tuple((bin_, count, round(mean, 9)) for bin_, count, mean in one) for one in (first, second, third, fourth)
    }
    assert len(agreed) == 1, f"they do not say the same: {agreed}"
    return {"polars_s": plain, "polars_verified_s": verified, "polars_verified_distinct_s": distinct, "duckdb_s": sql}


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    root = Path(tempfile.mkdtemp(prefix="log-bench-"))
    try:
        found: dict[str, object] = {"rows": rows}
        found["us_per_record"] = {str(many): round(cost_per_record(root / "cost", many), 3) for many in (1, 16, 64)}
        folder = log_folder(root)
        write(folder, rows)
        start, cpu = time.perf_counter(), time.process_time()
        done = seal(folder, BEGIN_US + 2 * DAY_US)
        assert done.rows == rows
        found["sealed_rows_per_s"] = round(rows / (time.perf_counter() - start))
        found["sealed_rows_per_cpu_s"] = round(rows / (time.process_time() - cpu))
        start = time.perf_counter()
        compact(folder, BEGIN_US + 3 * DAY_US, grace_us=0)
        found["compaction_s"] = round(time.perf_counter() - start, 2)
        found["bytes_per_row"] = round(sum(path.stat().st_size for path in files(root)) / rows, 1)
        found |= {name: round(value, 3) for name, value in questions(root).items()}
        print(json.dumps(found, indent=2))
    finally:
        shutil.rmtree(root)


if __name__ == "__main__":
    main()

"""What all data checks cost on a large table, rule by rule, beside ydata-profiling's minimal mode in the same run.

    python benchmarks/judgement/data_checks.py                       ours: 1,000,000 rows x 30 columns
    python benchmarks/judgement/data_checks.py --rules               and the cost of each rule
    python benchmarks/judgement/data_checks.py --against             and ydata-profiling, in a throw-away environment
    python benchmarks/judgement/data_checks.py --shape wide|categories

Every figure is CPU-seconds (user and system, all threads and children) of a process of its own, reading apart, and the
peak of resident memory over what was resident after reading.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from typing import Any

#: rows and columns of the three tables
SHAPES = {"tall": (1_000_000, 30), "wide": (500, 10_000), "categories": (200_000, 6)}
_PIPELINE = "data:\n  source: {source}\nfeatures:\n  target: y\n"
#: the contender, under its new name; the old name `ydata-profiling` holds the same code
CONTENDER = "fg-data-profiling"


def generate(shape: str, rows: int, into: Path) -> None:
    """A table without any fault but 5 % missing values; its target follows three of the numbers."""
    import numpy as np
    import polars as pl

    rng = np.random.default_rng(0)
    width = SHAPES[shape][1]
    n_numbers = {"tall": 20, "wide": width - 1, "categories": 3}[shape]
    signal = rng.normal(size=rows)
    columns: dict[str, Any] = {}
    for at in range(n_numbers):
        values = rng.normal(size=rows) + (0.5 * signal if at < 3 else 0.0)
        values = np.exp(values) if at % 5 == 4 else np.round(values * 100) if at % 5 == 3 else values
        columns[f"n{at}"] = pl.Series(values).set(pl.Series(rng.random(rows) < 0.05), None)
    for at, size in enumerate(
        {"tall": [3, 5, 8, 20, 50, 200, 1000, 5000, 20_000], "categories": [5, 100_000]}.get(shape, [])
    ):
        codes = pl.Series(rng.integers(0, size, rows))
        columns[f"s{at}"] = ("value " + codes.cast(pl.String)).set(pl.Series(rng.random(rows) < 0.05), None)
    truth = signal + rng.normal(size=rows) > 0.3
    columns["y"] = pl.Series(truth).replace_strict([True, False], ["yes", "no"], return_dtype=pl.String)
    pl.DataFrame(columns).write_parquet(into)


def ours(source: Path, by_rule: bool) -> dict[str, Any]:
    """Read, type and split; then profile and check, which alone is measured."""
    from modelwright.lifecycle.prepare import divide, prepare
    from modelwright.lifecycle.stages.examine import examine
    from modelwright.spec.load import load_spec

    pipeline = source.parent / "pipeline.yaml"
    pipeline.write_text(_PIPELINE.format(source=source.name))
    spec = load_spec(pipeline, overrides=()).spec
    prepared = prepare(spec, source.parent)
    division = divide(prepared, spec, source.parent)
    reading = _cpu_s()
    if by_rule:
        return {"rules": _by_rule(prepared, spec, division)}
    before = _resident_mb(reset=True)
    found = examine(prepared, spec, division)
    return {
        "cpu_s": _cpu_s() - reading,
        "reading_cpu_s": reading,
        "peak_mb": _resident_mb(peak=True) - before,
        "findings": [f"{one.code} {one.subject} {one.severity.value}" for one in found.findings],
    }


def _by_rule(prepared: Any, spec: Any, division: Any) -> dict[str, float]:
    """The first rule that needs a shared measurement pays for it."""
    from modelwright.checks.evidence import DataEvidence
    from modelwright.core import plugins
    from modelwright.data.profile import profile

    cost = {}
    begin = _cpu_s()
    described = profile(prepared.dataset)
    cost["profile"] = _cpu_s() - begin
    evidence = DataEvidence(
        dataset=prepared.dataset, profile=described, problem=prepared.problem, spec=spec, split=division.split
    )
    for kind in ("data", "features"):
        rules, _ = plugins.load_all(f"checks.{kind}")
        for name, rule in sorted(rules.items()):
            begin = _cpu_s()
            list(rule.run(evidence))
            cost[f"{kind}.{name}"] = _cpu_s() - begin
    return cost


def theirs(source: Path) -> dict[str, Any]:
    """The description only, without the HTML page: what their checks cost, not their pictures."""
    import pandas as pd

    try:
        from data_profiling import ProfileReport  # type: ignore[import-not-found]
    except ImportError:
        from ydata_profiling import ProfileReport  # type: ignore[import-not-found]
    frame = pd.read_parquet(source)
    reading, before = _cpu_s(), _resident_mb(reset=True)
    report = ProfileReport(frame, minimal=True, progress_bar=False)
    report.get_description()
    return {"cpu_s": _cpu_s() - reading, "reading_cpu_s": reading, "peak_mb": _resident_mb(peak=True) - before}


def _cpu_s() -> float:
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def _resident_mb(*, peak: bool = False, reset: bool = False) -> float:
    """Resident memory now or at its highest since `reset` (Linux); elsewhere the peak of the whole process."""
    status, clear = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if reset:
        try:
            clear.write_text("5")
        except OSError:
            print("memory: the peak could not be reset and includes reading", file=sys.stderr)
    wanted = "VmHWM:" if peak else "VmRSS:"
    (line,) = [line for line in status.read_text().splitlines() if line.startswith(wanted)]
    return int(line.split()[1]) / 1024


def _child(python: str, *arguments: str) -> dict[str, Any]:
    began = time.perf_counter()
    done = subprocess.run([python, __file__, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)} failed:\n{done.stderr[-4000:]}")
    lines = done.stdout.strip().splitlines()
    found: dict[str, Any] = json.loads(lines[-1]) if lines else {}
    return found | {"wall_s": time.perf_counter() - began}


def _environment(folder: Path) -> str:
    venv.create(folder, with_pip=True)
    python = str(folder / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "-q", CONTENDER, "pyarrow", "setuptools<80"], check=True)
    return python


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--shape", choices=sorted(SHAPES), default="tall")
    parser.add_argument("--rows", type=int)
    parser.add_argument("--rules", action="store_true")
    parser.add_argument("--against", action="store_true", help="install and measure ydata-profiling too")
    parser.add_argument("--do", choices=("generate", "ours", "rules", "theirs"), help=argparse.SUPPRESS)
    parser.add_argument("--table", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    rows = chosen.rows or SHAPES[chosen.shape][0]
    if chosen.do == "generate":
        generate(chosen.shape, rows, chosen.table)
    elif chosen.do:
        found = theirs(chosen.table) if chosen.do == "theirs" else ours(chosen.table, chosen.do == "rules")
        print(json.dumps(found))
    else:
        with tempfile.TemporaryDirectory(prefix="data-checks-") as folder:
            _compare(chosen, rows, Path(folder))


def _compare(chosen: argparse.Namespace, rows: int, folder: Path) -> None:
    table = folder / "table.parquet"
    _child(sys.executable, "--do", "generate", "--shape", chosen.shape, "--rows", str(rows), "--table", str(table))
    print(f"{rows:,} rows x {SHAPES[chosen.shape][1]:,} columns ({chosen.shape})")
    mine = _child(sys.executable, "--do", "ours", "--table", str(table))
    print(
        f"{'modelwright':16} {mine['cpu_s']:7.1f} CPU-s {mine['peak_mb']:7,.0f} MB "
        f"(reading {mine['reading_cpu_s']:.1f} s)"
    )
    for line in mine["findings"][:12]:
        print("   ", line)
    if chosen.rules:
        cost = _child(sys.executable, "--do", "rules", "--table", str(table))["rules"]
        for name in sorted(cost, key=lambda name: -cost[name]):
            print(f"    {cost[name]:7.2f} CPU-s  {name}")
    if chosen.against:
        other = _child(_environment(folder / "env"), "--do", "theirs", "--table", str(table))
        print(f"{CONTENDER:16} {other['cpu_s']:7.1f} CPU-s {other['peak_mb']:7,.0f} MB")
        print(f"ratio of CPU {other['cpu_s'] / mine['cpu_s']:.1f}")


if __name__ == "__main__":
    main()

"""How much memory and processor time does a run of a large table take, in which step and in which process?

    python benchmarks/training/memory.py [ROWS] [COLUMNS] [BUDGET_S] [csv|parquet] [SECTION.KEY=VALUE ...]

Writes a drawn table, runs `modelwright run` on it and samples the tree of processes. Promised: peak memory at most
4 times the data plus 1 GiB for each worker, wall time of training at most 1.05 x budget + 2 s, a model. `data` is the
table in memory as columns of a typed frame. Memory of a process is its unique set: pages that processes share (a
mapped file) are counted once, at the parent, since each can be dropped and read again.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
import psutil

_EVERY_S = 0.05
_MB = 1 << 20


def table(n_rows: int, n_columns: int, seed: int = 0) -> pl.DataFrame:
    """Four fifths numbers, one fifth categories, one number in ten missing; a target that needs interactions."""
    rng = np.random.default_rng(seed)
    n_kinds = n_columns // 5
    numbers = rng.normal(size=(n_rows, n_columns - n_kinds))
    kinds = rng.integers(0, 12, size=(n_rows, n_kinds))
    margin = numbers[:, 0] * (kinds[:, 0] > 5) + np.sin(2 * numbers[:, 1]) + 0.5 * numbers[:, 2] - 0.8
    answer = np.where(margin + rng.logistic(size=n_rows) > 0, "yes", "no")
    numbers[rng.random(numbers.shape) < 0.1] = np.nan
    columns = [pl.Series(f"n{at}", numbers[:, at].round(6)).fill_nan(None) for at in range(numbers.shape[1])]
    names = pl.Series([f"level {at}" for at in range(12)])
    columns += [names[kinds[:, at]].alias(f"k{at}") for at in range(n_kinds)]
    return pl.DataFrame([*columns, pl.Series("answer", answer)])


@dataclass
class Watch:
    """Peaks by step and role, and processor seconds of the parent by step."""

    process: psutil.Popen
    step: str = "start"
    peak: dict[str, int] = field(default_factory=dict)
    rss: dict[str, int] = field(default_factory=dict)
    cpu_s: dict[str, float] = field(default_factory=dict)
    wall_s: dict[str, float] = field(default_factory=dict)
    tree_peak: int = 0
    most_workers: int = 0
    _cpu: float = 0.0
    _wall: float = field(default_factory=time.monotonic)

    def listen(self) -> None:
        for line in self.process.stderr:
            word = line.split()
            if word and word[0].rstrip(":") in STEPS:
                self.step = word[0].rstrip(":")
            if os.environ.get("SHOW"):
                print(f"   {time.monotonic() - self._wall:6.1f} {line.rstrip()}", flush=True)

    def look(self) -> None:
        step = self.step
        try:
            cpu = sum(self.process.cpu_times()[:2])
            whole = self._seen("parent", step, self.process)
            children = [one for one in self.process.children(recursive=True) if one.is_running()]
            self.most_workers = max(self.most_workers, len(children))
            whole += sum(self._seen("worker", step, child) for child in children)
        except psutil.Error:
            return
        now = time.monotonic()
        self.cpu_s[step] = self.cpu_s.get(step, 0.0) + cpu - self._cpu
        self.wall_s[step] = self.wall_s.get(step, 0.0) + now - self._since
        self._cpu, self._since = cpu, now
        self.tree_peak = max(self.tree_peak, whole)

    _since: float = field(default_factory=time.monotonic)

    def _seen(self, role: str, step: str, process: psutil.Process) -> int:
        try:
            found = process.memory_full_info()
        except psutil.Error:
            return 0
        key = f"{role} {step}"
        self.peak[key] = max(self.peak.get(key, 0), found.uss)
        self.rss[key] = max(self.rss.get(key, 0), found.rss)
        return int(found.uss)


STEPS = ("data", "split", "check", "train", "prove", "evaluate", "review", "package", "register", "report")


def main(arguments: list[str]) -> int:
    n_rows, n_columns, budget_s = (int(one) for one in (arguments + ["500000", "30", "60"][len(arguments) :])[:3])
    kind = arguments[3] if len(arguments) > 3 else "csv"
    with tempfile.TemporaryDirectory(prefix="memory-") as place:
        folder = Path(place)
        frame = table(n_rows, n_columns)
        data_bytes = int(frame.estimated_size())
        file = folder / f"table.{kind}"
        frame.write_parquet(file) if kind == "parquet" else frame.write_csv(file)
        del frame
        (folder / "pipeline.yaml").write_text(
            f"version: 1\ndata:\n  source: {file.name}\nfeatures:\n  target: answer\n"
            f"training:\n  budget_s: {budget_s}\n"
        )
        command = [sys.executable, "-m", "modelwright", "run", "--json", str(folder / "pipeline.yaml")]
        command += ["--workspace", str(folder / "workspace"), *(x for one in arguments[4:] for x in ("--set", one))]
        load = os.getloadavg()[0]
        process = psutil.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        watch = Watch(process)
        threads = [threading.Thread(target=watch.listen, daemon=True)]
        answer: list[str] = []
        threads.append(threading.Thread(target=lambda: answer.append(process.stdout.read()), daemon=True))
        for thread in threads:
            thread.start()
        while process.poll() is None:
            watch.look()
            time.sleep(_EVERY_S)
        for thread in threads:
            thread.join()
        return report(watch, answer[0], data_bytes, file.stat().st_size, budget_s, load)


def report(watch: Watch, answer: str, data_bytes: int, file_bytes: int, budget_s: float, load: float) -> int:
    print(f"data {data_bytes / _MB:,.0f} MB, file {file_bytes / _MB:,.0f} MB, load {load:.1f} before")
    print(f"{'step':<10} {'wall s':>7} {'parent CPU s':>13} {'parent MB':>10} {'RSS':>7} {'worker MB':>10} {'RSS':>7}")
    for step in watch.cpu_s:
        sizes = [
            place.get(f"{role} {step}", 0) / _MB for role in ("parent", "worker") for place in (watch.peak, watch.rss)
        ]
        print(
            f"{step:<10} {watch.wall_s[step]:7.1f} {watch.cpu_s[step]:13.1f} {sizes[0]:10,.0f} {sizes[1]:7,.0f} "
            f"{sizes[2]:10,.0f} {sizes[3]:7,.0f}"
        )
    try:
        said = json.loads(answer)
    except ValueError:
        print(answer[-2000:])
        return 1
    limit = 4 * data_bytes + watch.most_workers * (1 << 30)
    train_s = (said.get("timings_s") or {}).get("train", float("nan"))
    print(
        f"whole tree at most {watch.tree_peak / _MB:,.0f} MB with up to {watch.most_workers} children; promised "
        f"{limit / _MB:,.0f} MB: {'kept' if watch.tree_peak <= limit else 'NOT KEPT'}"
    )
    print(f"outside training {sum(s for step, s in watch.cpu_s.items() if step not in ('train', 'prove')):.1f} CPU s")
    print(f"train {train_s:.1f} s of {budget_s} s; answer {json.dumps(said)[:600]}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

"""All tools on all tables: same rows, same cores, one after another, each rival in its own environment.

    python benchmarks/training/rivals/make_env.py ENVS
    python benchmarks/training/compare.py --envs ENVS --results FOLDER --quick
    python benchmarks/training/compare.py --envs ENVS --results FOLDER --budget 60 300 --seeds 0 1 2 [--busy 2]
    python benchmarks/training/compare.py --results FOLDER --report

One JSON file and one file of answers per cell (table, tool, budget, seed, busy), so that a stopped comparison goes on
where it was; `--again TOOL` measures a tool anew. A cell gets 3 x budget + 300 s and is then ended: that, a crash, a
missing environment or an answer that is not finite are failures and counted. `busy` and `budget` are never mixed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scoring
import tables as known
from verdicts import markdown
from watch import busy, watched

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class ToolName:
    """How a tool is started: whose environment, which script, which option."""

    environment: str  # "" is our own
    script: str
    option: str = ""


TOOLS = {
    "ours": ToolName("", "ours.py"),
    "linear": ToolName("", "ours.py", "linear"),
    "autogluon-medium": ToolName("autogluon", "rivals/run_autogluon.py", "medium"),
    "autogluon-good": ToolName("autogluon", "rivals/run_autogluon.py", "good"),
    "autogluon-high": ToolName("autogluon", "rivals/run_autogluon.py", "high"),
    "autogluon-best": ToolName("autogluon", "rivals/run_autogluon.py", "best"),
    "autogluon-ray-best": ToolName("autogluon_ray", "rivals/run_autogluon.py", "best"),
    "flaml": ToolName("flaml", "rivals/run_flaml.py"),
}
USUAL = ("ours", "autogluon-medium", "autogluon-best", "flaml")


@dataclass(frozen=True)
class Bench:
    envs: Path
    results: Path
    cache: Path
    cores: int


@dataclass(frozen=True)
class Key:
    """One cell of the comparison; its files are named after it."""

    table: str
    tool: str
    budget_s: float
    seed: int
    busy: int

    @property
    def stem(self) -> str:
        return f"{self.tool}-{self.budget_s:g}s-seed{self.seed}" + (f"-busy{self.busy}" if self.busy else "")


def _interpreter(tool: ToolName, envs: Path) -> Path:
    return envs / tool.environment / "bin" / "python" if tool.environment else Path(sys.executable)


def _order(key: Key, bench: Bench, work: Path, answers: Path) -> dict[str, Any]:
    table, tool = known.TABLES[key.table], TOOLS[key.tool]
    folder = known.materialize(key.table, key.seed, bench.cache)
    train, test = folder / "train.parquet", folder / "test.parquet"
    option = tool.option
    if option == "linear":
        option = "ridge" if table.task == "regression" else "logistic"
    return {
        "train": str(train), "test": str(test), "target": table.target, "task": table.task, "metric": table.metric,
        "budget_s": key.budget_s, "seed": key.seed, "cores": bench.cores, "work": str(work), "answers": str(answers),
        "classes": [] if table.task == "regression" else scoring.labels(train, table.target), "option": option,
    }  # fmt: skip


def _printed(log: Path) -> dict[str, Any]:
    """The JSON object on the last line, or the failure that there is none."""
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    try:
        found: dict[str, Any] = json.loads(lines[-1])
    except (IndexError, ValueError):
        return {"ok": False, "failure": "no result was printed: " + " / ".join(lines[-3:])[-600:]}
    return found


def _scored(cell: dict[str, Any], answers: Path) -> dict[str, Any]:
    y = scoring.truth(Path(cell["test"]), cell["target"], cell["classes"])
    value, se = scoring.score(cell["metric"], y, np.load(answers))
    return {"score": value, "score_se": se}


def measure(key: Key, bench: Bench) -> dict[str, Any]:
    """Run one cell. Whatever goes wrong is in the result."""
    tool, folder = TOOLS[key.tool], bench.results / key.table
    folder.mkdir(parents=True, exist_ok=True)
    answers, log = folder / f"{key.stem}.npy", folder / f"{key.stem}.log"
    python = _interpreter(tool, bench.envs)
    out: dict[str, Any] = {"load_before": os.getloadavg()[0], "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
    work = Path(tempfile.mkdtemp(prefix="modelwright-cell-"))
    limit_s = 3 * key.budget_s + 300
    try:
        cell = _order(key, bench, work, answers)
        out["cell"] = {name: cell[name] for name in ("test", "target", "metric", "classes")}
        if not python.exists():
            said = bench.envs / f"{tool.environment}.json"
            why = json.loads(said.read_text(encoding="utf-8")).get("failure", "") if said.exists() else "not built"
            return out | {"ok": False, "failure": f"no environment: {why}"}
        (work / "cell.json").write_text(json.dumps(cell), encoding="utf-8")
        with busy(key.busy, limit_s + 60):
            ended = watched([str(python), str(HERE / tool.script), str(work / "cell.json")], log, limit_s, work)
        out |= _printed(log) if not ended.late else {"ok": False, "failure": f"not done after {limit_s:g} s"}
        out |= {"wall_s": ended.wall_s, "memory_bytes": ended.memory_bytes, "exit_code": ended.code}
        if out["ok"]:
            out |= _scored(cell, answers)
            if "fast" in out:
                out["fast"] |= _scored(cell, answers.with_name(answers.stem + "-fast.npy"))
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return out


def _run(keys: list[Key], bench: Bench, again: list[str]) -> None:
    """Every cell that has no result yet, in order; a cell's file is written last and whole."""
    for number, key in enumerate(keys, start=1):
        path = bench.results / key.table / f"{key.stem}.json"
        if path.exists() and key.tool not in again:
            continue
        found = vars(key) | measure(key, bench)
        draft = path.with_suffix(".part")
        draft.write_text(json.dumps(found, indent=1), encoding="utf-8")
        draft.replace(path)
        told = f"{found['score']:.5f}" if found["ok"] else f"FAILED {found['failure'][:160]}"
        spent = f"{found.get('fit_wall_s', float('nan')):.1f} s fit, {found.get('wall_s', 0):.0f} s in all"
        print(f"[{number}/{len(keys)}] {key.table:15s} {key.stem:32s} {told}  {spent}", flush=True)


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--envs", type=Path, default=Path("envs"), help="where make_env.py built the rivals")
    parser.add_argument("--results", type=Path, required=True, help="one file per cell; outside the repository")
    parser.add_argument("--cache", type=Path, default=known.default_cache(), help="where tables are written")
    parser.add_argument("--tables", nargs="+", choices=list(known.TABLES), default=list(known.USUAL), metavar="TABLE")
    parser.add_argument("--tools", nargs="+", choices=list(TOOLS), default=list(USUAL), metavar="TOOL")
    parser.add_argument("--budget", nargs="+", type=float, default=[60.0], metavar="S")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0], metavar="N")
    parser.add_argument("--busy", type=int, default=0, metavar="N", help="processes that burn a core each beside it")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--again", nargs="*", default=[], choices=list(TOOLS), metavar="TOOL", help="measure anew")
    parser.add_argument("--quick", action="store_true", help="eight tables, one seed, 60 s")
    parser.add_argument("--report", action="store_true", help="only print what is there")
    return parser.parse_args()


def main() -> int:
    asked = _asked()
    if asked.quick:
        asked.tables, asked.seeds, asked.budget = list(known.QUICK), [0], [60.0]
    # what is shared by processes in other folders must not depend on this one
    where = {name: getattr(asked, name).absolute() for name in ("envs", "results", "cache")}
    bench = Bench(**where, cores=asked.cores)
    keys = [
        Key(table=table, tool=tool, budget_s=budget_s, seed=seed, busy=asked.busy)
        for budget_s in asked.budget
        for seed in asked.seeds
        for table in asked.tables
        for tool in asked.tools
    ]
    if not asked.report:
        _run(keys, bench, asked.again)
    print(markdown(bench.results))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""How long going back takes, and what it costs whom.

    python benchmarks/rollback.py                 # 5 pointer rollbacks under load, 3 drills, one backup
    python benchmarks/rollback.py --pointer 50 --kinds 20 --megabytes 1000

Prints one JSON object: seconds by nearest-rank quantile, requests that failed, seconds a GB.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.journeys import serving_parts as parts

from modelwright.core.clock import SystemClock
from modelwright.lifecycle.backing_up import back_up, restore
from modelwright.lifecycle.drilling import drill
from modelwright.lifecycle.operation import Context
from modelwright.lifecycle.trial_server import Load, golden_requests, quantile, trial_server
from modelwright.lifecycle.workspace import Workspace
from modelwright.registry import versions


def main() -> None:
    reading = argparse.ArgumentParser(description=__doc__)
    reading.add_argument("--pointer", type=int, default=5)
    reading.add_argument("--kinds", type=int, default=3)
    reading.add_argument("--megabytes", type=int, default=200)
    asked = reading.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = parts.workspace(Path(folder), 2)
        space = Workspace(root)
        versions.promote(space.journal(), "demo", 2)
        context = Context(workspace=root, clock=SystemClock())
        told = {
            "pointer": _pointer(space, asked.pointer),
            "six_kinds": _kinds(space, context, asked.kinds),
            "backup": _backup(space, context, asked.megabytes),
        }
    print(json.dumps(told, indent=2))


def _pointer(space: Workspace, count: int) -> dict[str, Any]:
    """The command itself, a process of its own each time, with four clients asking."""
    bodies = [body for body, _ in golden_requests(space.root / "runs/run-1/bundle")][:1]
    found: list[dict[str, Any]] = []
    walls: list[float] = []
    with trial_server(space.root, "demo", workers=2) as server:
        bodies = [body for body in bodies if server.ask("/v1/models/demo/predict", body)[0] == 200]
        with Load(server.port, "/v1/models/demo/predict", bodies, 4, pause_s=0.002) as load:
            for number in range(count):
                began = time.monotonic()
                done = subprocess.run(
                    [sys.executable, "-m", "modelwright.interfaces.cli.main", "rollback", "demo", "--to",
                     str(1 + number % 2), "--workspace", str(space.root), "--json"],
                    capture_output=True, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
                )  # fmt: skip
                walls.append(time.monotonic() - began)
                found.append(json.loads(done.stdout))
    assert all(not one["lagging"] and one["processes"] == 2 for one in found)
    return {
        "count": count, "command_s": _quantiles(walls), "moved_s": _quantiles([one["moved_s"] for one in found]),
        "follow_s": _quantiles([one["seconds"] - one["moved_s"] for one in found]),
        "requests": load.count, "failed": len(load.failures),
        "p99_ms": round(quantile(load.latencies_s, 0.99) * 1e3, 2),
    }  # fmt: skip


def _kinds(space: Workspace, context: Context, count: int) -> dict[str, Any]:
    found = [drill(space, "demo", context, project=None) for _ in range(max(1, count))]
    steps = {step["step"]: step["seconds"] for step in found[-1]["steps"]}
    return {
        "count": count, "all_kinds_s": _quantiles([one["all_kinds_s"] for one in found]), "last": steps,
        "passed": sum(one["ok"] for one in found), "failed_requests": sum(one["failed"] for one in found),
        "why": sorted({one["why"] for one in found if one["why"]}),
    }  # fmt: skip


def _backup(space: Workspace, context: Context, megabytes: int) -> dict[str, Any]:
    """A workspace of so many megabytes of random bytes, which no compression could make small."""
    folder = space.root / "data" / "v1"
    folder.mkdir(parents=True)
    for number in range(max(1, megabytes // 50)):
        (folder / f"part-{number}.bin").write_bytes(os.urandom(50 << 20))
    with tempfile.TemporaryDirectory() as dest:
        cpu = time.process_time()
        made = back_up(space, Path(dest) / "store", context, verify=False)
        again = back_up(space, Path(dest) / "store", context, verify=False)
        back = restore(Path(dest) / "store", Path(dest) / "workspace")
        cpu = time.process_time() - cpu
    gigabytes = made["size_bytes"] / 1e9
    return {
        "gb": round(gigabytes, 3), "backup_s_per_gb": round(made["copied_s"] / gigabytes, 2),
        "again_new_mb": round(again["new_bytes"] / 1e6, 3), "restore_s_per_gb": back["seconds_per_gb"],
        "restore_checked_s": back["seconds"], "cpu_s_for_all_three": round(cpu, 2),
    }  # fmt: skip


def _quantiles(values: list[float]) -> dict[str, float]:
    return {name: round(quantile(values, share), 3) for name, share in (("p50", 0.5), ("max", 1.0))}


if __name__ == "__main__":
    main()

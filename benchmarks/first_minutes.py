"""How long a newcomer waits, and for what: start-up, a 60-second run, the same run again, one prediction.

Prints ratios measured in this run; absolute seconds are there for orientation only. Takes about two minutes.
    python benchmarks/first_minutes.py [TABLE TARGET]
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SHARED = Path(__file__).parents[2] / "shared" / "data" / "telco_churn.csv"


def main(arguments: list[str]) -> None:
    table, target = (arguments[0], arguments[1]) if len(arguments) == 2 else _default()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        bare = min(_seconds([sys.executable, "-c", "pass"])[0] for _ in range(5))
        shown = min(_seconds(_command("--help"))[0] for _ in range(5))
        _seconds(_command("init", table, "--target", target, "--quiet"))
        run = _command("run", "pipeline.yaml", "--budget-s", "60", "--json", "--quiet")
        first_s, first = _seconds(run)
        again_s, again = _seconds(run)
        predict_s, _ = _seconds(_command("predict", "latest", table, "-o", "out.csv", "--quiet"))
    outside = first_s - first["timings_s"]["train"]
    print(f"table                                {table.rsplit('/', 1)[-1]}")
    print(f"--help                               {shown * 1000:.0f} ms, {shown / bare:.1f} x a bare interpreter")
    print(f"run, budget 60 s                     {first_s:.1f} s: {_parts(first)}")
    print(f"everything outside training          {outside:.1f} s, {outside / 60:.1%} of a 60 s run")
    print(f"the same run again                   {again_s:.2f} s, {again_s / first_s:.1%} of the first")
    print(f"steps reused the second time         {sum(s['reused'] for s in again['steps'])} of {len(again['steps'])}")
    print(f"predict the whole table              {predict_s:.2f} s")


def _default() -> tuple[str, str]:
    return (str(SHARED.resolve()), "Churn") if SHARED.exists() else ("sklearn:breast_cancer", "target")


def _command(*words: str) -> list[str]:
    return [sys.executable, "-m", "modelwright", *words]


def _seconds(command: list[str]) -> tuple[float, Any]:
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - started
    if done.returncode not in (0, 3):
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr}")
    return seconds, json.loads(done.stdout) if "--json" in command else None


def _parts(result: dict[str, Any]) -> str:
    return ", ".join(f"{name} {seconds:.1f}" for name, seconds in result["timings_s"].items() if name != "total")


if __name__ == "__main__":
    main(sys.argv[1:])

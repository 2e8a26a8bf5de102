"""Build the rivals' environments: one folder each, from pinned versions; what cannot be had is said and counted.

    python benchmarks/training/rivals/make_env.py FOLDER [NAME ...] [--python PYTHON] [--renew]

Writes `FOLDER/NAME/` (a virtual environment), `FOLDER/NAME.log` (all that pip said) and `FOLDER/NAME.json` (resolved
versions, size, seconds; or the failure). Exit code 1 if any of them failed. `--renew` resolves afresh and rewrites the
pins in `pins/`. A rival that cannot be installed is a failure of all its cells in the comparison, not left out.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

PINS = Path(__file__).resolve().parent / "pins"
ASKED: dict[str, tuple[str, ...]] = {
    # the usual light install: torch and fastai, which its neural networks need, are 2.5 GB more and left out
    "autogluon": ("autogluon.tabular[lightgbm,catboost,xgboost]==1.6.3", "pyarrow"),
    # with the engine that fits its folds side by side
    "autogluon_ray": ("autogluon.tabular[lightgbm,catboost,xgboost,ray]==1.6.3", "pyarrow"),
    "flaml": ("flaml[automl]==2.7.0", "pyarrow"),
}
_AUTOGLUON = "from autogluon.tabular import TabularPredictor"
TRIAL = {"autogluon": _AUTOGLUON, "autogluon_ray": f"import ray; {_AUTOGLUON}", "flaml": "from flaml import AutoML"}
LIMIT_S = 1_800


def _say(log: Path, *command: str | Path) -> None:
    with log.open("a", encoding="utf-8") as out:
        out.write("$ " + " ".join(map(str, command)) + "\n")
        out.flush()
        subprocess.run(command, stdout=out, stderr=subprocess.STDOUT, check=True, timeout=LIMIT_S)


def versions(python: Path) -> list[str]:
    found = subprocess.run(
        [python, "-m", "pip", "freeze", "--disable-pip-version-check"], capture_output=True, text=True, check=True
    )
    return sorted(line for line in found.stdout.splitlines() if "==" in line)


def build(folder: Path, name: str, base: str, renew: bool) -> dict[str, Any]:
    """One environment; the result says `ok` and either the versions or the failure."""
    log, home, started = folder / f"{name}.log", folder / name, time.monotonic()
    python = home / "bin" / "python"
    out: dict[str, Any] = {"name": name, "asked": list(ASKED[name]), "ok": False}
    log.unlink(missing_ok=True)
    try:
        shutil.rmtree(home, ignore_errors=True)
        _say(log, base, "-m", "venv", home)
        pins = PINS / f"{name}.txt"
        held = ("-c", pins) if pins.exists() and not renew else ()
        _say(log, python, "-m", "pip", "install", "--disable-pip-version-check", *held, *ASKED[name])
        _say(log, python, "-c", TRIAL[name])
        out |= {"ok": True, "versions": versions(python)}
        if renew or not pins.exists():
            pins.write_text("\n".join(out["versions"]) + "\n", encoding="utf-8")
    except (subprocess.SubprocessError, OSError) as error:
        said = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
        lines = [line for line in said.splitlines() if "WARNING" not in line]
        out["failure"] = f"{error} | " + "\n".join(lines[-8:])
    out["seconds"] = round(time.monotonic() - started, 1)
    out["size_bytes"] = sum(path.lstat().st_size for path in home.rglob("*") if path.is_file())
    (folder / f"{name}.json").write_text(json.dumps(out, indent=1), encoding="utf-8")
    return out


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", metavar="NAME", default=list(ASKED))
    parser.add_argument("--python", default=sys.executable, help="the interpreter to build with")
    parser.add_argument("--renew", action="store_true", help="resolve afresh and rewrite the pins")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    failed = 0
    for name in asked.names:
        found = build(asked.folder.absolute(), name, asked.python, asked.renew)
        failed += not found["ok"]
        what = f"{found['size_bytes'] / 1e6:,.0f} MB" if found["ok"] else f"FAILED: {found['failure']}"
        print(f"{name}: {what}, {found['seconds']} s", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())

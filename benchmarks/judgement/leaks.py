"""Leak recall and false alarms over every case of `cases_*.py`, through the same path as `check data`.

python benchmarks/judgement/leaks.py [--kind target_copy] [--seeds 3] [--module columns] [--name text] [--json]
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import tempfile
import time
import traceback
import warnings
from collections import defaultdict
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import polars as pl  # noqa: E402
import yaml  # noqa: E402
from case import Case  # noqa: E402

from modelwright.core.nouns import Finding, Severity  # noqa: E402


def cases(module: str = "") -> list[Case]:
    """Every case of every module `cases_*.py` beside this file whose name holds `module`."""
    found: list[Case] = []
    for path in sorted(HERE.glob("cases_*.py")):
        if module in path.stem:
            found.extend(importlib.import_module(path.stem).CASES)
    return found


def examine(case: Case, frame: pl.DataFrame, folder: Path) -> tuple[tuple[Finding, ...], float]:
    """The findings and their CPU-seconds, the table read from a file as a user's would be."""
    from modelwright.lifecycle.prepare import divide, prepare
    from modelwright.lifecycle.stages.examine import examine as run
    from modelwright.spec.load import load_spec

    frame.write_parquet(folder / "table.parquet")
    spec: dict[str, Any] = {key: dict(value) for key, value in case.spec.items()}
    spec.setdefault("data", {})["source"] = "table.parquet"
    spec.setdefault("features", {})["target"] = case.target
    path = folder / "pipeline.yaml"
    path.write_text(yaml.safe_dump(spec), encoding="utf-8")
    if case.code:
        (folder / "steps.py").write_text(case.code, encoding="utf-8")
    loaded = load_spec(path)
    prepared = prepare(loaded.spec, folder)
    division = divide(prepared, loaded.spec, folder)
    start = time.process_time()
    return run(prepared, loaded.spec, division).findings, time.process_time() - start


def subjects(finding: Finding) -> set[str]:
    """`columns:a,b` names both columns."""
    kind, _, names = finding.subject.partition(":")
    return {finding.subject} | ({f"column:{name}" for name in names.split(",")} if kind == "columns" else set())


def is_named(findings: list[Finding], code: str, subject: str) -> bool:
    def fits(found: str) -> bool:
        return found.startswith(code) if code.endswith(".") else found == code

    return any(fits(one.code) and subject in subjects(one) for one in findings)


def judge(case: Case, seed: int) -> dict[str, Any]:
    frame = case.make(seed)
    row: dict[str, Any] = {"name": case.name, "kind": case.kind, "seed": seed}
    try:
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            warnings.simplefilter("error")
            findings, row["cpu_s"] = examine(case, frame, Path(folder))
    except Exception:  # noqa: BLE001 - a table that breaks the product is a result of the benchmark
        return {**row, "error": traceback.format_exc(limit=-4), "cpu_s": 0.0}
    codes = tuple(code for code, _ in case.expected)
    leaks = [one for one in findings if one.code.startswith(("leak.", "split.", *codes)) and not one.undecided]
    heard = [one for one in leaks if one.severity.rank >= Severity.MEDIUM.rank]
    grave = [one for one in leaks if one.severity.rank >= Severity.HIGH.rank]
    high = [one for one in grave if one.code.startswith("leak.")]
    wanted = {subject for _, subject in case.expected} | set(case.every)
    every = case.every or tuple(subject for _, subject in case.expected[:1])
    return {
        **row,
        "heard": any(is_named(heard, code, subject) for code, subject in case.expected),
        "caught": any(is_named(grave, code, subject) for code, subject in case.expected),
        "blocked": any(one.blocking for one in high),
        "all_named": all(any(is_named(heard, code, one) for code in ("leak.", *codes)) for one in every),
        "false_high": sorted(
            {f"{one.code} {one.subject}" for one in high if case.kind == "clean" or not subjects(one) & wanted}
        ),
        "medium": sorted(f"{one.code} {one.subject}" for one in heard if one not in high),
        "high": sorted(f"{one.code} {one.subject}{' BLOCK' if one.blocking else ''}" for one in high),
        "broken": sorted(one.message for one in findings if one.code == "check.failed"),
    }


def table(rows: list[dict[str, Any]]) -> str:
    kinds: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        kinds[row["kind"]].append(row)
    lines = [
        "| kind | runs | caught high | caught | all named | false high | blocked | CPU-s a run |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for kind, group in sorted(kinds.items(), key=lambda item: (item[0] == "clean", item[0])):
        n = len(group)

        def share(key: str, group: list[dict[str, Any]] = group, n: int = n) -> str:
            return f"{sum(bool(row.get(key)) for row in group) / n:.1%}"

        recall = ["", "", ""] if kind == "clean" else [share(key) for key in ("caught", "heard", "all_named")]
        cpu = sum(row["cpu_s"] for row in group) / n
        cells = [kind, str(n), *recall, share("false_high"), share("blocked"), f"{cpu:.2f}"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def wrong(row: dict[str, Any]) -> bool:
    missed = row["kind"] != "clean" and not (row.get("caught") and row.get("all_named"))
    return bool(missed or row.get("false_high") or row.get("error") or row.get("broken"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", default="", help="only this kind; `clean` for the clean tables")
    parser.add_argument("--module", default="", help="only cases_*MODULE*.py")
    parser.add_argument("--name", default="", help="only cases whose name holds this")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="one JSON line a run instead of the table")
    options = parser.parse_args()
    rows = []
    for case in cases(options.module):
        if (options.kind and case.kind != options.kind) or options.name not in case.name:
            continue
        for seed in range(options.first_seed, options.first_seed + options.seeds):
            row = judge(case, seed)
            rows.append(row)
            if options.json:
                print(json.dumps(row), flush=True)
            elif wrong(row):
                print(row, file=sys.stderr, flush=True)
    if not options.json:
        print(table(rows))


if __name__ == "__main__":
    main()

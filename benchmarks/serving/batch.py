"""`modelwright predict` on a million rows of twenty columns, beside the bare model call on the same rows.

    python -m benchmarks.serving.batch [--rows 1000000] [--kind parquet]

The bare call is `model.predict` on conformed chunks in one process: no reading, no writing, no starting. Both in wall
seconds of the same machine; the target is at most twice.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

from modelwright.core.nouns import Column, ColumnType, Role, Schema, Signature, SignatureField, Task
from modelwright.core.plugins import load as plugin
from modelwright.core.ports import FitContext, TrainBatch
from modelwright.features import pipeline, planner
from modelwright.registry.bundle import BundleContents, load, write
from modelwright.registry.model import Member, Model
from modelwright.spec.model import FeaturesSpec

NUMBERS, KINDS = 16, 4
CHUNK = 50_000


def table(rows: int, seed: int) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    numbers = {f"n{at:02d}": rng.normal(size=rows).round(5) for at in range(NUMBERS)}
    kinds = {f"k{at}": rng.choice(["red", "green", "blue", "black"], rows) for at in range(KINDS)}
    return pl.DataFrame(numbers | kinds)


def made(folder: Path, trees: int) -> Path:
    """A boosted-tree model of 20,000 rows."""
    frame = table(20_000, 1)
    y = (frame["n00"] + frame["n01"] * frame["n02"] + (frame["k0"] == "red") > 0.3).to_numpy().astype(np.int64)
    types = {name: ColumnType.NUMBER if name[0] == "n" else ColumnType.CATEGORY for name in frame.columns}
    schema = Schema(columns=tuple(Column(name=n, type=kind, role=Role.FEATURE) for n, kind in types.items()))
    family = plugin("families", "lightgbm")
    plan = planner.plan(schema, FeaturesSpec(), family.needs, Task.BINARY, frame.height)
    features, matrix = pipeline.fit(plan, frame, y, FitContext(seed=0))
    batch = TrainBatch(X=matrix, y=y, task=Task.BINARY, n_classes=2)
    fitted = family.fit(batch, family.Params(n_estimators=trees), FitContext(seed=0))
    signature = Signature(
        inputs=tuple(SignatureField(name=n, type=kind) for n, kind in types.items()),
        task=Task.BINARY,
        target="y",
        classes=("no", "yes"),
        target_type=ColumnType.CATEGORY,
        positive="yes",
    )
    model = Model(signature=signature, members=(Member(features=features, family="lightgbm", fitted=fitted),))
    write(folder, BundleContents(model=model, name="batch", sample=frame[:200], reference=frame, choose="compiled"))
    return folder


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--trees", type=int, default=300)
    parser.add_argument("--kind", choices=("parquet", "csv", "jsonl"), default="parquet")
    parser.add_argument("--workers", type=int)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="modelwright-batch-") as name:
        folder = Path(name)
        bundle = made(folder / "made" / "bundle", asked.trees)
        frame = table(asked.rows, 2)
        data = folder / f"in.{asked.kind}"
        {"parquet": frame.write_parquet, "csv": frame.write_csv, "jsonl": frame.write_ndjson}[asked.kind](data)
        loaded = load(bundle)
        bare = 0.0
        for start in range(0, asked.rows, CHUNK):
            stored, _ = loaded.conform(frame[start : start + CHUNK])
            begun = time.perf_counter()
            loaded.model.predict(stored)
            bare += time.perf_counter() - begun
        command = [sys.executable, "-m", "modelwright", "predict", str(bundle), str(data), "-o", f"out.{asked.kind}"]
        command += ["--workers", str(asked.workers)] if asked.workers else []
        begun = time.perf_counter()
        done = subprocess.run([*command, "--json", "--quiet"], cwd=folder, check=True, capture_output=True, text=True)
        whole = time.perf_counter() - begun
        said = json.loads(done.stdout)
        assert said["rows"] == asked.rows
        found = {
            "rows": asked.rows,
            "columns": NUMBERS + KINDS,
            "kind": asked.kind,
            "bare_s": round(bare, 2),
            "predict_s": round(whole, 2),
            "times": round(whole / bare, 2),
            "rows_per_s": round(asked.rows / whole),
        }
        print(json.dumps(found))


if __name__ == "__main__":
    main()

"""How large and how fast are an ensemble and a single booster as bundles? Fits them by hand, packs them, times rows.

    python benchmarks/training/scorers.py [telco | california] [--folds N] [--keep FOLDER] [--reuse FOLDER]

`best`: five folds of LightGBM (two settings), CatBoost, XGBoost, extra trees and a linear model, each fold with its
own fitted features; `fast`: one LightGBM. Row times are medians over 2,000 calls on decoded rows, in this process.
`--keep` stores the fitted models; `--reuse` reads them back instead of fitting.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from modelwright.core.nouns import Column, ColumnType, Role, Schema, Signature, SignatureField, Task
from modelwright.core.plugins import load
from modelwright.core.ports import FitContext, TrainBatch
from modelwright.features import pipeline, planner
from modelwright.registry import bundle
from modelwright.registry.graph import build_graph
from modelwright.registry.model import Member, Model, from_files, load_model, save_model, to_files
from modelwright.registry.scorers import CompiledScorer, OnnxScorer, ReferenceScorer, Scorer
from modelwright.spec.model import FeaturesSpec
from modelwright.stats import calibration

DATA = Path(__file__).parents[3] / "shared" / "data"
SMALL = {"num_leaves": 7, "learning_rate": 0.03, "n_estimators": 1000, "subsample": 0.8}
FOREST = {"n_estimators": 100, "min_samples_leaf": 3}


def table(name: str) -> tuple[pl.DataFrame, NDArray[Any], Schema, Signature]:
    """Conformed features, target, schema and signature of a development table."""
    if name == "telco":
        frame = pl.read_csv(DATA / "telco_churn.csv", infer_schema_length=None).drop("customerID")
        frame = frame.with_columns(
            pl.col("TotalCharges").cast(pl.String).str.strip_chars().cast(pl.Float64, strict=False)
        )
        y: NDArray[Any] = (frame["Churn"] == "Yes").cast(pl.Int64).to_numpy()
        frame, task, classes = frame.drop("Churn"), Task.BINARY, ("No", "Yes")
    else:
        frame = pl.read_csv(DATA / "california_housing.csv", infer_schema_length=None)
        y = np.log(frame["median_house_value"].cast(pl.Float64).to_numpy())
        frame, task, classes = frame.drop("median_house_value"), Task.REGRESSION, ()
    frame = frame.select(
        pl.col(name).cast(pl.String if kind == pl.String else pl.Float64) for name, kind in frame.schema.items()
    )
    kinds = {n: ColumnType.CATEGORY if k == pl.String else ColumnType.NUMBER for n, k in frame.schema.items()}
    schema = Schema(columns=tuple(Column(name=n, type=k, role=Role.FEATURE) for n, k in kinds.items()))
    inputs = tuple(SignatureField(name=n, type=k) for n, k in kinds.items())
    return frame, y, schema, Signature(inputs=inputs, task=task, target="target", classes=classes)


def fit_members(name: str, folds: int) -> tuple[Model, Model]:
    """The ensemble, and one booster fitted on all rows."""
    frame, y, schema, signature = table(name)
    linear = ("logistic", {}) if signature.task is Task.BINARY else ("elastic_net", {})
    wanted: list[tuple[str, dict[str, Any]]] = [
        ("lightgbm", {}), ("lightgbm", SMALL), ("catboost", {}), ("xgboost", {}), ("extra_trees", FOREST), linear,
    ]  # fmt: skip
    part = np.random.default_rng(0).permutation(frame.height) % 5
    members, held = [], np.zeros((frame.height, 2))
    for fold in range(folds):
        learn, judge = np.flatnonzero(part != fold), np.flatnonzero(part == fold)
        made: dict[Any, Any] = {}
        for family, params in wanted:
            plugin = load("families", family)
            if plugin.needs not in made:
                plan = planner.plan(schema, FeaturesSpec(), plugin.needs, signature.task, frame.height)
                features, matrix = pipeline.fit(plan, frame[learn], y[learn], FitContext(seed=fold))
                made[plugin.needs] = features, matrix, features.transform(frame[judge])
            features, matrix, valid = made[plugin.needs]
            batch = TrainBatch(
                X=matrix, y=y[learn], task=signature.task, n_classes=len(signature.classes), valid=(valid, y[judge])
            )
            fitted = plugin.fit(batch, plugin.Params(**params), FitContext(seed=fold))
            members.append(Member(features=features, family=family, fitted=fitted))
            if signature.classes:
                held[judge] += fitted.predict(valid.values) / len(wanted)
    calibrator, threshold = None, None
    if signature.classes and folds == 5:
        calibrator, threshold = calibration.fit(held, y), 0.37
    best = Model(signature=signature, members=tuple(members), calibrator=calibrator, decision_threshold=threshold)
    plugin = load("families", "lightgbm")
    plan = planner.plan(schema, FeaturesSpec(), plugin.needs, signature.task, frame.height)
    features, matrix = pipeline.fit(plan, frame, y, FitContext(seed=0))
    batch = TrainBatch(X=matrix, y=y, task=signature.task, n_classes=len(signature.classes))
    one = plugin.fit(batch, plugin.Params(n_estimators=400), FitContext(seed=0))
    fast = Model(
        signature=signature,
        members=(Member(features=features, family="lightgbm", fitted=one),),
        calibrator=calibrator,
        decision_threshold=threshold,
    )
    return best, fast


def row_times(scorer: Scorer, rows: list[dict[str, Any]], calls: int = 2_000) -> tuple[float, float]:
    """Median and 99th percentile of one call, in microseconds."""
    spent = []
    for at in range(calls):
        values = rows[at % len(rows)]
        started = time.perf_counter()
        scorer.row(values)
        spent.append((time.perf_counter() - started) * 1e6)
    spent.sort()
    return statistics.median(spent), spent[int(len(spent) * 0.99)]


def cpu(work: Any) -> tuple[Any, float]:
    """The result, and the processor seconds it took."""
    started = time.process_time()
    result = work()
    return result, time.process_time() - started


def measure(label: str, model: Model, frame: pl.DataFrame, *, write: bool = True) -> None:
    print(f"\n== {label}: {len(model.members)} members, {len({id(m.features) for m in model.members})} feature sets")
    files, spent = cpu(lambda: to_files(model))
    print(f"to_files {spent:.2f} s, {sum(map(len, files.values())) / 1e6:.2f} MB")
    restored, spent = cpu(lambda: from_files(files))
    print(f"from_files {spent:.2f} s")
    _, spent = cpu(lambda: restored.predict(frame))
    print(f"predict {frame.height:,} rows, first time: {spent:.2f} s")
    for n in (1_500, 5_000):
        spents = [cpu(lambda: restored.predict(frame.head(n)))[1] for _ in range(3)]  # noqa: B023
        print(f"predict {n:,} rows: {min(spents):.3f} s")
    rows = frame.head(200).to_dicts()
    scorer, spent = cpu(lambda: CompiledScorer(restored))
    p50, p99 = row_times(scorer, rows)
    print(f"compiled: built in {spent:.2f} s; row p50 {p50:.0f} us, p99 {p99:.0f} us")
    p50, p99 = row_times(ReferenceScorer(restored), rows, 50)
    print(f"reference: row p50 {p50:.0f} us, p99 {p99:.0f} us")
    (graph, inputs), spent = cpu(lambda: build_graph(restored))
    onnx, more = cpu(lambda: OnnxScorer(graph, inputs, model.signature))
    p50, p99 = row_times(onnx, rows, 500)
    print(
        f"onnx: {len(graph) / 1e6:.2f} MB, built in {spent:.2f} + {more:.2f} s; row p50 {p50:.0f} us, p99 {p99:.0f} us"
    )
    if write:
        with tempfile.TemporaryDirectory() as folder:
            contents = bundle.BundleContents(model=model, name=label, sample=frame.tail(1_500), reference=frame)
            info, spent = cpu(lambda: bundle.write(Path(folder, "b"), contents))
            sizes = {f.relative_to(folder).as_posix(): f.stat().st_size for f in Path(folder).rglob("*") if f.is_file()}
            print(f"bundle written in {spent:.1f} s, {sum(sizes.values()) / 1e6:.2f} MB in {len(sizes)} files")
            for name, size in sorted(sizes.items(), key=lambda item: -item[1])[:8]:
                print(f"   {name:40s} {size / 1e6:8.3f} MB")
            for one in info.scorers:
                print(f"   {one.name}: passed={one.passed} chosen={one.chosen} {one.us_per_row} us, worst "
                      f"{one.worst_difference}, {one.rows_tried} rows {one.reason}")  # fmt: skip
            loaded, spent = cpu(lambda: bundle.load(Path(folder, "b"), probe=False))
            print(f"loaded in {spent:.2f} s without its probe")
            spents = []
            for at in range(1_000):
                started = time.perf_counter()
                loaded.predict_row(rows[at % len(rows)])
                spents.append((time.perf_counter() - started) * 1e6)
            print(f"predict_row (chosen scorer): p50 {statistics.median(spents):.0f} us")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", nargs="?", default="telco", choices=("telco", "california"))
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--reuse", type=Path)
    parser.add_argument("--no-write", action="store_true")
    asked = parser.parse_args()
    if asked.reuse:
        best, fast = load_model(asked.reuse / "best"), load_model(asked.reuse / "fast")
    else:
        (best, fast), spent = cpu(lambda: fit_members(asked.table, asked.folds))
        print(f"fitted in {spent:.0f} CPU s")
    if asked.keep:
        save_model(best, asked.keep / "best")
        save_model(fast, asked.keep / "fast")
    frame = table(asked.table)[0]
    for label, model in (("fast", fast), ("best", best)):
        measure(label, model, frame, write=not asked.no_write)


if __name__ == "__main__":
    main()

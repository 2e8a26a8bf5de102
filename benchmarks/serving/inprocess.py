"""What a request costs inside the plane, in microseconds of processor time, beside the training path in the same run.

LightGBM, 200 trees of 31 leaves over 20 columns, calibrated, with a threshold; every request is validated, routed,
answered and recorded. Prints ratios; absolute figures are of this machine. Takes about a minute.
    python benchmarks/serving/inprocess.py
"""

from __future__ import annotations

import gc
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from modelwright.core.nouns import Column, ColumnType, Role, Schema, Signature, SignatureField, Task
from modelwright.core.plugins import load
from modelwright.core.ports import FitContext, TrainBatch
from modelwright.features import pipeline, planner
from modelwright.registry import bundle
from modelwright.registry.model import Member, Model
from modelwright.serving import live
from modelwright.serving.asking import Ask
from modelwright.serving.plane import Plane
from modelwright.serving.routing import Arm, Route
from modelwright.spec.model import FeaturesSpec
from modelwright.spec.serving import ServingSpec
from modelwright.stats.calibration import Calibrator

_ROWS, _TREES, _REPEATS = 4_000, 200, 9


class Held:
    """A log that takes records and hands them to nobody: the disk is measured elsewhere."""

    durability = "buffered"

    def describe(self, schema: Any) -> int:
        return int(schema.number)

    def append(self, record: bytes) -> None:
        self.last = record

    def commit(self) -> int:
        return 0

    def when_synced(self, position: int, call: Callable[[], None], failed: Any = None) -> None:
        call()

    def close(self) -> None:
        return


def main() -> None:
    frame, y = _table()
    trained = _trained(frame, y)
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder) / "bundle"
        bundle.write(where, _contents(trained, frame))
        plane = Plane(Held())
        for version, cache in ((1, 0), (2, 0), (3, 10_000)):
            spec = ServingSpec(cache_rows=cache)
            plane.put(live.load(where, "bench", version, spec, probe=False))
    gc.collect()
    gc.freeze()  # as a worker does once it has loaded
    rows = frame.head(2_000).to_dicts()
    singles = [_body([row]) for row in rows[:1_000]]
    training_one = _us(lambda at: trained.predict(frame[at : at + 1]), 30)
    training_100 = _us(lambda at: trained.predict(frame[100 * at : 100 * at + 100]), 10)
    one = _us(lambda at: plane.answer(Ask(model="bench", body=singles[at])), 1_000)
    print(f"one row    training path {training_one:9.1f}   plane {one:7.1f}   {training_one / one:6.1f} times less")
    for count in (20, 100, 1_000):
        body = _body(rows[:count])
        many = _us(lambda _at, body=body: plane.answer(Ask(model="bench", body=body)), max(2, 400 // count))
        print(f"{count:5} rows  plane {many:9.1f}   {many / count:6.2f} a row", end="")
        print(f"   training path {training_100:9.1f}, {training_100 / many:4.2f} times" if count == 100 else "")
    _parts(plane, singles)
    _routes(plane, singles, one)


def _parts(plane: Plane, singles: list[bytes]) -> None:
    """Where the time of one row goes."""
    served = plane.find("bench")
    asks = [Ask(model="bench", body=body) for body in singles]
    batches = [served.decoder.decode(ask) for ask in asks]
    outcomes = [served.score(batch.values) for batch in batches]  # type: ignore[arg-type]
    parts: dict[str, Callable[[int], Any]] = {
        "decode and validate": lambda at: served.decoder.decode(asks[at]),
        "features": lambda at: served.scoring.key(batches[at].values[0]),  # type: ignore[arg-type]
        "features, trees, calibration": lambda at: served.score(batches[at].values),  # type: ignore[arg-type]
        "reply": lambda at: served.answer(batches[at], outcomes[at], "champion"),
        "record": lambda at: served.record(batches[at], outcomes[at], "champion", 1.0, 10, 0, ""),
    }
    for name, part in parts.items():
        print(f"  {name:30} {_us(part, 1_000):7.2f}")


def _routes(plane: Plane, singles: list[bytes], plain: float) -> None:
    """What routing adds to a request; shadows are answered outside of it."""
    asks = [Ask(model="bench", body=body, sticky=str(at)) for at, body in enumerate(singles)]
    arms = (Arm(version=1, weight=9), Arm(version=2, weight=1, label="canary"))
    for name, route in {
        "champion": Route(arms=(Arm(version=1),)),
        "canary, sticky": Route(arms=arms, strategy="canary"),
        "bandit and a shadow": Route(arms=arms, strategy="bandit", shadows=(2,), sticky=False),
        "cached": Route(arms=(Arm(version=3),)),
    }.items():
        plane.set_route("bench", route)
        spent = _us(lambda at: plane.answer(asks[at]), 1_000, after=lambda: plane.work_shadows(60.0))
        print(f"  {name:30} {spent:7.2f}   {spent - plain:+.2f}")


def _us(call: Callable[[int], Any], times: int, after: Callable[[], Any] = lambda: None) -> float:
    """The median over repeats of the mean processor time of a call, in microseconds."""
    found = []
    for _ in range(_REPEATS):
        started = time.process_time()
        for at in range(times):
            call(at)
        found.append((time.process_time() - started) / times * 1e6)
        after()
    return statistics.median(found)


def _body(rows: list[dict[str, Any]]) -> bytes:
    return json.dumps({"rows": rows}).encode()


def _table() -> tuple[pl.DataFrame, np.ndarray[Any, Any]]:
    rng, names = np.random.default_rng(0), random.Random(0)
    columns: dict[str, Any] = {f"number_{at}": rng.normal(size=_ROWS) * 10 for at in range(12)}
    for at in range(8):
        words = [f"word {names.randrange(1_000)}" for _ in range(6 + at)]
        columns[f"category_{at}"] = rng.choice(words, _ROWS)
    frame = pl.DataFrame(columns)
    score = frame["number_0"].to_numpy() + 5 * rng.normal(size=_ROWS)
    return frame, (score > 0).astype(np.int64)


def _trained(frame: pl.DataFrame, y: np.ndarray[Any, Any]) -> Model:
    kinds = {name: ColumnType.NUMBER if name.startswith("number") else ColumnType.CATEGORY for name in frame.columns}
    schema = Schema(columns=tuple(Column(name=name, type=kind, role=Role.FEATURE) for name, kind in kinds.items()))
    family = load("families", "lightgbm")
    context = FitContext(seed=0)
    plan = planner.plan(schema, FeaturesSpec(), family.needs, Task.BINARY, frame.height)
    features, matrix = pipeline.fit(plan, frame, y, context)
    batch = TrainBatch(X=matrix, y=y, task=Task.BINARY, n_classes=2)
    fitted = family.fit(batch, family.Params(n_estimators=_TREES), context)
    fields = [_field(frame[name], kind) for name, kind in kinds.items()]
    signature = Signature(inputs=tuple(fields), task=Task.BINARY, target="y", classes=("no", "yes"), positive="yes")
    return Model(
        signature=signature,
        members=(Member(features=features, family="lightgbm", fitted=fitted),),
        calibrator=Calibrator(method="platt", parameters=(1.1, -0.2)),
        decision_threshold=0.43,
    )


def _field(series: pl.Series, kind: ColumnType) -> SignatureField:
    if kind is ColumnType.NUMBER:
        low, high = series.to_numpy().min(), series.to_numpy().max()
        return SignatureField(name=series.name, type=kind, low=float(low), high=float(high))
    return SignatureField(name=series.name, type=kind, categories=tuple(series.unique().sort().to_list()))


def _contents(model: Model, frame: pl.DataFrame) -> bundle.BundleContents:
    return bundle.BundleContents(
        model=model, name="bench", sample=frame.tail(200), reference=frame, card="# Bench\n", choose="compiled"
    )


if __name__ == "__main__":
    main()

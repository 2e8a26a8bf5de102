"""A small bundle and events for it, for the tests of streams."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from modelwright.core.nouns import Column, ColumnType, Role, Schema, Signature, SignatureField, Task
from modelwright.core.plugins import load
from modelwright.core.ports import FitContext, TrainBatch
from modelwright.features import pipeline, planner
from modelwright.registry.bundle import BundleContents, write
from modelwright.registry.model import Member, Model
from modelwright.spec.model import FeaturesSpec

NAMES = ("a", "b")


def make_bundle(folder: Path) -> Path:
    """A logistic model of two numbers: `yes` where a + b is large."""
    rng = np.random.default_rng(5)
    frame = pl.DataFrame({name: rng.normal(size=300) for name in NAMES})
    y = (frame["a"] + frame["b"] > 0).to_numpy().astype(np.int64)
    columns = [Column(name=name, type=ColumnType.NUMBER, role=Role.FEATURE) for name in NAMES]
    family = load("families", "logistic")
    plan = planner.plan(Schema(columns=tuple(columns)), FeaturesSpec(), family.needs, Task.BINARY, 300)
    features, matrix = pipeline.fit(plan, frame, y, FitContext(seed=0))
    fitted = family.fit(TrainBatch(X=matrix, y=y, task=Task.BINARY, n_classes=2), family.Params(), FitContext(seed=0))
    signature = Signature(
        inputs=tuple(SignatureField(name=name, type=ColumnType.NUMBER) for name in NAMES),
        task=Task.BINARY,
        target="target",
        classes=("no", "yes"),
        target_type=ColumnType.CATEGORY,
        positive="yes",
    )
    model = Model(signature=signature, members=(Member(features=features, family="logistic", fitted=fitted),))
    write(folder, BundleContents(model=model, name="sums", sample=frame[:60], reference=frame, choose="compiled"))
    return folder

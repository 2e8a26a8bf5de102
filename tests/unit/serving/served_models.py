"""Served models made in memory, for every test of the plane."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from modelwright.core.errors import ModelwrightError
from modelwright.core.nouns import ColumnType, Signature, SignatureField, Task
from modelwright.records.prediction import Schema
from modelwright.registry import manifest
from modelwright.registry.bundle import LoadedBundle
from modelwright.registry.graph import build_graph
from modelwright.registry.model import Model, from_files, to_files
from modelwright.registry.reading import Verified
from modelwright.registry.scorers import CompiledScorer, OnnxScorer, ReferenceScorer, Scorer
from modelwright.serving.live import Served
from modelwright.spec.serving import ServingSpec
from tests.unit.registry import bundle_parts as parts


@lru_cache
def trained(family: str = "lightgbm", task: Task = Task.BINARY) -> Model:
    table = parts.mixed(task, 240)
    threshold = 0.43 if task is Task.BINARY else None
    made = parts.model(table, [family], decision_threshold=threshold)
    fields = []
    for field in made.signature.inputs:
        column = table.frame[field.name]
        known: dict[str, Any] = {}
        if field.type is ColumnType.NUMBER:
            known = {"low": float(column.min()), "high": float(column.max())}  # type: ignore[arg-type]
        if field.type is ColumnType.CATEGORY:
            known = {"categories": tuple(column.drop_nulls().unique().sort().to_list())}
        fields.append(SignatureField(name=field.name, type=field.type, **known))
    signature = Signature(
        inputs=tuple(fields),
        task=task,
        target="target",
        classes=made.signature.classes,
        positive=made.signature.positive,
    )
    return Model(signature=signature, members=made.members, decision_threshold=threshold)


def served(
    model: Model | None = None, version: int = 1, spec: ServingSpec | None = None, *, name: str = "zoo",
    key: bytes = b"", chosen: str = "compiled", batch_only: bool = False,
) -> Served:  # fmt: skip
    """A model as `live.load` would hold it, but for the digests of files; rebuilt, so that each has its buffers."""
    model = from_files(to_files(model or trained()))
    passed = manifest.ScorerEvidence(passed=True, worst_difference=0.0)
    scorers = manifest.Scorers(
        chosen=chosen, tolerance=1e-6, evidence={} if batch_only else {"compiled": passed}, batch_only=batch_only
    )
    about = manifest.Manifest(
        format=manifest.FORMAT, format_version=manifest.FORMAT_VERSION, name=name, files={},
        signature=model.signature, scorers=scorers, metrics={}, verdict=None, data_digest="", commit="", lock_digest="",
        versions={}, golden_rows=0,
    )  # fmt: skip
    loaded = LoadedBundle(Verified(manifest=about, digest="sha256:zoo", files={}), model, _scorer(model, chosen))
    return Served(loaded, name, version, spec, key=key)


def _scorer(model: Model, chosen: str) -> Scorer:
    if chosen == "onnx":
        return OnnxScorer(*build_graph(model), model.signature)
    return CompiledScorer(model) if chosen == "compiled" else ReferenceScorer(model)


class Kept:
    """A log that remembers its records."""

    durability = "group"

    def __init__(self) -> None:
        self.records: list[bytes] = []
        self.schemas: list[Schema] = []

    def describe(self, schema: Schema) -> int:
        self.schemas.append(schema)
        return schema.number

    def append(self, record: bytes) -> None:
        self.records.append(record)

    def commit(self) -> int:
        return len(self.records)

    def when_synced(
        self, position: int, call: Callable[[], None], failed: Callable[[ModelwrightError], None] | None = None
    ) -> None:
        call()

    def close(self) -> None:
        return


ROW: dict[str, Any] = {
    "number": 0.5, "skewed": 2.0, "serial": 1_000_000_003, "kind": "red", "label": "a", "flag": True,
    "when": "2024-02-03T04:05:06",
}  # fmt: skip

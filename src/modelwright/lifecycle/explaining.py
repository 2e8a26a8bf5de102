"""Why one row got its answer: additive contributions of its columns."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from modelwright.core.errors import DataError
from modelwright.core.run import RunRecord
from modelwright.spec.model import DataSpec, Spec

if TYPE_CHECKING:
    import polars as pl

    from modelwright.registry.bundle import LoadedBundle


def explain_one(record: RunRecord, bundle: Path, row: int, data: str | None) -> dict[str, Any]:
    """Contributions by raw input column for one row. Raises DataError (`row.unknown`)."""
    from modelwright.registry.bundle import load
    from modelwright.spec.hooks import at_home, spec_hooks

    spec, base = msgspec.convert(record.spec, Spec), Path(record.paths.get("base", "."))
    with at_home(base):  # the functions of the run's own spec are the user's choice already
        return _explained(load(bundle, hooks=spec_hooks(spec, base)), _table(spec, base, data), row)


def _table(spec: Spec, base: Path, data: str | None) -> pl.DataFrame:
    """The run's own table, or another one, prepared as the run's was."""
    from modelwright.lifecycle.prepare import apply_prepare, read_source
    from modelwright.lifecycle.typed import declared_texts, typed

    raw = read_source(spec, base) if data is None else read_source(Spec(data=DataSpec(source=data)), Path.cwd())
    if spec.data.prepare is None:
        return raw.frame
    return apply_prepare(typed(raw, declared_texts(spec)), spec.data.prepare, base).frame


def _explained(loaded: LoadedBundle, frame: pl.DataFrame, row: int) -> dict[str, Any]:
    from modelwright.evaluation.explain import explain_row

    if row >= frame.height:
        raise DataError(
            f"There is no row {row}: the table has rows 0 to {frame.height - 1}.",
            code="row.unknown",
            hint=f"use --row with a number up to {frame.height - 1}",
            subject=f"row:{row}",
        )
    one, _ = loaded.conform(frame.slice(row, 1))
    predictions = loaded.predict(one)
    explained: dict[str, Any] = explain_row(loaded.model, one)
    answer = predictions.values if predictions.labels is None else predictions.labels
    label = None if answer is None else answer[0].item()
    if predictions.classes and predictions.labels is not None:
        label = predictions.classes[int(predictions.labels[0])]
    probabilities = None
    if predictions.probabilities is not None:
        probabilities = dict(zip(predictions.classes, predictions.probabilities[0].tolist(), strict=True))
    return {
        "index": row,
        "values": one.row(0, named=True),
        "prediction": label,
        "probabilities": probabilities,
        **explained,
    }

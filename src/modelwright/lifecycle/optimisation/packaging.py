"""What a model takes in time and bytes, estimated before it is packaged and measured after."""

from __future__ import annotations

import shutil
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelwright.core.errors import ModelwrightError
from modelwright.core.nouns import Estimate
from modelwright.lifecycle.optimisation.evidence import Evidence
from modelwright.lifecycle.optimisation.ladder import Rung

if TYPE_CHECKING:
    import polars as pl

    from modelwright.registry.bundle import LoadedBundle
    from modelwright.registry.model import Model
    from modelwright.registry.scorers import Scorer

_SAMPLE_ROWS = 2_000
#: rows that are timed at most, in stretches of so many, for so long
_TIMED_ROWS, _STRETCH, _TIMING_S = 400, 20, 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """latency_us: the median of one row by the scorer that serves; size_bytes: all files of the bundle."""

    latency_us: float
    size_bytes: int
    scorers_us: dict[str, float]
    #: bytes that are no part of the model itself: golden rows, reference statistics, card
    around_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    measured: Measured
    digest: str
    missed: list[str]
    notes: tuple[str, ...]


def measured(bundle: LoadedBundle, folder: Path, evidence: Evidence) -> Measured:
    """The bundle as it lies there, its scorers timed on rows of the evidence."""
    entries = bundle.manifest.files
    size = sum(entry.size_bytes for entry in entries.values()) + (folder / "manifest.json").stat().st_size
    model = sum(entry.size_bytes for name, entry in entries.items() if name.startswith("model"))
    passed = [name for name, found in bundle.manifest.scorers.evidence.items() if found.passed]
    scorers = {name: made for name, made in _scorers(bundle.model, passed).items() if made is not None}
    scorers[bundle.manifest.scorers.chosen] = bundle.scorer
    times = {name: row_us(made, _rows(bundle.model, evidence)) for name, made in sorted(scorers.items())}
    return Measured(
        latency_us=times[bundle.manifest.scorers.chosen],
        size_bytes=size,
        scorers_us=times,
        around_bytes=size - model,
    )


def estimated(model: Model, evidence: Evidence, base: Measured) -> Measured:
    """What the model would measure as a bundle, without the gate, which takes seconds."""
    from modelwright.registry.graph import build_graph
    from modelwright.registry.model import to_files

    size = sum(len(content) for content in to_files(model).values()) + base.around_bytes
    try:
        graph, _ = build_graph(model)
        size += len(graph)
    except Exception:  # noqa: BLE001 - what cannot be said as a graph has none, as in the gate
        graph = b""
    scorers = {name: made for name, made in _scorers(model, ("compiled", "reference")).items() if made is not None}
    quick = "compiled" if "compiled" in scorers else "reference"
    times = {quick: row_us(scorers[quick], _rows(model, evidence))}
    return Measured(latency_us=times[quick], size_bytes=size, scorers_us=times)


def row_us(scorer: Scorer, frame: pl.DataFrame) -> float:
    """Microseconds of one row: the median of a few stretches of rows, in this thread's own time, so that what else
    the machine does counts little."""
    rows = frame.head(_TIMED_ROWS).to_dicts()
    spent: list[float] = []
    for values in rows[:5]:
        scorer.row(values)
    started = time.perf_counter()
    for begin in range(0, len(rows), _STRETCH):
        stretch = rows[begin : begin + _STRETCH]
        before = time.thread_time()
        for values in stretch:
            scorer.row(values)
        spent.append((time.thread_time() - before) / len(stretch))
        if time.perf_counter() - started > _TIMING_S:
            break
    return round(statistics.median(spent) * 1e6, 1)


def _scorers(model: Model, names: tuple[str, ...] | list[str]) -> dict[str, Scorer | None]:
    from modelwright.registry.graph import build_graph
    from modelwright.registry.scorers import CompiledScorer, OnnxScorer, ReferenceScorer

    def onnx() -> Scorer:
        graph, inputs = build_graph(model)
        return OnnxScorer(graph, inputs, model.signature)

    makers: Mapping[str, Callable[[], Scorer]] = {
        "compiled": lambda: CompiledScorer(model),
        "onnx": onnx,
        "reference": lambda: ReferenceScorer(model),
    }
    found: dict[str, Scorer | None] = {}
    for name in names:
        try:
            found[name] = makers[name]()
        except Exception:  # noqa: BLE001 - a scorer that cannot be built is not timed
            found[name] = None
    return found


def _rows(model: Model, evidence: Evidence) -> pl.DataFrame:
    return evidence.frame.select([field.name for field in model.signature.inputs]).head(_SAMPLE_ROWS)


# ---------------------------------------------------------------- the new bundle


def package(
    rung: Rung,
    bundle: LoadedBundle,
    evidence: Evidence,
    said: Mapping[str, Any],
    output: Path,
    missed: Callable[[Measured], list[str]],
) -> Packed:
    """Write, verify and probe the bundle; it is taken away again where it does not keep the limits after all."""
    from modelwright.registry import bundle as bundles

    manifest = bundle.manifest
    rows = _rows(rung.model, evidence)
    notes = (*manifest.notes, *_notes(said))
    metric = str(said["metric"])
    contents = bundles.BundleContents(
        model=rung.model,
        name=manifest.name,
        sample=rows,
        reference=evidence.frame.select(rows.columns),
        metrics={"val": {metric: said["after"]}} if said["after"] is not None else {},
        data_digest=manifest.data_digest,
        commit=manifest.commit,
        lock_digest=manifest.lock_digest,
        card=_card(bundle, said),
        parent=bundle.digest,
        notes=notes,
    )
    info = bundles.write(output, contents)
    try:
        found = measured(bundles.load(output, hooks=rung.model.hooks), output, evidence)
    except ModelwrightError:
        shutil.rmtree(output, ignore_errors=True)
        raise
    wrong = missed(found)
    if wrong:
        shutil.rmtree(output, ignore_errors=True)
    return Packed(measured=found, digest=info.digest, missed=wrong, notes=notes)


def _notes(said: Mapping[str, Any]) -> list[str]:
    return [f"Made smaller: {'; '.join(said['steps']) or 'as it was'}.", f"Cost: {_cost_words(said)}."]


def _cost_words(said: Mapping[str, Any]) -> str:
    metric, cost = str(said["metric"]).replace("_", " "), said["cost"]
    if said["before"] is None or said["after"] is None or cost is None:
        return "not measured, because no rows are left that none of its members has learned from"
    return (
        f"{metric} {_words(said['before'])} before and {_words(said['after'])} after on {said['source']}; "
        f"difference {_words(cost)}, more is better"
    )


def _words(one: Estimate) -> str:
    if one.low is None or one.high is None:
        return f"{one.value:.4g}"
    return f"{one.value:.4g} ({one.low:.4g} to {one.high:.4g})"


def _card(bundle: LoadedBundle, said: Mapping[str, Any]) -> str:
    """What was done and what it cost, then the card of the bundle it was made from."""
    steps = "\n".join(f"- {step}" for step in said["steps"]) or "- nothing but packaging"
    return f"""# {bundle.manifest.name}, made smaller

This bundle was made from the bundle `{bundle.digest}` by `modelwright optimize`:

{steps}

What it cost: {_cost_words(said)}.

Half of the rows chose among smaller models, the other half measured. It has no verdict of its own: the sealed test rows
were not opened again. Intervals and sets of the original, which were learned from its answers, are left out.

The card below is that of the original; its figures are the original's.

{bundle.card}"""

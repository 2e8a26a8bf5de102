"""Packaging's judgement: restore the model from its own files, try each scorer on adversarial rows, choose one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelwright.core.errors import ModelError, ModelwrightError
from modelwright.core.run import ScorerRecord
from modelwright.core.tables import Predictions
from modelwright.registry import adversarial, golden, parity
from modelwright.registry.graph import build_graph
from modelwright.registry.manifest import ScorerEvidence, Scorers
from modelwright.registry.model import Model, from_files, to_files
from modelwright.registry.scorers import CompiledScorer, OnnxScorer, ReferenceScorer, Scorer
from modelwright.stats.trees_model import TreeModel

if TYPE_CHECKING:
    import polars as pl

#: the training path takes milliseconds a row, and a graph is one program for one row and for many: fewer of their rows
#: are tried singly, a graph's beside all of them in batches
_SINGLES = {"reference": 8, "onnx": 25}
_REPRODUCED = 1e-9
#: trees up to which every row is tried; larger models try fewer, by their size and never by the clock: equal models
#: must give equal evidence
_PLENTY_OF_TREES = 600
_FEWEST_SINGLES, _LEAST_EFFORT = 60, 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    scorers: Scorers
    records: tuple[ScorerRecord, ...]
    graph: bytes  # empty when no graph passed
    golden: bytes
    golden_rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """Everything but the clock: what each scorer answered to which rows, and those that may be timed."""

    built: dict[str, Scorer]
    evidence: dict[str, ScorerEvidence]
    timed_rows: pl.DataFrame
    batch_only: bool
    graph: bytes
    inputs: dict[str, str]
    model_bytes: int
    golden: bytes
    golden_rows: int


def pass_gate(model: Model, sample: pl.DataFrame, *, choose: str | None = None) -> Gate:
    """Try `compiled`, `onnx` and `reference`. Raises ModelError when the model does not survive its own files."""
    return timed(tried(model, sample), choose=choose)


def tried(model: Model, sample: pl.DataFrame) -> Tried:
    """Hold every scorer against the training path. Raises ModelError as `pass_gate` does."""
    if sample.height == 0:
        raise ModelError("The parity gate needs rows to try, and there are none.", code="bundle.sample")
    files = to_files(model)
    restored = from_files(files, model.hooks)
    kinds = adversarial.rows_by_kind(sample, model.signature)
    effort = _effort(restored)
    kinds["threshold"] = adversarial.threshold_rows(sample, model.signature, restored.predict, effort=effort)
    kinds = {kind: frame for kind, frame in kinds.items() if frame.height}
    truth = {kind: restored.predict(frame) for kind, frame in kinds.items()}
    _check_restored(model, kinds, truth)

    graph, inputs, built, refusals = _candidates(restored)
    threshold = model.decision_threshold
    evidence = {name: ScorerEvidence(passed=False, reason=reason) for name, reason in refusals.items()}
    for name, scorer in built.items():
        singles = _SINGLES.get(name) or max(_FEWEST_SINGLES, int(parity.SINGLE_ROWS * effort))
        # their batches are the training path, which is the truth itself
        evidence[name] = parity.judge(scorer, kinds, truth, threshold, singles=singles, batches=name == "onnx")
    batch_only = not evidence["reference"].passed and _needs_neighbours(restored)
    if batch_only:
        evidence["reference"] = parity.judge(built["reference"], kinds, truth, threshold, singles=0, batches=True)
    rows = golden.choose_rows(sample, kinds, model.signature)
    text, n_golden = golden.encode(rows, restored.predict(rows))
    return Tried(
        built=built,
        evidence=evidence,
        timed_rows=kinds["validation"],
        batch_only=batch_only,
        graph=graph,
        inputs=inputs,
        model_bytes=sum(len(data) for data in files.values()),
        golden=text,
        golden_rows=n_golden,
    )


def timed(found: Tried, *, choose: str | None = None) -> Gate:
    """Time the scorers that passed, and choose; best with nothing else at work. Raises ModelError (`scorer.*`)."""
    evidence = found.evidence
    passed = {name: scorer for name, scorer in found.built.items() if evidence[name].passed}
    times = {name: parity.median_us(scorer, found.timed_rows) for name, scorer in passed.items()}
    if not times:
        raise ModelError(
            f"No scorer passed the parity gate: the training path itself {evidence['reference'].reason}.",
            code="scorer.none",
            hint="a feature step or family gives one row another answer than the same row in a table",
            subject="model",
        )
    chosen = parity.choose(times, choose)
    kept = found.graph if "onnx" in times else b""
    records = tuple(
        parity.record(
            name,
            evidence[name],
            chosen=name == chosen,
            us_per_row=times.get(name),
            size_bytes=(len(found.graph) or None) if name == "onnx" else found.model_bytes,
        )
        for name in parity.ORDER
    )
    scorers = Scorers(
        chosen=chosen,
        batch_only=found.batch_only,
        tolerance=parity.TOLERANCE,
        evidence={name: evidence[name] for name in parity.ORDER},
        onnx_inputs=found.inputs if kept else {},
    )
    return Gate(scorers=scorers, records=records, graph=kept, golden=found.golden, golden_rows=found.golden_rows)


def _effort(model: Model) -> float:
    """How much of the usual search a model of this size gets, 0.25 to 1."""
    trees = sum(member.fitted.tables.n_trees for member in model.members if isinstance(member.fitted, TreeModel))
    return min(1.0, max(_LEAST_EFFORT, _PLENTY_OF_TREES / max(trees, 1)))


def _candidates(model: Model) -> tuple[bytes, dict[str, str], dict[str, Scorer], dict[str, str]]:
    """Graph bytes, its inputs, the scorers that could be built, and why the others could not."""
    graph = b""
    inputs: dict[str, str] = {}
    built: dict[str, Scorer] = {"reference": ReferenceScorer(model)}
    refusals: dict[str, str] = {}
    try:
        built["compiled"] = CompiledScorer(model)
    except Exception as error:  # noqa: BLE001 - a scorer that cannot be built is refused, never fatal
        refusals["compiled"] = _why(error)
    try:
        graph, inputs = build_graph(model)
        built["onnx"] = OnnxScorer(graph, inputs, model.signature)
    except Exception as error:  # noqa: BLE001
        refusals["onnx"] = _why(error)
    return graph, inputs, built, refusals


def _needs_neighbours(model: Model) -> bool:
    """Windows and the user's own functions read whole tables; they have no single-row form and say so."""
    return any(member.features.row() is None for member in model.members)


def _why(error: Exception) -> str:
    """Parts that cannot be said in a form say why; a part that breaks over it is refused like them."""
    if isinstance(error, ModelwrightError):
        return error.message
    return f"{type(error).__name__}: {str(error)[:200]}"


def _check_restored(model: Model, kinds: dict[str, pl.DataFrame], truth: dict[str, Predictions]) -> None:
    """What was written and read must be what was trained."""
    for kind, frame in kinds.items():
        difference, wrong, close = parity.compare(model.predict(frame), truth[kind], model.decision_threshold)
        bad = (difference > _REPRODUCED) | (wrong & ~close)
        if bad.any():
            raise ModelError(
                f"The model written to files answers {int(bad.sum())} of {frame.height} {kind} rows differently "
                f"from the model that was trained (by up to {float(difference[bad].max()):.2g}).",
                code="bundle.state",
                hint="a family or feature step does not restore what it learned; its contract test shows which",
                subject="model",
            )

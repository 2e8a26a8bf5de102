"""Package: write the bundle, put every scorer through the parity gate, verify and probe what was written."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from modelwright.core.digests import digest_of
from modelwright.core.nouns import Signature, Task, Verdict
from modelwright.core.run import ProductRecord, RunRecord, ScorerRecord
from modelwright.lifecycle.operation import Context, Progress
from modelwright.lifecycle.stages.partition import Partition
from modelwright.lifecycle.stages.trying import Trial, sample_of
from modelwright.lifecycle.steps import StepResult
from modelwright.lifecycle.workspace import pretty_json

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

    from modelwright.core.tables import Predictions
    from modelwright.registry.bundle import BundleContents, BundleInfo
    from modelwright.registry.gate import Gate
    from modelwright.registry.model import Model


class _Facts(msgspec.Struct, frozen=True, kw_only=True):
    digest: str
    scorers: tuple[ScorerRecord, ...]
    products: tuple[ProductRecord, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageOrder:
    """What goes into the bundle."""

    record: RunRecord
    verdict: Verdict
    lock: str
    scorer: str | None
    partition: Partition
    model: Model
    fast: Model | None = None
    #: out-of-fold answers of `model`
    oof: Predictions | None = None
    #: what was begun beside evaluation
    trial: Trial = field(default_factory=Trial)


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """`bundle` holds the product `best`; `fast` the other one, where there is one."""

    bundle: Path
    digest: str
    scorers: tuple[ScorerRecord, ...]
    products: tuple[ProductRecord, ...]
    fast: Path | None = None


def parts(order: PackageOrder, inputs: tuple[StepResult, ...]) -> dict[str, str]:
    """What the result depends on."""
    from modelwright.spec.hooks import home, hook_digest

    return {
        **{f"hook.{hook}": hook_digest(hook, home()) for hook in order.model.hooks},
        **{f"input.{result.record.name}": result.record.output for result in inputs},
        "verdict": digest_of(order.verdict),
        "commit": order.record.commit,
        "lock": order.lock,
        "scorer": order.scorer or "",
        "name": order.record.name,
    }


def own_code_notes(order: PackageOrder) -> tuple[str, ...]:
    """What somebody who predicts with this bundle has to know about the user's own functions."""
    notes = []
    if order.model.hooks:
        flags = " ".join(f"--allow-hook {hook}" for hook in order.model.hooks)
        notes.append(f"The model calls code of your own, which is not in the bundle: predict with {flags}.")
    prepare = (order.record.spec.get("data") or {}).get("prepare")
    if prepare:
        notes.append(f"Its rows were prepared by your own function: predict with --prepare {prepare}.")
    return tuple(notes)


def write(folder: Path, order: PackageOrder, context: Context) -> None:
    from modelwright.documents import card
    from modelwright.registry import bundle

    record = order.record
    assert record.report is not None
    context.progress(Progress(step="package", message="trying each scorer on adversarial rows"))
    gates = order.trial.gates(order.scorer)  # first, so that its clock runs while nothing else does
    sample = sample_of(order.partition)
    contents = bundle.BundleContents(
        model=order.model,
        name=record.name,
        sample=sample,
        reference=order.partition.frame,
        metrics=record.report.metrics,
        verdict=order.verdict,
        data_digest=record.data_digest,
        commit=record.commit,
        lock_digest=order.lock,
        card=card.markdown(record),
        choose=order.scorer,
        notes=own_code_notes(order),
        uncertainty=_uncertainty(record),
        unseen=_unseen(order, sample),
        prior=prior(order.partition.y, order.model.signature),
    )
    with order.trial.probe(order.model.hooks) as probe:  # it imports while scorers are tried
        info = bundle.write(folder / "bundle", contents, gate=gates.get("best"))
        context.progress(Progress(step="package", message="verifying and probing the bundle in a child process"))
        probe.ask(folder / "bundle", info.digest)  # and loads while the quick product is written
        made = [_measured(order, "best", info, folder / "bundle")]
        if order.fast is not None:
            context.progress(Progress(step="package", message="the quick product: trying each scorer"))
            quick = _write_fast(folder / "fast", order, contents, order.fast, gates.get("fast"))
            probe.ask(folder / "fast", quick.digest)
            made.append(_measured(order, "fast", quick, folder / "fast"))
        probe.conclude()
    facts = _Facts(digest=info.digest, scorers=info.scorers, products=tuple(made))
    (folder / "facts.json").write_bytes(pretty_json(facts))


def prior(y: NDArray[Any] | None, signature: Signature) -> dict[str, float]:
    """What answers when the model cannot: each class's share of the development rows, or the target's median."""
    import numpy as np

    if y is None or not len(y):
        return {}
    if signature.task.is_classification:
        counts = np.bincount(y.astype(np.int64), minlength=len(signature.classes))
        return {name: float(count / len(y)) for name, count in zip(signature.classes, counts, strict=True)}
    return {"median": float(np.median(y))} if signature.task is Task.REGRESSION else {}


def _unseen(order: PackageOrder, sample: pl.DataFrame) -> Predictions | None:
    """Out-of-fold answers, where the folds' models answer as the final one does; a model that learned next to nothing
    answers otherwise in every fold, and its later answers would always look drifted (PSI above 0.25)."""
    from modelwright.stats.distances import bin_counts, psi, quantile_edges

    if order.oof is None or not order.oof.n_rows:
        return None
    own = order.model.predict(sample)
    sides = [each.values if each.probabilities is None else each.probabilities[:, -1] for each in (order.oof, own)]
    if sides[0] is None or sides[1] is None:
        return None
    edges = quantile_edges(sides[0])
    return order.oof if psi(bin_counts(sides[0], edges), bin_counts(sides[1], edges)) <= 0.25 else None


def _write_fast(
    folder: Path, order: PackageOrder, contents: BundleContents, model: Model, gate: Gate | None
) -> BundleInfo:
    """The quick model with what was measured of it: its review is that of `best`, so it carries no verdict."""
    from modelwright.core.nouns import Estimate
    from modelwright.documents import card
    from modelwright.registry import bundle

    record = order.record
    assert record.report is not None
    measured = {
        split: {record.report.metric: Estimate(value=value)}
        for one in record.products
        if one.name == "fast"
        for split, value in (("val", one.oof), ("test", one.test))
        if value is not None
    }
    return bundle.write(
        folder,
        replace(
            contents,
            model=model,
            metrics=measured,
            verdict=None,
            card=card.of_fast(record),
            uncertainty={},
            unseen=None,
        ),
        gate=gate,
    )


def _measured(order: PackageOrder, name: str, info: BundleInfo, folder: Path) -> ProductRecord:
    """A product's record with what packaging has found out."""
    known = {one.name: one for one in order.record.products}
    chosen = next((one for one in info.scorers if one.chosen), None)
    return msgspec.structs.replace(
        known.get(name, ProductRecord(name=name, family=order.record.chosen_family)),
        digest=info.digest,
        size_bytes=sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()),
        us_per_row=None if chosen is None else chosen.us_per_row,
    )


def _uncertainty(record: RunRecord) -> dict[str, Any]:
    """What intervals and sets are made from when this bundle predicts: what was judged on the sealed rows."""
    found = record.judgement.uncertainty if record.judgement is not None else None
    return {} if found is None else dict(found.state)


def read(folder: Path) -> Packed:
    facts = msgspec.json.decode((folder / "facts.json").read_bytes(), type=_Facts)
    fast = folder / "fast"
    return Packed(
        bundle=folder / "bundle",
        digest=facts.digest,
        scorers=facts.scorers,
        products=facts.products,
        fast=fast if fast.exists() else None,
    )

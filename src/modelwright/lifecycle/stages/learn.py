"""Train: baselines, candidates, calibration and threshold, on development rows only."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from modelwright.core.digests import digest_of
from modelwright.core.nouns import Estimate, LeaderboardRow
from modelwright.core.run import Problem
from modelwright.core.tables import Predictions
from modelwright.lifecycle.operation import Context, Progress
from modelwright.lifecycle.stages.partition import Partition
from modelwright.lifecycle.workspace import pretty_json
from modelwright.spec.model import Spec
from modelwright.training.candidates import Candidate

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from modelwright.registry.model import Model
    from modelwright.training.bench import Folds
    from modelwright.training.request import Trained, TrainProgress, TrainRequest

#: begins the names of proofs in a run's plan
PROOF = "proof:"


class LearnFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What was tried, for the record."""

    leaderboard: tuple[LeaderboardRow, ...]
    trials: tuple[dict[str, Any], ...]
    pipeline: tuple[str, ...]
    plan: tuple[str, ...]
    notes: tuple[str, ...]
    family: str
    params: dict[str, Any]
    baselines: tuple[str, ...]
    classes: tuple[str, ...]
    timings_s: dict[str, float]
    #: what the whole procedure scores, by nested cross-validation
    nested: Estimate | None = None
    #: the chosen configuration, as it can be fit again; None without a target
    candidate: Candidate | None = None
    #: the second product: the candidate it is, and the out-of-fold scores it is to be read by
    fast: str = ""
    scores: dict[str, float] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """The chosen model, the baselines it had to beat, and out-of-fold predictions for `oof_rows`."""

    model: Model
    baselines: dict[str, Model]
    oof: Predictions
    oof_rows: NDArray[np.int64]
    facts: LearnFacts
    #: one quick model, where `model` is an ensemble
    fast: Model | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnOrder:
    """What training needs besides the rows."""

    spec: Spec
    problem: Problem
    classes: tuple[str, ...]
    metric: str
    base_dir: Path
    units: Path
    code: str
    replay: tuple[str, ...] | None = None


def parts(partition_output: str, spec: Spec, base_dir: Path) -> dict[str, str]:
    """What the result depends on. The number of workers is not among them: it changes when, not what."""
    from modelwright.spec.hooks import spec_hooks_digest

    return {
        "input.split": partition_output,
        "spec.features": digest_of(spec.features),
        "spec.model": digest_of(msgspec.structs.replace(spec.model, name=None)),
        "spec.tuning": digest_of(spec.tuning),
        "spec.evaluation": digest_of(spec.evaluation),
        "spec.training": digest_of(msgspec.structs.replace(spec.training, workers=None)),
        "hooks": spec_hooks_digest(spec, base_dir),
    }


def write(folder: Path, partition: Partition, order: LearnOrder, context: Context) -> bool:
    """Train and store. False when the search was interrupted: good for this run, not to be reused."""
    from modelwright.training.engine import train

    trained = train(request_of(partition, order, context))
    _store(folder, replace(trained, notes=(*trained.notes, *_fewer_folds_note(partition, order.spec))))
    return not trained.interrupted


def request_of(partition: Partition, order: LearnOrder, context: Context) -> TrainRequest:
    """What training is asked; what proofs will take is taken out of its time."""
    from modelwright.training.capacity import memory_bytes
    from modelwright.training.request import Stored, TrainRequest

    spec = order.spec
    share = proof_share(spec, order.problem)
    return TrainRequest(
        frame=partition.frame,
        stored=Stored(file=partition.file, frame=partition.frame),
        schema=partition.schema,
        task=order.problem.task,
        metric=order.metric,
        cache=order.units,
        y=partition.y,
        classes=order.classes,
        positive=order.problem.positive,
        folds=folds_of(partition, spec),
        features=spec.features,
        model=spec.model,
        tuning=spec.tuning,
        evaluation=spec.evaluation,
        budget_s=spec.training.budget_s * (1 - share),
        taken_share=share,
        memory_bytes=memory_bytes(spec.training.memory_share),
        seed=spec.training.seed,
        workers=spec.training.workers,
        execution=spec.place,
        early_stopping=spec.training.early_stopping,
        code_digest=order.code,
        base_dir=order.base_dir,
        replay=None if order.replay is None else tuple(one for one in order.replay if not one.startswith(PROOF)),
        progress=lambda event: context.progress(shown(event, order.metric)),
    )


def folds_of(partition: Partition, spec: Spec) -> Folds:
    """The folds that training and proofs judge on: all, or fewer where rows are many and seconds few.

    What the file says of `evaluation.cv` is always done. Folds that go forward in time are kept from the last, which
    learns from most rows.
    """
    from modelwright.spec.model import CvSpec
    from modelwright.training.capacity import folds_for

    if partition.y is None or spec.evaluation.cv != CvSpec():
        return partition.folds
    count = folds_for(partition.frame.height, spec.training.budget_s, len(partition.folds))
    return partition.folds[-count:] if partition.summary.kind in ("time", "group_time") else partition.folds[:count]


def _fewer_folds_note(partition: Partition, spec: Spec) -> list[str]:
    kept, whole = folds_of(partition, spec), len(partition.folds)
    if len(kept) == whole:
        return []
    n_rows = partition.frame.height
    judged = sum(rows.size for _, rows in kept)
    said = (
        f"judged on {len(kept)} of {whole} folds: {judged:,} of {n_rows:,} rows are enough to tell models apart, and "
        f"{spec.training.budget_s:g} seconds are few for all; training.budget_s from {-(-n_rows // 1_000):,} judges on "
        f"all of them, and so does evaluation.cv.folds: {whole}"
    )
    return [said]


def proof_share(spec: Spec, problem: Problem) -> float:
    """Share of the time that is kept for proofs; without a target there is nothing to prove."""
    return spec.training.proof_share if problem.task.has_target else 0.0


def shown(event: TrainProgress, metric: str, step: str = "train") -> Progress:
    best = f"{event.best_family} {metric} {event.best_score:.4f}" if event.best_score is not None else ""
    left = round(event.time_left_s, 1) if math.isfinite(event.time_left_s) else None  # a replay has no deadline
    return Progress(step=step, message=event.message, done=event.done, best=best, time_left_s=left)


def _store(folder: Path, trained: Trained) -> None:
    import numpy as np

    from modelwright.registry.model import save_model

    save_model(trained.model, folder / "model")
    if trained.fast is not None:
        save_model(trained.fast, folder / "fast")
    for name, baseline in trained.baselines.items():
        save_model(baseline, folder / "baselines" / name)
    arrays = {"rows": trained.oof_rows}
    for name in ("probabilities", "labels", "values"):
        found = getattr(trained.oof, name)
        if found is not None:
            arrays[name] = found
    for name, array in arrays.items():
        np.save(folder / f"oof_{name}.npy", array)
    facts = LearnFacts(
        leaderboard=trained.leaderboard,
        trials=trained.trials,
        pipeline=trained.pipeline,
        plan=trained.plan,
        notes=trained.notes,
        family=trained.chosen_family,
        params=trained.chosen_params,
        baselines=tuple(trained.baselines),
        classes=trained.oof.classes,
        timings_s=dict(trained.timings_s),
        nested=trained.nested,
        candidate=trained.candidate,
        fast=trained.fast_name,
        scores=dict(trained.scores),
    )
    (folder / "facts.json").write_bytes(pretty_json(facts))


def read(folder: Path) -> Learned:
    import numpy as np

    from modelwright.registry.model import load_model

    facts = msgspec.json.decode((folder / "facts.json").read_bytes(), type=LearnFacts)
    arrays: dict[str, NDArray[Any] | None] = {}
    for name in ("rows", "probabilities", "labels", "values"):
        file = folder / f"oof_{name}.npy"
        arrays[name] = np.load(file, allow_pickle=False) if file.exists() else None
    rows = arrays.pop("rows")
    return Learned(
        model=load_model(folder / "model"),
        baselines={name: load_model(folder / "baselines" / name) for name in facts.baselines},
        oof=Predictions(classes=facts.classes, **arrays),
        oof_rows=np.zeros(0, dtype=np.int64) if rows is None else rows,
        facts=facts,
        fast=load_model(folder / "fast") if facts.fast else None,
    )

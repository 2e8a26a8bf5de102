"""Prove: fit the chosen configuration again without its suspects, by time, on a shuffled target and on fewer rows.

Only development rows take part. Which proofs were finished depends on the clock, so they stand in the run's plan and
`reproduce` repeats exactly these.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from modelwright.core.digests import digest_of
from modelwright.core.judgement import Judgement, LearningCurve, Proof
from modelwright.core.nouns import Finding, Role, Schema, Severity
from modelwright.lifecycle.operation import Context, Progress
from modelwright.lifecycle.stages import learn
from modelwright.lifecycle.stages.partition import Partition
from modelwright.lifecycle.workspace import pretty_json
from modelwright.spec.model import Spec

if TYPE_CHECKING:
    from modelwright.training.proving import Doubts
    from modelwright.training.request import TrainRequest
    from modelwright.training.variations import RefitOrder

#: rows on which the finished model's score on what it has learned is measured
_TRAIN_ROWS = 2_000
_RANKINGS = ("roc_auc", "average_precision")


class Proven(msgspec.Struct, frozen=True, kw_only=True):
    """What was proven, and the names that repeat it."""

    proofs: tuple[Proof, ...] = ()
    learning_curve: LearningCurve | None = None
    missing: dict[str, str] = {}
    plan: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProveOrder:
    """What is in doubt, and how training was asked."""

    learning: learn.LearnOrder
    doubts: Doubts


def parts(partition_output: str, learn_output: str, order: ProveOrder) -> dict[str, str]:
    """What the result depends on. Of the findings only what they cast doubt on."""
    from dataclasses import asdict

    spec = order.learning.spec
    return {
        **learn.parts(partition_output, spec, order.learning.base_dir),
        "input.train": learn_output,
        "doubts": digest_of(asdict(order.doubts)),
    }


def doubts_of(findings: Sequence[Finding], schema: Schema, split: str, spec: Spec) -> Doubts:
    """What the findings and the roles of columns leave to be proven."""
    from modelwright.training.proving import Doubts

    times, groups = schema.with_role(Role.TIME), schema.with_role(Role.GROUP)
    accused = accused_by(findings, schema)
    hidden = any(one.code == "split.hidden_order" and not one.undecided for one in findings)
    in_time = split in ("time", "group_time") or spec.data.split.custom is not None
    apart = split in ("group", "group_time") or spec.data.split.custom is not None
    return Doubts(
        suspects=tuple(dict.fromkeys(name for columns in accused for name in columns)),
        pairs=tuple(dict.fromkeys(columns for columns in accused if len(columns) > 1)),
        time=times[0].name if times and not in_time else "",
        by_order=hidden and not times and not in_time,
        group=groups[0].name if groups and not apart else "",
    )


def accused_by(findings: Sequence[Finding], schema: Schema) -> list[tuple[str, ...]]:
    """The feature columns that each blocking or high finding of a leak names, the gravest first."""
    features = {column.name for column in schema.features}
    grave = [
        one
        for one in findings
        if one.code.startswith("leak.") and not one.undecided and (one.blocking or one.severity.rank >= _HIGH)
    ]
    grave.sort(key=lambda one: (not one.blocking, -one.severity.rank, one.code, one.subject))
    return [columns for one in grave if (columns := columns_of(one.subject, features))]


_HIGH = Severity.HIGH.rank


def columns_of(subject: str, known: set[str]) -> tuple[str, ...]:
    """Columns that a finding's subject names: `column:a`, `columns:a,b`."""
    kind, _, named = subject.partition(":")
    if kind not in ("column", "columns"):
        return ()
    if named in known:
        return (named,)
    return tuple(one for one in (each.strip() for each in named.split(",")) if one in known)


def write(folder: Path, partition: Partition, learned: learn.Learned, order: ProveOrder, context: Context) -> bool:
    """Prove and store. False when it was interrupted: good for this run, not to be reused."""
    from modelwright.training.proving import Proofs, prove
    from modelwright.training.variations import LATE

    share = learn.proof_share(order.learning.spec, order.learning.problem)
    stopped = "interrupted" in learned.facts.notes  # who stopped training does not want to wait for proofs
    if learned.facts.candidate is None or partition.y is None or share <= 0 or not partition.folds or stopped:
        why = LATE if stopped else _why_not(partition)
        found = Proofs(missing={"learning curve": why, "shuffled target": why} if why else {})
    else:
        request = request_of(partition, order.learning, context)
        if order.doubts.any:  # where something is in doubt the time that training left over goes into proofs
            request = replace(request, budget_s=request.budget_s + _left_over_s(learned, order.learning.spec, share))
        started = time.monotonic()
        asked = refit_order(request, partition, learned)  # an ensemble's answers to learned rows take seconds
        left_s = max(0.0, request.budget_s - (time.monotonic() - started))
        found = prove(replace(asked, request=replace(request, budget_s=left_s)), order.doubts)
    proven = Proven(
        proofs=found.proofs, learning_curve=found.learning_curve, missing=found.missing or {}, plan=found.plan
    )
    (folder / "proven.json").write_bytes(pretty_json(proven))
    return not found.interrupted


def _left_over_s(learned: learn.Learned, spec: Spec, share: float) -> float:
    return max(0.0, spec.training.budget_s * (1 - share) - learned.facts.timings_s.get("total", math.inf))


def _why_not(partition: Partition) -> str:
    return "" if partition.y is None else "training.proof_share leaves no time for it, or there are no folds"


def request_of(partition: Partition, order: learn.LearnOrder, context: Context) -> TrainRequest:
    """The request of training with the time and the plan of the proofs."""
    request = learn.request_of(partition, order, context)
    spec = order.spec.training
    replay = None
    if order.replay is not None:
        replay = tuple(one.removeprefix(learn.PROOF) for one in order.replay if one.startswith(learn.PROOF))
    return replace(
        request,
        budget_s=spec.budget_s * learn.proof_share(order.spec, order.problem),
        replay=replay,
        progress=lambda event: context.progress(learn.shown(event, order.metric, "prove")),
    )


def refit_order(request: TrainRequest, partition: Partition, learned: learn.Learned) -> RefitOrder:
    """The chosen configuration, ready to be fit again. Raises AssertionError without a target."""
    from modelwright.training.scoring import judge_of
    from modelwright.training.variations import RefitOrder

    judge = judge_of(request)
    assert learned.facts.candidate is not None
    calibrated = learned.model.calibrator is not None and judge.metric.needs == "probabilities"
    return RefitOrder(
        request=request,
        judge=judge,
        candidate=learned.facts.candidate,
        variations=(),
        calibrate=calibrated and judge.metric_name not in _RANKINGS,
        train_score=_train_score(partition, learned, request),
    )


def _train_score(partition: Partition, learned: learn.Learned, request: TrainRequest) -> float:
    from modelwright.training.scoring import judge_of

    assert partition.y is not None
    step = max(1, partition.frame.height // _TRAIN_ROWS)
    predicted = learned.model.predict(partition.frame.gather_every(step))
    return float(judge_of(request).metric.score(partition.y[::step], predicted))


def read(folder: Path) -> Proven:
    return msgspec.json.decode((folder / "proven.json").read_bytes(), type=Proven)


def joined(judgement: Judgement | None, proven: Proven) -> Judgement:
    """Everything that was measured in one place."""
    before = judgement or Judgement()
    missing = dict(before.missing)
    curve = proven.missing.get("learning curve")
    if curve is not None:
        missing["learning_curve"] = curve
    others = [f"{name}: {why}" for name, why in proven.missing.items() if name != "learning curve"]
    if others:
        missing["proofs"] = "; ".join(others)
    return msgspec.structs.replace(before, proofs=proven.proofs, learning_curve=proven.learning_curve, missing=missing)


def announce(context: Context, doubts: Doubts) -> None:
    """Say what is in doubt before the refits begin."""
    if doubts.suspects:
        context.progress(Progress(step="prove", message=f"without {', '.join(doubts.suspects[:5])} first"))

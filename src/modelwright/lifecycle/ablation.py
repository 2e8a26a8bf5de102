"""From a pipeline file to an ablation: the split and the training of a run, reused where nothing changed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from modelwright.core.digests import digest_of
from modelwright.core.errors import SpecError
from modelwright.core.run import RunRecord
from modelwright.lifecycle.environment import code_digest, environment, plugins_digest
from modelwright.lifecycle.operation import Context, Progress
from modelwright.lifecycle.prepare import Prepared, divide, prepare
from modelwright.lifecycle.stages import learn, partition, prove
from modelwright.lifecycle.steps import StepRunner, clear_drafts
from modelwright.lifecycle.workspace import Workspace
from modelwright.spec.model import Spec

if TYPE_CHECKING:
    from modelwright.training.ablation import Ablation
    from modelwright.training.request import TrainProgress


class AblationDone(msgspec.Struct, frozen=True, kw_only=True):
    """The items, and what the chosen configuration is."""

    ablation: Ablation
    family: str
    params: dict[str, object]
    rows: int
    train_reused: bool
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AblateOrder:
    spec: Spec
    base_dir: Path
    name: str
    kinds: Sequence[str]
    budget_s: float


def execute(order: AblateOrder, context: Context) -> AblationDone:
    """Split, train (or take both from an earlier run), then leave out one item after another. Only development rows
    take part. Raises SpecError without a target or folds, and whatever a run would refuse."""
    from modelwright.spec.hooks import at_home

    with at_home(order.base_dir):
        workspace = Workspace(context.workspace, actor=context.actor, clock=context.clock)
        return _execute(order, context, workspace)


def _execute(order: AblateOrder, context: Context, workspace: Workspace) -> AblationDone:
    from modelwright.evaluation.costs import charged

    spec = order.spec
    context.progress(Progress(step="data", message=f"reading {spec.data.source}"))
    prepared = prepare(spec, order.base_dir)
    if prepared.y is None:
        raise SpecError(
            "Without a target nothing can be judged, so nothing can be said to help or hurt.",
            code="ablate.no_target",
            hint="name the column to predict: features.target",
            subject="features.target",
        )
    with charged(spec.evaluation.cost, prepared.classes):
        return _prepared(order, context, workspace, prepared)


def _prepared(order: AblateOrder, context: Context, workspace: Workspace, prepared: Prepared) -> AblationDone:
    from modelwright.evaluation.catalog import resolve

    spec = order.spec
    metric, _ = resolve(spec.evaluation.metric or prepared.problem.metric, prepared.problem.task)
    division = divide(prepared, spec, order.base_dir)
    with workspace.only_writer():
        clear_drafts(workspace.steps)
        steps = _steps(workspace, order.name, context)
        cut = steps.run(
            "split", partition.parts(prepared, spec, order.base_dir), lambda to: partition.write(to, prepared, division)
        )
        parts = partition.read(cut.folder)
        learning = learn.LearnOrder(
            spec=spec,
            problem=prepared.problem,
            classes=prepared.classes,
            metric=metric,
            base_dir=order.base_dir,
            units=workspace.units,
            code=digest_of(steps.base),
        )
        learn_parts = learn.parts(cut.record.output, spec, order.base_dir)
        trained = steps.run("train", learn_parts, lambda to: learn.write(to, parts, learning, context))
        learned = learn.read(trained.folder)
        ablation = _ablate(order, parts, learned, learning, context)
    return AblationDone(
        ablation=ablation,
        family=learned.facts.family,
        params=learned.facts.params,
        rows=int(learned.oof_rows.size),
        train_reused=trained.record.reused,
        notes=learned.facts.notes,
    )


def _steps(workspace: Workspace, name: str, context: Context) -> StepRunner:
    """The same parts as a run's, so that their results are shared."""
    base = {"code": code_digest(), "environment": digest_of(environment()), "plugins": plugins_digest()}
    return StepRunner(
        cache=workspace.steps,
        base={part: value for part, value in base.items() if value},
        earlier=partial(_earlier, workspace, name),
        announce=lambda step, message: context.progress(Progress(step=step, message=message)),
    )


def _earlier(workspace: Workspace, name: str) -> list[RunRecord]:
    return [one for one in workspace.readable_runs() if one.name == name and one.status == "done"]


def _ablate(
    order: AblateOrder, parts: partition.Partition, learned: learn.Learned, learning: learn.LearnOrder, context: Context
) -> Ablation:
    from modelwright.training.ablation import Built, ablate

    if learned.facts.candidate is None or not parts.folds:
        raise SpecError(
            "There are no folds to compare on.",
            code="ablate.no_folds",
            hint="set evaluation.cv.kind: kfold, or use more rows",
            subject="evaluation.cv",
        )
    started = time.monotonic()

    def told(event: TrainProgress) -> None:
        left = max(0.0, order.budget_s - (time.monotonic() - started))
        context.progress(Progress(step="ablate", message=event.message, done=event.done, time_left_s=round(left, 1)))

    request = replace(
        learn.request_of(parts, learning, context), budget_s=order.budget_s, taken_share=0.0, progress=told
    )
    built = Built(calibrated=learned.model.calibrator is not None)
    return ablate(prove.refit_order(request, parts, learned), order.kinds, built)

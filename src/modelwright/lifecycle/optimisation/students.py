"""Students of a bundle: one small booster each, taught by its answers and judged fold by fold.

What a student learns must not know the rows that judge it. The out-of-fold answers of a bagged model do: each comes
from a model that has learned from all other folds. So where a student is judged, its teachers are only the members
that have not seen the judged rows, and answer rows they have learned from; the student that is kept learns the
out-of-fold answers, which are better. The figure of a student is therefore a cautious one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import msgspec

from modelwright.core.errors import ModelError
from modelwright.core.nouns import Task
from modelwright.lifecycle.optimisation.evidence import Answers, Evidence
from modelwright.lifecycle.optimisation.ladder import Rung, member_outputs
from modelwright.registry.model import weighted

if TYPE_CHECKING:
    from modelwright.registry.model import Model
    from modelwright.training.bench import Bench
    from modelwright.training.candidates import Candidate

#: shares of the full size at which students are tried
SIZES = (1.0, 0.5, 0.25, 0.1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lessons:
    """Digests of what is learned: on all rows, and where each fold judges."""

    bench: Bench
    whole: str
    by_fold: tuple[str, ...]


def students(model: Model, evidence: Evidence, teacher: Answers) -> Iterator[Rung]:
    """The largest first. Without folds there is nobody to judge a student, so there is none."""
    from modelwright.training import distilling

    request = evidence.request
    if not request.folds:
        return
    lessons = _lessons(model, evidence, teacher)
    for share in SIZES:
        candidate = distilling.student(
            lessons.whole,
            n_rows=evidence.frame.height,
            n_columns=len(request.schema.features),
            n_classes=len(request.classes),
            share=share,
        )
        found = _fitted(candidate, evidence, lessons)
        if found is not None:
            yield found


def _lessons(model: Model, evidence: Evidence, teacher: Answers) -> _Lessons:
    from modelwright.training import bench as benches
    from modelwright.training import distilling

    request = evidence.request
    bench = benches.lay(request, request.cache / "bench")
    answers = _numbers(request.task, teacher)
    share = distilling.noise(evidence.y[teacher.rows], answers)
    whole = distilling.teach(bench, teacher.rows, answers, share=share)
    if evidence.fresh:
        return _Lessons(bench=bench, whole=whole, by_fold=(whole,) * len(request.folds))
    outputs = member_outputs(model, evidence)
    by_fold = []
    for fold, (learn, _) in enumerate(request.folds):
        known = [
            (one, out[learn])
            for one, out in zip(model.members, outputs, strict=True)
            if one.fold == fold and one.weight > 0
        ]
        weight = sum(one.weight for one, _ in known)
        rows = learn if known else learn[:0]  # nobody who has not seen the judged rows: labels alone
        told = weighted([out for _, out in known], [one.weight / weight for one, _ in known]) if known else answers[:0]
        by_fold.append(distilling.teach(bench, rows, told, share=share))
    return _Lessons(bench=bench, whole=whole, by_fold=tuple(by_fold))


def _numbers(task: Task, teacher: Answers) -> Any:
    found = teacher.predictions.probabilities if task.is_classification else teacher.predictions.values
    assert found is not None
    return found


def _fitted(candidate: Candidate, evidence: Evidence, lessons: _Lessons) -> Rung | None:
    """Judged on each fold, then fit on all rows; calibrated and decided as any model is."""
    from modelwright.training import finishing
    from modelwright.training.fitting import Fitter
    from modelwright.training.scoring import judge_of
    from modelwright.training.units import UnitStore

    request = replace(evidence.request, replay=None)
    judge, store = judge_of(request), UnitStore(request.cache / "units")
    fitter = Fitter(bench=lessons.bench, store=store)
    try:
        results = [
            fitter.run(msgspec.structs.replace(candidate, teacher=taught).unit(request.seed, fold))
            for fold, taught in enumerate(lessons.by_fold)
        ]
        refit = fitter.run(candidate.unit(request.seed, None))
    except ModelError:
        return None
    raw = [store.predictions(result.key) for result in results]
    top = finishing.finish(request, judge, raw, calibrate=request.task is not Task.REGRESSION)
    model = finishing.assemble(request, store, [finishing.Part(family=candidate.family, key=refit.key)], top)
    trees, leaves = candidate.params["n_estimators"], candidate.params["num_leaves"]
    said = f"distilled into one {candidate.family} of {trees} rounds with {leaves} leaves"
    return Rung(model=model, steps=(said,), answers=Answers(rows=top.oof_rows, predictions=top.oof))

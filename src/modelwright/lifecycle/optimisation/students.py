"""Students of a bundle: one small booster each, taught by its honest answers and judged fold by fold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from modelwright.core.errors import ModelError
from modelwright.core.nouns import Task
from modelwright.lifecycle.optimisation.evidence import Answers, Evidence
from modelwright.lifecycle.optimisation.ladder import Rung

if TYPE_CHECKING:
    from modelwright.training.bench import Bench
    from modelwright.training.candidates import Candidate

#: shares of the full size at which students are tried
SIZES = (1.0, 0.5, 0.25, 0.1)


def students(evidence: Evidence, teacher: Answers) -> Iterator[Rung]:
    """The largest first. Without folds there is nobody to judge a student, so there is none."""
    from modelwright.training import bench as benches
    from modelwright.training import distilling

    request = evidence.request
    if not request.folds:
        return
    bench = benches.lay(request, request.cache / "bench")
    predictions = teacher.predictions
    answers = predictions.probabilities if request.task.is_classification else predictions.values
    assert answers is not None
    taught = distilling.teach(bench, teacher.rows, answers)
    columns = len(request.schema.features)
    for share in SIZES:
        candidate = distilling.student(
            taught, n_rows=evidence.frame.height, n_columns=columns, n_classes=len(request.classes), share=share
        )
        found = _fitted(candidate, evidence, bench)
        if found is not None:
            yield found


def _fitted(candidate: Candidate, evidence: Evidence, bench: Bench) -> Rung | None:
    """Judged on each fold, then fit on all rows; calibrated and decided as any model is."""
    from modelwright.training import finishing
    from modelwright.training.fitting import Fitter
    from modelwright.training.scoring import judge_of
    from modelwright.training.units import UnitStore

    request = replace(evidence.request, replay=None)
    judge, store = judge_of(request), UnitStore(request.cache / "units")
    fitter = Fitter(bench=bench, store=store)
    try:
        results = [fitter.run(candidate.unit(request.seed, fold)) for fold in range(len(request.folds))]
        refit = fitter.run(candidate.unit(request.seed, None))
    except ModelError:
        return None
    raw = [store.predictions(result.key) for result in results]
    top = finishing.finish(request, judge, raw, calibrate=request.task is not Task.REGRESSION)
    model = finishing.assemble(request, store, [finishing.Part(family=candidate.family, key=refit.key)], top)
    trees, leaves = candidate.params["n_estimators"], candidate.params["num_leaves"]
    said = f"distilled into one {candidate.family} of {trees} rounds with {leaves} leaves"
    return Rung(model=model, steps=(said,), answers=Answers(rows=top.oof_rows, predictions=top.oof))

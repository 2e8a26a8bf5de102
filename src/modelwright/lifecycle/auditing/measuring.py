"""Measure a claim as a run would be measured, against answers that cost nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec

from modelwright.core.digests import child_seed
from modelwright.core.errors import SpecError
from modelwright.core.nouns import Task
from modelwright.core.report import Report
from modelwright.core.run import Problem, RunRecord
from modelwright.core.tables import Dataset, Predictions
from modelwright.lifecycle.auditing.claim import Audited, Claim
from modelwright.lifecycle.auditing.groups import judge_groups
from modelwright.lifecycle.auditing.reading import complete, predictions, read, truth

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: names of the answers that cost nothing, as the report shows them
CONSTANT, GUESS, AVERAGE, REPEAT = (
    "always_the_commonest",
    "guess_by_share",
    "always_the_average",
    "repeat_the_last",
)


def audit(claim: Claim) -> Audited:
    """Read, align, measure. Raises DataError or SpecError naming the column that is missing or unfit."""
    from modelwright.evaluation.catalog import resolve

    dataset, problem = read(claim)
    column = claim.prediction or claim.scores[0]
    task = problem.task
    dataset, left_out = complete(dataset, claim)
    y, classes = truth(dataset, problem, claim)
    predicted, honest = predictions(dataset, task, classes, claim)
    name, metric = resolve(_metric(claim, task, predicted), task)
    report = _report(claim, (y, predicted, honest), problem, dataset, name)
    report = msgspec.structs.replace(report, greater_is_better=metric.greater_is_better)
    record = RunRecord(
        run_id="audit",
        name=column,
        status="done",
        started_at="",
        source=dataset.source,
        data_digest=dataset.digest,
        n_rows=dataset.n_rows,
        n_columns=len(dataset.schema.columns),
        schema=dataset.schema,
        problem=msgspec.structs.replace(problem, metric=name),
        report=report,
        judgement=judge_groups(claim, _without_claim(dataset, claim), y, predicted, task),
        notes=(f"{left_out:,} rows without a truth or a prediction were left out",) if left_out else (),
    )
    return Audited(record=record, dataset=dataset, y=y, predicted=predicted, probabilities=honest, left_out=left_out)


def _metric(claim: Claim, task: Task, predicted: Predictions) -> str:
    """Labels alone are claimed by their accuracy; it is for the rules to say whether that misleads."""
    from modelwright.evaluation.catalog import default_metrics

    if claim.metric is not None:
        return claim.metric
    return "accuracy" if task.is_classification and predicted.probabilities is None else default_metrics(task)[0]


def _measurable(task: Task, predicted: Predictions, honest: bool, first: str) -> list[str]:
    """The metrics that these predictions hold enough for."""
    from modelwright.evaluation.catalog import default_metrics, resolve

    def fits(name: str) -> bool:
        needs = getattr(resolve(name, task)[1], "needs", "")
        if needs != "probabilities":
            return True
        return predicted.probabilities is not None and (honest or name in ("roc_auc", "average_precision"))

    if not fits(first):
        raise SpecError(
            f"{first} judges probabilities, and there are only {'ranks' if predicted.labels is None else 'labels'}.",
            code="audit.metric",
            hint="name the column of probabilities with --score COL, or choose --metric accuracy",
            subject="metric",
        )
    return list(dict.fromkeys([first, *filter(fits, default_metrics(task))]))


def _report(
    claim: Claim, judged: tuple[NDArray[Any], Predictions, bool], problem: Problem, dataset: Dataset, metric: str
) -> Report:
    from modelwright.evaluation.comparison import compare
    from modelwright.evaluation.curves import curves
    from modelwright.evaluation.scores import estimate
    from modelwright.evaluation.slices import slices

    y, predicted, honest = judged
    task = problem.task
    names = _measurable(task, predicted, honest, metric)
    baselines, comparisons = {}, []
    for name, rival in rivals(claim, y, predicted, dataset).items():
        known = [one for one in names if not _needs_more(one, task, rival)]
        baselines[name] = estimate(y, rival, known, level=claim.level, seed=0)
        if metric in known:
            seed = child_seed(0, "audit", name)
            comparisons.append(compare(y, predicted, rival, metric, against=name, level=claim.level, seed=seed))
    drawn = curves(y, predicted, task)
    if not honest:
        drawn = {name: drawn[name] for name in ("confusion", "roc", "precision_recall") if name in drawn}
    kept = [name for name in claim.segments if name not in (claim.truth, claim.prediction)]
    return Report(
        task=task,
        metric=metric,
        greater_is_better=True,
        metrics={"test": estimate(y, predicted, names, level=claim.level, seed=0)},
        baselines=baselines,
        comparisons=tuple(comparisons),
        slices=slices(_without_claim(dataset, claim), y, predicted, metric, kept, level=claim.level, seed=0),
        goal=claim.goal,
        n_rows={"test": dataset.n_rows},
        decision_threshold=claim.cut if predicted.probabilities is not None and task is Task.BINARY else None,
        curves=drawn,
        judged_rows="rows given",
    )


def _without_claim(dataset: Dataset, claim: Claim) -> Dataset:
    """The columns that may cut rows into segments: neither the truth nor anything predicted."""
    from modelwright.core.nouns import Schema

    gone = {claim.truth, claim.prediction, *claim.scores, *claim.against}
    kept = tuple(column for column in dataset.schema.columns if column.name not in gone)
    return replace(dataset, frame=dataset.frame.select([column.name for column in kept]), schema=Schema(columns=kept))


def _needs_more(name: str, task: Task, rival: Predictions) -> bool:
    from modelwright.evaluation.catalog import resolve

    return getattr(resolve(name, task)[1], "needs", "") == "probabilities" and rival.probabilities is None


def rivals(claim: Claim, y: NDArray[Any], predicted: Predictions, dataset: Dataset) -> dict[str, Predictions]:
    """Answers that cost nothing, made from the truth's own make-up, and the columns named to compare with."""
    import numpy as np

    found: dict[str, Predictions] = {}
    if predicted.values is not None:
        found[AVERAGE] = Predictions(values=np.full(y.size, float(y.mean())))
    else:
        shares = np.bincount(y, minlength=len(predicted.classes)) / y.size
        everywhere = np.tile(shares, (y.size, 1))
        found[CONSTANT] = _answers(predicted.classes, np.full(y.size, int(shares.argmax())), everywhere)
        # a constant scores nothing by F1 and the like: there a blind guess is harder to beat
        guessed = np.random.default_rng(child_seed(0, "guess")).choice(shares.size, y.size, p=shares)
        found[GUESS] = _answers(predicted.classes, guessed, everywhere)
    if claim.time is not None:
        last = _last(dataset, y, claim.time)
        found[REPEAT] = (
            Predictions(values=last) if predicted.values is not None else _answers(predicted.classes, last, None)
        )
    for name in claim.against:
        other = replace(claim, prediction=name, scores=())
        found[name] = predictions(dataset, _task(predicted), predicted.classes, other)[0]
    return found


def _task(predicted: Predictions) -> Task:
    if predicted.values is not None:
        return Task.REGRESSION
    return Task.BINARY if len(predicted.classes) == 2 else Task.MULTICLASS


def _answers(classes: tuple[str, ...], labels: Any, shares: Any) -> Predictions:
    import numpy as np

    return Predictions(classes=classes, labels=np.asarray(labels, dtype=np.int64), probabilities=shares)


def _last(dataset: Dataset, y: NDArray[Any], time: str) -> NDArray[Any]:
    """The truth of the row before, in the order of time; the first row gets the second's truth."""
    import numpy as np

    order = dataset.frame[time].arg_sort().to_numpy()
    last = np.empty_like(y)
    last[order[1:]] = y[order[:-1]]
    last[order[0]] = y[order[1]] if y.size > 1 else y[order[0]]
    return last

"""Read the table of a claim: the truth, the predictions, and which rows have both."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelwright.core.errors import DataError, SpecError, did_you_mean, nearest
from modelwright.core.nouns import ColumnType, Task
from modelwright.core.run import Problem
from modelwright.core.tables import Dataset, Predictions
from modelwright.lifecycle.auditing.claim import Claim
from modelwright.lifecycle.prepare import read_source
from modelwright.spec.model import DataSpec, EvaluationSpec, FeaturesSpec, ModelSpec, Spec

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray


def read(claim: Claim) -> tuple[Dataset, Problem]:
    from modelwright.data.conform import conform
    from modelwright.data.problem import analyse
    from modelwright.data.schema import infer

    if claim.prediction is None and not claim.scores:
        raise SpecError(
            "Nothing says what was predicted.",
            code="audit.no_prediction",
            hint="name the column with --prediction COL, or the probabilities with --score COL",
            subject="prediction",
        )
    spec = Spec(
        data=DataSpec(source=claim.source, table=claim.table),
        features=FeaturesSpec(target=claim.truth),
        model=ModelSpec(task=claim.task, positive=claim.positive),
        evaluation=EvaluationSpec(threshold=claim.goal, level=claim.level),
    )
    raw = read_source(spec, Path.cwd())
    for name in _named(claim):
        if name not in raw.frame.columns:
            raise DataError(
                f"The table has no column '{name}'.",
                code="data.missing_column",
                hint=did_you_mean(name, raw.frame.columns),
                subject=f"column:{name}",
            )
    schema = infer(raw.frame, spec.features, {})
    said = {claim.truth, claim.prediction, *claim.against}
    # answers are read as the labels they are: "Yes" is no truth value where the truth says "Yes" too
    labels = {
        column.name: ColumnType.CATEGORY
        for column in schema.columns
        if column.name in said and column.type in (ColumnType.BOOLEAN, ColumnType.TEXT)
    }
    dataset = conform(raw, infer(raw.frame, spec.features, labels))
    return dataset, analyse(dataset, spec)


def _named(claim: Claim) -> list[str]:
    one = [claim.truth, *([claim.prediction] if claim.prediction else []), *([claim.time] if claim.time else [])]
    return [*one, *claim.scores, *claim.segments, *claim.fairness, *claim.against]


def complete(dataset: Dataset, claim: Claim) -> tuple[Dataset, int]:
    """The rows that have a truth, a prediction and scores; a missing answer is neither a hit nor an error."""
    import polars as pl

    needed = [claim.truth, *([claim.prediction] if claim.prediction else []), *claim.scores, *claim.against]
    frame = dataset.frame.filter(pl.all_horizontal(pl.col(name).is_not_null() for name in needed))
    if frame.height == 0:
        raise DataError(
            f"No row has a value in all of {', '.join(needed)}.",
            code="audit.no_rows",
            hint="look whether the right columns are named",
            subject=f"column:{claim.truth}",
        )
    return replace(dataset, frame=frame), dataset.frame.height - frame.height


def truth(dataset: Dataset, problem: Problem, claim: Claim) -> tuple[NDArray[Any], tuple[str, ...]]:
    """y, and the class labels in the order of positions: those of the truth, then any only ever predicted."""
    import numpy as np

    from modelwright.data.target import class_order, labels

    if problem.task is Task.REGRESSION:
        return dataset.frame[claim.truth].cast(float).to_numpy().astype(np.float64), ()
    classes = list(class_order(problem))
    for name in _label_columns(dataset, problem.task, claim):
        classes += sorted(set(labels(dataset.frame[name]).unique().to_list()) - set(classes))
    if problem.task is Task.BINARY and len(classes) > 2:
        strange = classes[2:]
        close = nearest(strange[0], classes[:2])
        raise DataError(
            f"'{claim.prediction}' holds {', '.join(map(repr, strange[:3]))}, which '{claim.truth}' never does.",
            code="audit.labels",
            hint=f"write the labels alike (did you mean '{close}'?)" if close else "write the labels alike in both",
            subject=f"column:{claim.prediction}",
        )
    return _positions(dataset.frame[claim.truth], classes), tuple(classes)


def _label_columns(dataset: Dataset, task: Task, claim: Claim) -> list[str]:
    found = [*([claim.prediction] if claim.prediction else []), *claim.against]
    return [name for name in found if not (task is Task.BINARY and _is_score(dataset.frame[name]))]


def _positions(column: pl.Series, classes: list[str]) -> NDArray[np.int64]:
    import polars as pl

    from modelwright.data.target import labels

    codes = labels(column).replace_strict(classes, list(range(len(classes))), default=None, return_dtype=pl.Int64)
    return codes.to_numpy().astype("int64")


def _is_score(column: pl.Series) -> bool:
    """Whether a column of predictions of two classes holds numbers between them, so scores and not labels."""
    return column.dtype.is_float() and column.drop_nulls().n_unique() > 2


def predictions(dataset: Dataset, task: Task, classes: tuple[str, ...], claim: Claim) -> tuple[Predictions, bool]:
    """The claim's predictions, and whether its scores are probabilities."""
    import numpy as np

    frame = dataset.frame
    if task is Task.REGRESSION:
        return Predictions(values=_numbers(dataset, claim.prediction or claim.scores[0])), True
    labels = _labels_of(dataset, task, classes, claim.prediction)
    scores = claim.scores or ((claim.prediction,) if claim.prediction and labels is None else ())
    if not scores:
        return Predictions(classes=classes, labels=labels), True
    if task is Task.BINARY:
        _one_score(scores, classes)
        given = _numbers(dataset, scores[0])
        honest = bool(given.min() >= 0.0 and given.max() <= 1.0)
        # scores beyond 0 to 1 rank rows and mean nothing more: their ranks serve the ranking metrics as well
        p = given if honest else np.argsort(np.argsort(given, kind="stable")) / max(given.size - 1, 1)
        labels = (given >= claim.cut).astype(np.int64) if labels is None else labels
        return Predictions(classes=classes, probabilities=np.column_stack([1 - p, p]), labels=labels), honest
    table = _table_of(frame, dataset, scores, classes)
    likeliest = table.argmax(axis=1) if labels is None else labels
    return Predictions(classes=classes, probabilities=table, labels=likeliest), True


def _one_score(scores: tuple[str, ...], classes: tuple[str, ...]) -> None:
    if len(scores) > 1:
        raise SpecError(
            f"There are two classes and {len(scores)} score columns.",
            code="audit.scores",
            hint=f"give one --score: the probability of '{classes[1]}'",
            subject="score",
        )


def _table_of(
    frame: pl.DataFrame, dataset: Dataset, scores: tuple[str, ...], classes: tuple[str, ...]
) -> NDArray[np.float64]:
    """Columns of probabilities in the order of classes: a score column names its class at its end."""
    import numpy as np

    found = {label: [name for name in scores if name == label or name.endswith(f"_{label}")] for label in classes}
    if len(scores) != len(classes) or any(len(names) != 1 for names in found.values()):
        raise SpecError(
            f"There are {len(classes)} classes, and the score columns do not name each of them once.",
            code="audit.scores",
            hint=f"give one --score column per class, named such as probability_{classes[0]}",
            subject="score",
        )
    table = np.column_stack([_numbers(dataset, found[label][0]) for label in classes])
    total = table.sum(axis=1)
    if table.min() < 0 or float(np.abs(total - 1).max()) > 0.02:
        raise DataError(
            "The score columns are not probabilities: they are negative or do not add up to 1 in each row.",
            code="audit.scores",
            hint="give probabilities, or leave --score out and be judged by the labels",
            subject=f"column:{scores[0]}",
        )
    return np.asarray(table / total[:, None])


def _labels_of(dataset: Dataset, task: Task, classes: tuple[str, ...], name: str | None) -> NDArray[np.int64] | None:
    if name is None or (task is Task.BINARY and _is_score(dataset.frame[name])):
        return None
    return _positions(dataset.frame[name], list(classes))


def _numbers(dataset: Dataset, name: str) -> NDArray[np.float64]:
    import numpy as np

    if dataset.schema[name].type not in (ColumnType.NUMBER, ColumnType.BOOLEAN):
        raise DataError(
            f"'{name}' should hold numbers and holds {dataset.schema[name].type.value} values.",
            code="audit.not_numbers",
            hint="name the column that holds the predicted numbers",
            subject=f"column:{name}",
        )
    return dataset.frame[name].cast(float).to_numpy().astype(np.float64)

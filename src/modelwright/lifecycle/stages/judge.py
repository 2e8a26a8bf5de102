"""Evaluate: open the sealed rows once, record the look, and measure the model against its baselines."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from modelwright.core.digests import digest_of
from modelwright.core.judgement import Judgement
from modelwright.core.nouns import Estimate
from modelwright.core.ports import Journal, Metric
from modelwright.core.report import Comparison, Report
from modelwright.core.run import Problem, ProductRecord
from modelwright.core.tables import Dataset, Predictions
from modelwright.lifecycle.champion import Champion
from modelwright.lifecycle.stages.learn import Learned
from modelwright.lifecycle.stages.measure import measure
from modelwright.lifecycle.stages.opened import Opened
from modelwright.lifecycle.stages.partition import Partition
from modelwright.lifecycle.workspace import pretty_json
from modelwright.spec.model import Spec

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray


def parts(
    partition_output: str, learn_output: str, spec: Spec, base_dir: Path, champion: Champion | None = None
) -> dict[str, str]:
    """What the result depends on. A model names the user's functions and does not hold them, so their code is here."""
    from modelwright.spec.hooks import spec_hooks_digest

    return {
        "input.split": partition_output,
        "input.train": learn_output,
        "spec.evaluation": digest_of(spec.evaluation),
        "spec.training.seed": str(spec.training.seed),
        "hooks": spec_hooks_digest(spec, base_dir),
        **({"champion": champion.key} if champion is not None else {}),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeOrder:
    """What evaluation needs besides the model and the rows."""

    spec: Spec
    problem: Problem
    metric: str
    scorer: Metric
    #: called once, when the sealed rows are opened; returns how often they have been opened, this time included
    record_look: Callable[[], int]
    champion: Champion | None = None
    #: the user's own functions that the pipeline file names: the champion may call no other
    hooks: Collection[str] = ()


def write(folder: Path, partition: Partition, learned: Learned, order: JudgeOrder) -> None:
    report, judgement, products = judge(partition, learned, order)
    (folder / "report.json").write_bytes(pretty_json(report))
    (folder / "judgement.json").write_bytes(pretty_json(judgement))
    (folder / "products.json").write_bytes(pretty_json(products))


def read(folder: Path) -> tuple[Report, Judgement, tuple[ProductRecord, ...]]:
    return (
        msgspec.json.decode((folder / "report.json").read_bytes(), type=Report),
        msgspec.json.decode((folder / "judgement.json").read_bytes(), type=Judgement),
        msgspec.json.decode((folder / "products.json").read_bytes(), type=tuple[ProductRecord, ...]),
    )


def record_look(journal: Journal, seal: str, run_id: str) -> int:
    """Append the look to the journal; returns how often these sealed rows have been opened, this time included."""
    subject = f"seal:{seal}"
    earlier = sum(event.kind == "test.opened" and event.subject == subject for event in journal.read())
    journal.append("test.opened", subject, {"run": run_id, "look": earlier + 1})
    return earlier + 1


def judge(
    partition: Partition, learned: Learned, order: JudgeOrder
) -> tuple[Report, Judgement, tuple[ProductRecord, ...]]:
    """The report, what else is measured, and the products; opens the sealed rows once."""
    from modelwright.data.sealed import open_sealed

    looks = 0

    def look() -> int:
        nonlocal looks
        looks = order.record_look()
        return looks

    sealed, y_test = open_sealed(partition.sealed, look)
    if y_test is None:
        return _judge_without_target(partition, learned, order, sealed, looks), Judgement(), ()
    report, judgement = _judge_with_target(partition, learned, order, (sealed, y_test, looks))
    return report, judgement, _products(learned, order, report, (sealed, y_test))


def _products(
    learned: Learned, order: JudgeOrder, report: Report, rows: tuple[Dataset, NDArray[Any]]
) -> tuple[ProductRecord, ...]:
    """`best`, and `fast` on the same sealed rows: what speed and size cost."""
    sealed, y_test = rows
    scores = learned.facts.scores
    best = ProductRecord(name="best", family=learned.facts.family, oof=scores.get("best"), test=report.primary.value)
    if learned.fast is None:
        return (best,)
    test = float(order.scorer.score(y_test, learned.fast.predict(sealed.frame)))
    plain = [
        found[order.metric].value
        for name, found in report.baselines.items()
        if name != "dummy" and name in learned.baselines
    ]
    gain = report.primary.value - plain[0] if plain else 0.0
    better = gain > 0 if report.greater_is_better else gain < 0
    kept = (test - plain[0]) / gain if better else None
    family = learned.fast.members[0].family
    return (best, ProductRecord(name="fast", family=family, oof=scores.get("fast"), test=test, kept=kept))


def _judge_with_target(
    partition: Partition, learned: Learned, order: JudgeOrder, opened: tuple[Dataset, NDArray[Any], int]
) -> tuple[Report, Judgement]:
    from modelwright.evaluation.catalog import default_metrics
    from modelwright.evaluation.comparison import compare
    from modelwright.evaluation.curves import curves
    from modelwright.evaluation.effort import effort
    from modelwright.evaluation.floors import floors
    from modelwright.evaluation.importance import permutation
    from modelwright.evaluation.scores import estimate
    from modelwright.evaluation.slices import slices

    sealed, y_test, looks = opened
    task, settings = order.problem.task, order.spec.evaluation
    level, seed = settings.level, order.spec.training.seed
    names = list(dict.fromkeys([order.metric, *default_metrics(task)]))

    related = related_rows(sealed.frame, order.spec, partition)
    known = related_rows(partition.frame, order.spec, partition)

    def scores(y: NDArray[Any], predictions: Predictions, clusters: NDArray[Any] | None = None) -> dict[str, Estimate]:
        return estimate(y, predictions, names, level=level, seed=seed, clusters=clusters)

    predicted = learned.model.predict(sealed.frame)
    tried = effort(learned.model, sealed.frame, by_row=learned.model.by_row)
    assert partition.y is not None
    seen = _sample(partition.frame.height, tried.trained, seed)
    again = learned.model.predict(partition.frame[seen])
    metrics = {"train": scores(partition.y[seen], again, None if known is None else known[seen])}
    if learned.oof_rows.size:
        metrics["val"] = scores(
            partition.y[learned.oof_rows], learned.oof, None if known is None else known[learned.oof_rows]
        )
    if learned.facts.nested is not None:
        metrics["nested"] = {order.metric: learned.facts.nested}
    metrics["test"] = scores(y_test, predicted, related)
    baselines: dict[str, dict[str, Estimate]] = {}
    comparisons: list[Comparison] = []
    # where the simple model won it has only the constant left to beat
    rivals = {
        name: one.predict(sealed.frame) for name, one in learned.baselines.items() if name != learned.facts.family
    }
    if "dummy" in rivals:
        rivals |= floors(partition.y, y_test, rivals["dummy"], order.scorer, seed=seed)
    for name, rival in rivals.items():
        baselines[name] = scores(y_test, rival, related)
        comparisons.append(
            compare(y_test, predicted, rival, order.metric, against=name, level=level, seed=seed, clusters=related)
        )
    report = Report(
        task=task,
        metric=order.metric,
        greater_is_better=order.scorer.greater_is_better,
        metrics=metrics,
        baselines=baselines,
        comparisons=tuple(comparisons),
        slices=slices(sealed, y_test, predicted, order.metric, settings.slices, level=level, seed=seed),
        importances=permutation(
            learned.model.predict,
            sealed,
            y_test,
            order.metric,
            seed=seed,
            max_rows=tried.permuted,
            repeats=tried.repeats,
            by_row=learned.model.by_row,
        ),
        looks=looks,
        goal=settings.threshold,
        n_rows={**partition.summary.rows, "test": sealed.n_rows},
        decision_threshold=learned.model.decision_threshold,
        curves=curves(y_test, predicted, task),
        notes=(
            *learned.facts.notes,
            *filter(None, [tried.note(sealed.n_rows, partition.frame.height, len(learned.model.members))]),
        ),
    )
    opened_rows = Opened(
        partition=partition,
        learned=learned,
        spec=order.spec,
        problem=order.problem,
        metric=order.metric,
        sealed=sealed,
        y=y_test,
        predicted=predicted,
        importances=report.importances,
        effort=tried,
    )
    return report, _with_champion(measure(opened_rows), opened_rows, order, looks)


def _sample(n: int, most: int, seed: int) -> NDArray[np.int64]:
    import numpy as np

    from modelwright.core.digests import child_seed

    if n <= most:
        return np.arange(n)
    return np.sort(np.random.default_rng(child_seed(seed, "train rows")).choice(n, most, replace=False))


def _with_champion(judged: Judgement, opened: Opened, order: JudgeOrder, looks: int) -> Judgement:
    """The comparison with the model in charge, or why there is none."""
    from modelwright.core.errors import ModelwrightError
    from modelwright.lifecycle.champion import compare_with

    champion = order.champion
    if champion is None:
        return judged
    how = (opened.metric, opened.level, opened.seed, looks)
    rows = (opened.sealed, opened.y, opened.predicted)
    try:
        found = compare_with(champion, rows, opened.learned.model.signature, how, order.hooks)
    except ModelwrightError as error:
        return msgspec.structs.replace(judged, missing={**judged.missing, "champion": error.message})
    return msgspec.structs.replace(
        judged, champion=found, champion_version=champion.version.version, champion_looks=looks
    )


def related_rows(frame: pl.DataFrame, spec: Spec, partition: Partition) -> NDArray[Any] | None:
    """Numbers of rows that are not independent: their group, or blocks of time; None where they are.

    An interval from rows drawn one by one is too narrow where rows of one group share their luck.
    """
    import numpy as np

    from modelwright.evaluation.scores import time_blocks

    kind, group, time = partition.summary.kind, spec.features.group, spec.features.time
    if group is not None and group in frame.columns:
        numbers = frame[group].cast(str).rank("dense").fill_null(0).to_numpy().astype(np.int64)
        unknown = numbers == 0  # each row without a group stands for itself
        numbers[unknown] = frame.height + np.arange(int(unknown.sum()))
        return numbers
    if kind.startswith("time") and time is not None and time in frame.columns:
        order = np.argsort(frame[time].rank("ordinal").fill_null(0).to_numpy(), kind="stable")
        blocks = np.empty(frame.height, dtype=np.int64)
        blocks[order] = time_blocks(frame.height)
        return blocks
    return None


def _judge_without_target(
    partition: Partition, learned: Learned, order: JudgeOrder, sealed: Dataset, looks: int
) -> Report:
    """Without a target there is nothing to be right about: internal measures, train against sealed rows."""
    from modelwright.evaluation.unsupervised import measure

    metrics = {
        name: measure(learned.model, frame, seed=order.spec.training.seed)
        for name, frame in (("train", partition.frame), ("test", sealed.frame))
    }
    return Report(
        task=order.problem.task,
        metric=order.metric,
        greater_is_better=order.scorer.greater_is_better,
        metrics=metrics,
        looks=looks,
        goal=order.spec.evaluation.threshold,
        n_rows={**partition.summary.rows, "test": sealed.n_rows},
        notes=learned.facts.notes,
    )

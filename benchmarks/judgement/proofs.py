"""Is the control within chance on honest pipelines, does it see a leaking one, and does ablation praise idle columns?

    python benchmarks/judgement/proofs.py control [SEEDS]      five real tables, two families, a shuffle per seed
    python benchmarks/judgement/proofs.py leak                 a step that sees the answers of judged rows
    python benchmarks/judgement/proofs.py idle [TABLES]        columns of noise: how often is one said to help or hurt
    python benchmarks/judgement/proofs.py share RUN.json       time of the proofs as a share of a finished run

The control counts as within chance unless it is better than every one of 2,000 random orders of the answers.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from sklearn import datasets

from modelwright.checks.model.permuted_target import LIMIT
from modelwright.core.nouns import Column, ColumnType, Role, Schema, Task
from modelwright.spec.model import FeaturesSpec
from modelwright.training.ablation import Built, ablate
from modelwright.training.candidates import Candidate
from modelwright.training.changes import Change
from modelwright.training.proving import SHUFFLED, against_chance
from modelwright.training.request import TrainRequest
from modelwright.training.scoring import judge_of
from modelwright.training.variations import RefitOrder, Variation, refit

SHARED = Path(__file__).parents[3] / "shared" / "data"
ROWS = 3_000


def main(arguments: Sequence[str]) -> None:
    what, *rest = arguments or ["control"]
    if what == "control":
        _control(int(rest[0]) if rest else 4)
    elif what == "leak":
        _leak()
    elif what == "idle":
        _idle(int(rest[0]) if rest else 20)
    elif what == "share":
        _share(Path(rest[0]))
    else:
        raise SystemExit(__doc__)


def _control(seeds: int) -> None:
    alarms = tried = 0
    values: list[float] = []
    for name, frame, target, task in tables():
        for family in ("lightgbm", "logistic" if task.is_classification else "ridge"):
            found = [_shuffled(order_of(frame, target, task, family, seed)) for seed in range(seeds)]
            ps = [p for _, _, p in found]
            alarms += sum(p <= LIMIT for p in ps)
            tried += len(ps)
            values += ps
            scores = ", ".join(f"{score:.3f} ({chance:.3f})" for score, chance, _ in found[:3])
            print(f"{name:<14} {family:<9} smallest p {min(ps):.3f}  score (chance): {scores}", flush=True)
    print(f"alarms {alarms} of {tried}; share of p below 0.05: {np.mean(np.array(values) < 0.05):.3f}")


def _shuffled(order: RefitOrder) -> tuple[float, float, float]:
    """The score on the shuffled target, chance, and the p-value that a run would report."""
    variation = Variation(name=SHUFFLED, change=Change(shuffled=True))
    found = refit(replace(order, variations=(variation,)))
    observed, chance, p = against_chance(order, found.done[SHUFFLED])
    return observed, chance.value, p


def _leak() -> None:
    """Folds that learn from the rows they judge: what a step that sees their answers amounts to."""
    for name, frame, target, task in tables():
        for share in (1.0, 0.1):
            order = order_of(frame, target, task, "decision_tree", 0)
            rng = np.random.default_rng(0)
            folds = [
                (np.union1d(learn, rng.permutation(judge)[: int(share * judge.size)]), judge)
                for learn, judge in order.request.folds
            ]
            request = replace(order.request, folds=folds)
            leaking = replace(order, request=request, judge=judge_of(request))
            score, chance, p = _shuffled(leaking)
            said = "seen" if p <= LIMIT else "not seen"
            print(f"{name:<14} {share:4.0%} of judged rows learned from: {score:.3f} ({chance:.3f}) p {p:.2g} {said}")


def _idle(count: int) -> None:
    """One column with a signal, eight without: verdicts on the eight are false, whatever they say."""
    false = tables_with = missed = 0
    for number in range(count):
        rng = np.random.default_rng(number)
        n = 1_000
        signal = rng.normal(size=n)
        columns: dict[str, Any] = {"signal": signal, **{f"idle {chr(97 + at)}": rng.normal(size=n) for at in range(8)}}
        columns["y"] = (signal + rng.normal(size=n) > 0).astype(int).astype(str)
        order = order_of(pl.DataFrame(columns), "y", Task.BINARY, ("lightgbm", "extra_trees")[number % 2], number)
        found = ablate(order, ("columns",), Built())
        wrong = [item.name for item in found.items if item.name != "signal" and item.verdict in ("helps", "hurts")]
        missed += next(item.verdict for item in found.items if item.name == "signal") != "helps"
        false += len(wrong)
        tables_with += bool(wrong)
        print(f"{number + 1} tables: {tables_with} with a false verdict, {false} of {8 * number + 8} idle columns, "
              f"signal missed {missed} times", flush=True)  # fmt: skip


def _share(file: Path) -> None:
    record = json.loads(file.read_text())
    times = record["timings_s"]
    done = [name for name in record["plan"] if name.startswith("proof:")]
    print(f"prove {times['prove']:.1f} s of {times['total']:.1f} s ({times['prove'] / times['total']:.0%}), {done}")


# ------------------------------------------------------------ tables


def tables() -> Iterator[tuple[str, pl.DataFrame, str, Task]]:
    cancer = datasets.load_breast_cancer()
    frame = pl.DataFrame({str(n): cancer.data[:, at] for at, n in enumerate(cancer.feature_names)})
    yield "breast cancer", frame.with_columns(pl.Series("y", cancer.target.astype(str))), "y", Task.BINARY
    wine = datasets.load_wine()
    frame = pl.DataFrame({str(n): wine.data[:, at] for at, n in enumerate(wine.feature_names)})
    yield "wine", frame.with_columns(pl.Series("y", wine.target.astype(str))), "y", Task.MULTICLASS
    for name, file, target, task in (
        ("telco churn", "telco_churn.csv", "Churn", Task.BINARY),
        ("housing", "california_housing.csv", "median_house_value", Task.REGRESSION),
        ("mammography", "mammography.csv", "class", Task.BINARY),
    ):
        if (SHARED / file).exists():
            frame = pl.read_csv(SHARED / file)
            yield name, frame.sample(min(ROWS, frame.height), seed=1), target, task


def order_of(frame: pl.DataFrame, target: str, task: Task, family: str, seed: int) -> RefitOrder:
    kinds = {
        name: ColumnType.NUMBER if dtype.is_numeric() else ColumnType.CATEGORY for name, dtype in frame.schema.items()
    }
    wide = [name for name, kind in kinds.items() if kind is ColumnType.CATEGORY and frame[name].n_unique() > 200]
    schema = Schema(
        columns=tuple(
            Column(name=name, type=kind, role=Role.TARGET if name == target else Role.FEATURE)
            for name, kind in kinds.items()
            if name == target or name not in wide
        )
    )
    y: Any = frame[target].to_numpy().astype(float) if task is Task.REGRESSION else None
    classes: tuple[str, ...] = ()
    if y is None:
        names, y = np.unique(frame[target].cast(pl.String).to_numpy(), return_inverse=True)
        classes, y = tuple(str(name) for name in names), y.astype(np.int64)
    part = np.random.default_rng(seed).permutation(frame.height) % 5
    request = TrainRequest(
        frame=frame.drop(wide),
        schema=schema,
        task=task,
        metric={Task.BINARY: "roc_auc", Task.MULTICLASS: "f1_macro", Task.REGRESSION: "rmse"}[task],
        cache=Path(tempfile.mkdtemp(prefix="proofs-")),
        y=y,
        classes=classes,
        folds=[(np.flatnonzero(part != k), np.flatnonzero(part == k)) for k in range(5)],
        features=FeaturesSpec(target=target),
        budget_s=600.0,
        seed=seed,
        workers=2,
    )
    return RefitOrder(
        request=request, judge=judge_of(request), candidate=Candidate(name=family, family=family), variations=()
    )


if __name__ == "__main__":
    main(sys.argv[1:])

"""A small table with something to find, and the request to train on it; run as a script it trains and tells."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from modelwright.core.digests import digest_of
from modelwright.core.nouns import Column, ColumnType, Role, Schema, Task
from modelwright.spec.model import EvaluationSpec, FeaturesSpec, ModelSpec
from modelwright.training.request import Trained, TrainRequest

N = 400


def request(cache: Path, *, task: Task = Task.BINARY, **changes: Any) -> TrainRequest:
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=N), rng.normal(size=N)
    kind = rng.choice(["red", "green", "blue"], N)
    signal = 2 * a * (kind == "red") + b
    frame = pl.DataFrame({"a": a, "b": b, "kind": kind, "answer": signal})
    y = (signal > 0.8).astype(np.int64) if task is Task.BINARY else signal
    target = Column(name="answer", type=ColumnType.NUMBER, role=Role.TARGET)
    features = [Column(name=n, type=ColumnType.NUMBER) for n in "ab"] + [Column(name="kind", type=ColumnType.CATEGORY)]
    part = np.arange(N) % 3
    known: dict[str, Any] = {
        "frame": frame,
        "schema": Schema(columns=(*features, target)),
        "task": task,
        "metric": "roc_auc" if task is Task.BINARY else "rmse",
        "cache": cache,
        "y": y,
        "classes": ("no", "yes") if task is Task.BINARY else (),
        "folds": [(np.flatnonzero(part != k), np.flatnonzero(part == k)) for k in range(3)],
        "features": FeaturesSpec(target="answer"),
        "model": ModelSpec(type=["decision_tree", "naive_bayes"]),
        "evaluation": EvaluationSpec(),
        "budget_s": 120.0,
        "memory_bytes": 4 << 30,
        "workers": 2,
        "seed": 7,
    }
    return TrainRequest(**{**known, **changes})


def fingerprint(trained: Trained) -> dict[str, Any]:
    """Everything that must not depend on the clock."""
    from modelwright.registry.model import to_files

    return {
        "model": digest_of({name: content.hex() for name, content in to_files(trained.model).items()}),
        "leaderboard": [(row.name, row.status, row.score, row.chosen) for row in trained.leaderboard],
        "plan": list(trained.plan),
        "trials": [(one["number"], one["params"], one["score"], one["state"]) for one in trained.trials],
        "oof": float(
            np.nansum(trained.oof.probabilities if trained.oof.probabilities is not None else trained.oof.values)
        ),
    }


if __name__ == "__main__":
    from modelwright.training.engine import train

    done = train(request(Path(sys.argv[1]), progress=lambda event: print(event.message, flush=True)))
    print("plan", len(done.plan), flush=True)

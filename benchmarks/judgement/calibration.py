"""Does calibration help and never harm? Models fitted on tables, calibrated out of fold, judged on sealed rows.

    python benchmarks/judgement/calibration.py [SEEDS]

Each pair is a table and a model; half of the rows are sealed. Out-of-fold probabilities of five folds choose and fit
the calibrator, the model is refit on the open half, and the sealed rows judge it raw and calibrated. `harm` is a
sealed log loss that rises by more than two standard errors of the paired difference. A raw model is called
miscalibrated where its expected calibration error exceeds what chance gives a perfect model by 0.02.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine, make_classification
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from modelwright.stats import calibration

Table = tuple[NDArray[np.float64], NDArray[np.int64]]


class Margins:
    """A support vector machine whose margin is read as log-odds."""

    def fit(self, X: NDArray[np.float64], y: NDArray[np.int64]) -> Margins:
        self._fitted = make_pipeline(StandardScaler(), SVC()).fit(X, y)
        return self

    def predict_proba(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        margin = self._fitted.decision_function(X)
        if margin.ndim == 1:
            margin = np.column_stack([np.zeros(margin.size), margin])
        raised = np.exp(margin - margin.max(axis=1, keepdims=True))
        return np.asarray(raised / raised.sum(axis=1, keepdims=True))

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        return {}


class Oversampled(Margins):
    """A logistic regression on rows of which every class was drawn equally often."""

    def fit(self, X: NDArray[np.float64], y: NDArray[np.int64]) -> Oversampled:
        rng = np.random.default_rng(0)
        most = np.bincount(y).max()
        rows = np.concatenate([rng.choice(np.flatnonzero(y == k), most) for k in np.unique(y)])
        self._fitted = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)).fit(X[rows], y[rows])
        return self

    def predict_proba(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(self._fitted.predict_proba(X))


MODELS: dict[str, Callable[[], Any]] = {
    "naive Bayes": GaussianNB,
    "forest": lambda: RandomForestClassifier(100, random_state=0),
    "extra trees": lambda: ExtraTreesClassifier(100, min_samples_leaf=5, random_state=0),
    "boosted": lambda: HistGradientBoostingClassifier(max_iter=150, random_state=0),
    "support vectors": Margins,
    "class weights": lambda: make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=500)),
    "oversampled": Oversampled,
    "logistic": lambda: make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)),
}


def tables() -> dict[str, Table]:
    made = {
        "breast cancer": load_breast_cancer(return_X_y=True),
        "digits": load_digits(return_X_y=True),
        "wine": load_wine(return_X_y=True),
        "iris": load_iris(return_X_y=True),
    }
    shapes: dict[str, dict[str, Any]] = {
        "2 classes, 10 %": {"weights": [0.9], "n_redundant": 6, "flip_y": 0.05},
        "2 classes, noisy": {"n_redundant": 6, "flip_y": 0.25},
        "2 classes, large": {"n_redundant": 4, "flip_y": 0.1, "n_samples": 8000},
        "4 classes": {"n_classes": 4, "flip_y": 0.1, "n_redundant": 4},
    }
    for name, shape in shapes.items():
        asked: dict[str, Any] = {"n_samples": 3000, "n_features": 15, "n_informative": 6, "random_state": 5, **shape}
        made[name] = make_classification(**asked)
    return made


def gap(p: NDArray[np.float64], y: NDArray[np.int64]) -> float:
    """Expected calibration error: of the positive class, of the likeliest one where there are several."""
    if p.shape[1] == 2:
        return calibration.expected_error(p[:, 1], y)
    return calibration.expected_error(p.max(axis=1), (p.argmax(axis=1) == y).astype(np.int64))


def chance(p: NDArray[np.float64], rng: np.random.Generator) -> float:
    """The error that a perfectly calibrated model would show: labels drawn from its own probabilities."""
    drawn = [(p.cumsum(axis=1) < rng.random((p.shape[0], 1))).sum(axis=1) for _ in range(20)]
    return float(np.mean([gap(p, np.minimum(labels, p.shape[1] - 1)) for labels in drawn]))


def judged(table: Table, make: Callable[[], Any], seed: int) -> dict[str, Any]:
    X, sealed, y, truth = train_test_split(*table, test_size=0.5, random_state=seed, stratify=table[1])
    out = np.zeros((y.size, int(y.max()) + 1))
    for learn, held in StratifiedKFold(5, shuffle=True, random_state=seed).split(X, y):
        out[held] = clone(make(), safe=False).fit(X[learn], y[learn]).predict_proba(X[held])
    chosen = calibration.fit(out, y, seed=seed)
    raw = make().fit(X, y).predict_proba(sealed)
    after = chosen.apply(raw)
    rows = np.arange(truth.size)
    losses = [-np.log(np.clip(p[rows, truth], 1e-7, 1)) for p in (raw, after)]
    worse = losses[1] - losses[0]
    error = worse.std() / np.sqrt(worse.size)
    return {
        "method": chosen.method,
        "loss": tuple(float(one.mean()) for one in losses),
        "ece": (gap(raw, truth), gap(after, truth)),
        "chance": chance(raw, np.random.default_rng(seed)),
        "harm": bool(worse.mean() > 2 * error and worse.mean() > 1e-4),
    }


def main(seeds: int) -> None:
    started = time.process_time()
    warnings.simplefilter("ignore")
    gains, harms, pairs, higher = [], 0, 0, 0
    print("| table | model | method | log loss raw | after | ECE raw | after | by chance |")
    print("|---|---|---|---:|---:|---:|---:|---:|")
    for name, table in tables().items():
        for model, make in MODELS.items():
            for seed in range(seeds):
                one = judged(table, make, seed)
                pairs, harms = pairs + 1, harms + one["harm"]
                higher += one["ece"][1] > one["ece"][0] + one["chance"]
                if one["ece"][0] > one["chance"] + 0.02:
                    gains.append(1 - one["ece"][1] / one["ece"][0])
                if seed == 0:
                    loss, ece = one["loss"], one["ece"]
                    print(
                        f"| {name} | {model} | {one['method']}{' HARM' if one['harm'] else ''} | {loss[0]:.4f} "
                        f"| {loss[1]:.4f} | {ece[0]:.3f} | {ece[1]:.3f} | {one['chance']:.3f} |",
                        flush=True,
                    )
    print(f"\n{pairs} pairs: {harms} with a higher sealed log loss, {higher} with a higher error beyond chance; of")
    print(f"{len(gains)} miscalibrated ones the error falls by {np.median(gains):.0%} at the median.")
    print(f"{time.process_time() - started:.0f} s of one core")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1)

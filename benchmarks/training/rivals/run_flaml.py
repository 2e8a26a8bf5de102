"""FLAML in its own environment, with its defaults: `AutoML().fit(..., time_budget)` and the metric."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from cell import Cell, in_order, main
from flaml import AutoML  # type: ignore[import-not-found]
from numpy.typing import NDArray

METRICS = {"average_precision": "ap"}


class Flaml:
    packages: tuple[str, ...] = ("flaml", "lightgbm", "xgboost", "catboost", "scikit-learn", "pandas", "numpy")

    def fit(self, cell: Cell, frame: pd.DataFrame) -> None:
        self.cell = cell
        self.automl = AutoML()
        self.automl.fit(
            X_train=frame.drop(columns=[cell.target]),
            y_train=frame[cell.target],
            task="regression" if cell.task == "regression" else "classification",
            metric=METRICS.get(cell.metric, cell.metric),
            time_budget=cell.budget_s,
            n_jobs=cell.cores,
            seed=cell.seed,
            log_file_name=str(Path(cell.work) / "flaml.log"),
        )
        if self.automl.best_estimator is None:
            raise RuntimeError("FLAML found no model within the budget")

    def answer(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        if self.cell.task == "regression":
            return np.asarray(self.automl.predict(frame), dtype=np.float64)
        found = np.asarray(self.automl.predict_proba(frame))
        return in_order(found, list(self.automl.classes_), self.cell.classes)

    def settle(self) -> dict[str, Any]:
        path = Path(self.cell.work) / "model.pkl"
        self.automl.pickle(str(path))
        # the learner is written beside it where it has a form of its own
        size = sum(part.stat().st_size for part in path.parent.glob("model.pkl*") if part.is_file())
        return {"artefact_bytes": size, "chosen": str(self.automl.best_estimator)}

    def serve(self) -> None:
        """Nothing to do: the model is in memory."""


if __name__ == "__main__":
    main(Flaml())

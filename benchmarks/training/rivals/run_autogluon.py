"""AutoGluon in its own environment. `Cell.option` is the preset: medium, good, high or best (`..._quality`).

Light install (LightGBM, CatBoost, XGBoost and scikit-learn's models, no torch): its neural networks take no part. All
else is as its documentation recommends: the preset and the time limit, nothing tuned by hand. Single rows are measured
after `persist()`, and the artefact both as fit and as `clone_for_deployment()` packs it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from autogluon.tabular import TabularPredictor  # type: ignore[import-not-found]
from cell import Cell, bytes_under, in_order, main
from numpy.typing import NDArray

METRICS = {"rmse": "root_mean_squared_error"}


class AutoGluon:
    packages: tuple[str, ...] = (
        "autogluon.tabular",
        "lightgbm",
        "catboost",
        "xgboost-cpu",
        "scikit-learn",
        "pandas",
        "numpy",
    )

    def fit(self, cell: Cell, frame: pd.DataFrame) -> None:
        self.cell = cell
        self.folder = Path(cell.work) / "predictor"
        self.predictor = TabularPredictor(
            label=cell.target,
            problem_type=cell.task,
            eval_metric=METRICS.get(cell.metric, cell.metric),
            path=str(self.folder),
            verbosity=2,
        )
        self.predictor.fit(
            frame, presets=f"{cell.option or 'medium'}_quality", time_limit=cell.budget_s, num_cpus=cell.cores
        )

    def answer(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        if self.cell.task == "regression":
            return np.asarray(self.predictor.predict(frame), dtype=np.float64)
        found = self.predictor.predict_proba(frame)
        return in_order(found.to_numpy(), list(found.columns), self.cell.classes)

    def settle(self) -> dict[str, Any]:
        out: dict[str, Any] = {"artefact_bytes": bytes_under(self.folder), "chosen": str(self.predictor.model_best)}
        out["models"] = len(self.predictor.model_names())
        packed = Path(self.cell.work) / "packed"
        try:
            self.predictor.clone_for_deployment(path=str(packed))
            out["packed_bytes"] = bytes_under(packed)
        except Exception as error:  # noqa: BLE001  the model as fit still counts
            out["packed_failure"] = str(error)[:300]
        return out

    def serve(self) -> None:
        self.predictor.persist()


if __name__ == "__main__":
    main(AutoGluon())

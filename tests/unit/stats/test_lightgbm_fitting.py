"""Fitting by the C interface gives what the Python package gives, and refuses in words."""

from __future__ import annotations

import numpy as np
import pytest

from modelwright.core.errors import ModelError
from modelwright.stats.lightgbm_fitting import fit_predict

PARAMS = {"num_leaves": 7, "min_data_in_leaf": 10, "verbosity": -1, "num_threads": 1, "deterministic": True}


def rows(n: int = 300) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 4))
    X[:, 3] = rng.integers(0, 9, n)
    X[rng.random((n, 4)) < 0.1] = np.nan
    return X, (np.nan_to_num(X[:, 0]) + (X[:, 3] == 2) + rng.normal(0, 0.3, n) > 0.3).astype(np.int64)


@pytest.mark.parametrize("categorical", [[], [3]])
@pytest.mark.parametrize("extra", [{"objective": "binary"}, {"objective": "regression"}, {"objective": "multiclass"}])
def test_equals_the_package(extra: dict, categorical: list[int]) -> None:
    import lightgbm

    X, y = rows()
    params = {**PARAMS, **extra}
    if extra["objective"] == "multiclass":
        y, params["num_class"] = np.arange(y.size) % 3, 3
    said = {**params, "categorical_column": categorical} if categorical else params
    found = fit_predict((X[:200], y[:200]), X[200:], said, 12)
    data = lightgbm.Dataset(X[:200], y[:200], categorical_feature=categorical or "auto", params=dict(params))
    wanted = np.asarray(lightgbm.train(params, data, num_boost_round=12).predict(X[200:])).reshape(100, -1)
    np.testing.assert_array_equal(found, wanted)


def test_a_mistake_is_said_in_the_librarys_words() -> None:
    X, y = rows()
    with pytest.raises(ModelError, match=r"refused: .*class"):
        fit_predict((X, y), X, {**PARAMS, "objective": "multiclass", "num_class": 1}, 3)

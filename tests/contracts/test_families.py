"""Every family in the seam through the public contract suite."""

from __future__ import annotations

import pytest

from modelwright.core.plugins import load, names
from modelwright.testing import check_family

#: small parameters: the contract is about behaviour, not strength
QUICK = {
    "lightgbm": {"n_estimators": 20},
    "xgboost": {"n_estimators": 20},
    "catboost": {"iterations": 20},
    "hist_gb": {"max_iter": 25},
    "random_forest": {"n_estimators": 10},
    "extra_trees": {"n_estimators": 10},
    "isolation_forest": {"n_estimators": 10},
    "mlp": {"max_iter": 10, "hidden_layer_sizes": (8,)},
    "ebm": {"max_rounds": 20, "outer_bags": 1, "interactions": 1},
    "kmeans": {"n_clusters": 3},
    "gaussian_mixture": {"n_components": 2},
}
EXTRAS = {"catboost": "catboost", "ebm": "interpret"}


@pytest.mark.parametrize("name", names("families"))
def test_family_keeps_its_contract(name: str) -> None:
    if name in EXTRAS:
        pytest.importorskip(EXTRAS[name])
    family = load("families", name)
    check_family(family, family.Params(**QUICK.get(name, {})))

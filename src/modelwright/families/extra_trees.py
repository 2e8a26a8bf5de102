"""Extra trees: a forest whose thresholds are drawn at random, averaged (scikit-learn)."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from modelwright.core.ports import Family
from modelwright.families import _shared


class Params(_shared.ForestParams, frozen=True, kw_only=True):
    bootstrap: Annotated[bool, Meta(description="draw each tree's rows with replacement")] = False


class ExtraTrees(_shared.Forest):
    Params = Params
    name = "extra_trees"
    estimators = ("ExtraTreesClassifier", "ExtraTreesRegressor")


PLUGIN: Family = ExtraTrees()

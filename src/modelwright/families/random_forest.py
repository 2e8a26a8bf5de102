"""Random forest: many deep trees on bootstrap samples, averaged (scikit-learn)."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from modelwright.core.nouns import Task
from modelwright.core.ports import Choice, Family, SearchSpace
from modelwright.families import _shared


class Params(_shared.ForestParams, frozen=True, kw_only=True):
    bootstrap: Annotated[bool, Meta(description="draw each tree's rows with replacement")] = True


class RandomForest(_shared.Forest):
    Params = Params
    name = "random_forest"
    estimators = ("RandomForestClassifier", "RandomForestRegressor")

    def space(self, task: Task, n_rows: int) -> SearchSpace:
        return {**super().space(task, n_rows), "max_samples": Choice((None, 0.5, 0.75))}


PLUGIN: Family = RandomForest()

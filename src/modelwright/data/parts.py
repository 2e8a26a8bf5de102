"""The parts of a split, and what dividing them needs to know of the table."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from modelwright.core.errors import SpecError
from modelwright.core.nouns import Role
from modelwright.core.run import Problem, SplitSummary
from modelwright.core.tables import Dataset
from modelwright.data.target import labels
from modelwright.data.units import Rows

PARTS = ("train", "val", "test")


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Row positions of each part, ascending; rows in none of them were left out (gaps), and counted in notes."""

    kind: str
    reason: str
    train: Rows
    val: Rows
    test: Rows
    notes: tuple[str, ...] = ()
    spans: dict[str, tuple[str, str]] = field(default_factory=dict)

    def summary(self) -> SplitSummary:
        return SplitSummary(
            kind=self.kind,
            reason=self.reason,
            rows={"train": int(self.train.size), "val": int(self.val.size), "test": int(self.test.size)},
            spans=self.spans,
            notes=self.notes,
        )


def strata(dataset: Dataset, problem: Problem) -> Rows | None:
    """Class number per row, or None where there are no classes."""
    if problem.target is None or not problem.task.is_classification:
        return None
    return labels(dataset.frame[problem.target]).rank("dense").fill_null(0).to_numpy().astype(np.int64)


def named(dataset: Dataset, role: Role, key: str) -> str:
    """The one column of a role. Raises SpecError when there is none."""
    columns = dataset.schema.with_role(role)
    if not columns:
        raise SpecError(
            f"This split needs features.{key}, which is not set and was not found in the data.",
            code="split.needs_column",
            hint=f"name the column in features.{key}, or choose another data.split.kind",
            subject=f"features.{key}",
        )
    return columns[0].name

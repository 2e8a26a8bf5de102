"""What several rules ask of the same table, worked out once."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import polars as pl

from modelwright.core.tables import Dataset

_Made = TypeVar("_Made")
#: of the last table only, so that no other is kept alive
_last: list[tuple[Dataset, dict[Hashable, Any]]] = []


def once(dataset: Dataset, key: Hashable, make: Callable[[], _Made]) -> _Made:
    """`make()`, remembered for this very table under `key`; what it gives must not be changed."""
    held = _last[0] if _last else None
    if held is None or held[0] is not dataset:
        held = (dataset, {})
        _last[:] = [held]
    if key not in held[1]:
        held[1][key] = make()
    made: _Made = held[1][key]
    return made


def forget() -> None:
    """Let go of the last table and of what is known of it, so that its memory can be used for something else."""
    from modelwright.checks import strengths

    _last.clear()
    strengths.forget()


def row_keys(dataset: Dataset, names: list[str]) -> pl.Series:
    """A hash of each row (uint64), equal where rows agree in all these columns."""
    return once(dataset, ("row_keys", *names), lambda: dataset.frame.select(names).hash_rows())

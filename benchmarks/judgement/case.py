"""One case of the judgement benchmark: a table, what is wrong with it, and what must be named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"


@dataclass(frozen=True, kw_only=True)
class Case:
    """`make` draws the table from a seed; a case without `expected` is clean and must not be flagged high."""

    name: str
    #: target_copy, post_event, missingness, identifier, overlap, near_duplicate, group, time, preprocessing,
    #: aggregate, conflicting_labels, combination, selection, clean
    kind: str
    make: Callable[[int], pl.DataFrame]
    target: str
    #: (code, subject) pairs of which at least one must be found; a code may end with a dot: any of that family
    expected: tuple[tuple[str, str], ...] = ()
    #: further sections of the pipeline file, such as {"features": {"group": "patient"}}
    spec: dict[str, Any] = field(default_factory=dict)
    #: text of a `steps.py` beside the pipeline file, for cases with the user's own step
    code: str = ""
    #: subjects that should all be named, where one leak hides behind another
    every: tuple[str, ...] = ()

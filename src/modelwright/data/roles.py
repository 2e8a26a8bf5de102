"""Propose the roles that need more than one column to see: when a row was known (time) and whose it is (group)."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec
import polars as pl

from modelwright.core.nouns import Column, ColumnType, Role
from modelwright.data import guesses, texts
from modelwright.spec.model import FeaturesSpec

NOT_ROW_TIME = re.compile(
    r"birth|dob|born|expir|due|deadline|end|hire|built|until|valid|retire|death|released?$|founded", re.I
)
_ROW_TIME = re.compile(r"date|time|day|timestamp|stamp|_at$|^ts$|period|month|moment|when", re.I)
_ENTITY = re.compile(
    r"(^|[_\-. ])(ticket|household|family|patient|customer|client|user|subject|person|member|account|"
    r"device|machine|unit|session|student|author|driver|player|seller|employee|speaker|engine|animal)"
    r"([_\-. ]?(id|no|number|key|code|name))?$",
    re.I,
)

_MOST_CLASSES = 50
#: of the class changes that a shuffled file has; a drifting series keeps a third and more
_FEWEST_CHANGES = 0.02


def propose(frame: pl.DataFrame, columns: Sequence[Column], features: FeaturesSpec) -> list[Column]:
    """The columns with TIME and GROUP given where the spec is silent and the data speaks."""
    found = list(columns)
    if features.time is None:
        _give(found, _time(frame, found, features), Role.TIME)
    if features.group is None and not any(column.role is Role.TIME for column in found):
        _give(found, _group(frame, found, features), Role.GROUP)
    return found


def _give(columns: list[Column], choice: tuple[int, str] | None, role: Role) -> None:
    if choice is not None:
        position, reason = choice
        columns[position] = msgspec.structs.replace(columns[position], role=role, reason=reason)


def _free(column: Column, features: FeaturesSpec) -> bool:
    """Not spoken for by the spec: an explicit list entry is a wish to use the column as a feature."""
    named = {*(features.categorical or ()), *(features.numerical or ()), *(features.text or ())}
    named |= {*(features.dates or ()), *features.ignore, *features.id}
    unlisted = column.role is Role.IGNORED and column.reason == "not listed in features"
    return (column.role is Role.FEATURE or unlisted) and column.name not in named


def _time(frame: pl.DataFrame, columns: Sequence[Column], features: FeaturesSpec) -> tuple[int, str] | None:
    scored = []
    for position, column in enumerate(columns):
        if column.type is not ColumnType.DATETIME or not _free(column, features) or NOT_ROW_TIME.search(column.name):
            continue
        moments = _moments(frame[column.name], column.format)
        if moments.null_count() > 0.01 * moments.len() or moments.n_unique() < 5:
            continue
        if features.target in frame.columns and _parts_classes(moments, frame[features.target or ""]):
            continue
        ordered = bool(moments.drop_nulls().is_sorted())
        score = 2 * ordered + bool(_ROW_TIME.search(column.name))
        why = "the rows are in its order" if ordered else "every row has one"
        scored.append((score, -position, f"when the row was known: {column.reason}, and {why}"))
    if not scored:
        return None
    _, position, reason = max(scored)
    return -position, reason


def _parts_classes(moments: pl.Series, target: pl.Series) -> bool:
    """Along this time, rows of one class follow rows of the other once or so: a coded answer, not a clock.

    The class changes from row to row are compared with those of a shuffled file, n * (1 - sum of squared shares).
    """
    told = pl.DataFrame({"at": moments, "y": target}).drop_nulls()
    kinds = told["y"].n_unique()
    if not 2 <= kinds <= _MOST_CLASSES or told.height < 10 * kinds:
        return False
    along = told.sort("at", maintain_order=True)["y"].cast(pl.String)
    changes = int((along != along.shift()).sum())
    shares = along.value_counts()["count"] / along.len()
    shuffled = along.len() * (1.0 - float((shares**2).sum()))
    return changes <= _FEWEST_CHANGES * shuffled


def _moments(values: pl.Series, pattern: str) -> pl.Series:
    if values.dtype == pl.String or pattern.startswith("epoch"):
        return texts.to_datetime(values, pattern)
    return values


def _group(frame: pl.DataFrame, columns: Sequence[Column], features: FeaturesSpec) -> tuple[int, str] | None:
    scored = []
    for position, column in enumerate(columns):
        if not _free(column, features) or not names_entity(column.name):
            continue
        known = frame[column.name].drop_nulls()
        if known.len() < 0.95 * frame.height or known.dtype.is_float():
            continue
        groups = known.n_unique()
        if groups < 20 or known.len() / groups < 1.05:
            continue
        reason = f"{groups:,} groups of {known.len() / groups:.1f} rows: rows of one {column.name} resemble each other"
        scored.append((groups, -position, reason))
    if not scored:
        return None
    _, position, reason = max(scored)
    return -position, reason


def names_entity(name: str) -> bool:
    return bool(_ENTITY.search(_snake(name))) or guesses.id_like(name)


def _snake(name: str) -> str:
    """camelCase as snake_case, so that one pattern reads both."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)

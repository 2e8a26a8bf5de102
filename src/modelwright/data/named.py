"""Check that every column the spec names exists, and say which names are meant when it does not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from modelwright.core.errors import DataError, did_you_mean
from modelwright.core.nouns import ColumnType
from modelwright.spec.model import FeaturesSpec


def check_named(columns: Iterable[str], features: FeaturesSpec, types: Mapping[str, ColumnType]) -> None:
    """Raises DataError `data.missing_column` or `data.missing_target`, and `data.role_conflict` when the target
    is also named as a feature."""
    known = set(columns)
    made = {*features.derived, *(window.name for window in features.windows)}
    for key, name in _mentions(features, types):
        if name in known or (name in made and key != "target"):
            continue
        raise DataError(
            f"The column '{name}' (features.{key}) is not in the data."
            if key != "data.types"
            else f"The column '{name}' (data.types) is not in the data.",
            code="data.missing_target" if key == "target" else "data.missing_column",
            hint=did_you_mean(name, known),
            subject=f"column:{name}",
        )
    for key in ("categorical", "numerical", "text", "dates"):
        if features.target is not None and features.target in (getattr(features, key) or ()):
            raise DataError(
                f"'{features.target}' is the target and also listed in features.{key}.",
                code="data.role_conflict",
                hint=f"remove it from features.{key}",
                subject=f"column:{features.target}",
            )


def listed(features: FeaturesSpec) -> set[str] | None:
    """The only columns that may be features, or None when the spec lists none (then all suitable ones are)."""
    lists = (features.categorical, features.numerical, features.text, features.dates)
    if all(names is None for names in lists):
        return None
    return {name for names in lists for name in names or ()}


def wanted_by_steps(columns: Iterable[str], features: FeaturesSpec) -> set[str]:
    """Columns that derived columns, windows and crosses read."""
    found = {window.column for window in features.windows} | {window.entity for window in features.windows}
    found |= {name for pair in features.crosses for name in pair}
    text = "\n".join(features.derived.values())
    if text:
        found |= {name for name in columns if re.search(rf"(?<![\w.]){re.escape(name)}(?!\w)", text)}
    return found


def _mentions(features: FeaturesSpec, types: Mapping[str, ColumnType]) -> Iterator[tuple[str, str]]:
    if features.target is not None:
        yield "target", features.target
    for key in ("categorical", "numerical", "text", "dates", "id", "ignore"):
        for name in getattr(features, key) or ():
            yield key, name
    for key in ("time", "group"):
        name = getattr(features, key)
        if name is not None:
            yield key, name
    for window in features.windows:
        yield "windows", window.column
        yield "windows", window.entity
    for pair in features.crosses:
        for name in pair:
            yield "crosses", name
    for name in types:
        yield "data.types", name

"""Propose features that may help: arithmetic of strong numbers, groups, counts, crosses and rates. Looks at no target.

A proposal says by name how it is made and encoded, so that it can be learned again from any rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from modelwright.core.nouns import ColumnType
from modelwright.features.deriving import CrossMaker, DerivedMaker, Maker
from modelwright.features.grouping import BinMaker, GroupMaker, name_of

if TYPE_CHECKING:
    import polars as pl

Kind = Literal["arithmetic", "groups", "rates", "crosses", "counts"]

#: strong columns that are combined with each other
NUMBERS = 7
CATEGORIES = 3
#: strong numbers whose groups are described, and strong categories that make groups
_DESCRIBED = 3
_CUT = 2
_GROUPED = 4
_BINS = 16
#: levels of a category that may be crossed or grouped by: each one is a line in the model
MOST_LEVELS = 5_000
_SIGNS = ("+", "-", "*", "/")


class Make(NamedTuple):
    """One column to be made: by which maker, out of what."""

    how: Literal["expression", "bins", "cross", "group"]
    name: str
    of: tuple[Any, ...]

    @property
    def reads(self) -> tuple[str, ...]:
        """Columns of the table that it learns from."""
        if self.how == "expression":
            return tuple(self.of[1:])
        return tuple(self.of[:1]) if self.how == "bins" else tuple(self.of[:2])

    def fit(self, frame: pl.DataFrame, types: Mapping[str, ColumnType]) -> Maker | None:
        """Learn it from rows; None where there is nothing to learn."""
        if self.how == "expression":
            return DerivedMaker(self.name, self.of[0], types)
        if self.how == "bins":
            return BinMaker.fit(frame, self.of[0], types[self.of[0]], _BINS)
        if self.how == "cross":
            return CrossMaker(*self.of)
        group, column, statistic, apart = self.of
        return GroupMaker.fit(frame, group, column, statistic, apart=apart)


class Proposal(NamedTuple):
    """A column, made or of the table, and how it becomes numbers."""

    kind: Kind
    column: str
    transformer: str
    makes: tuple[Make, ...] = ()


class Strong(NamedTuple):
    """Columns worth combining, the strongest first, and those that have rates and counts already."""

    numbers: tuple[str, ...]
    booleans: tuple[str, ...]
    categories: tuple[str, ...]
    few: frozenset[str]  # numbers with few different values
    counted: frozenset[str]  # categories
    rated: frozenset[str]  # categories


def propose(strong: Strong, taken: Sequence[str], *, rates: bool) -> list[Proposal]:
    """rates: whether target rates are allowed. taken: column names that exist already."""
    found = [*_arithmetic(strong.numbers[:NUMBERS]), *_groups(strong), *_counts(strong), *_crosses(strong, rates)]
    if rates:
        found += [Proposal("rates", name, "target_rate") for name in strong.categories if name not in strong.rated]
    names = set(taken)
    return [one for one in found if not any(make.name in names for make in one.makes)]


def _arithmetic(numbers: Sequence[str]) -> list[Proposal]:
    good = [name for name in numbers if "`" not in name and "\n" not in name]
    found = []
    for left, right in combinations(good, 2):
        for sign in _SIGNS:
            make = Make("expression", f"{left} {sign} {right}", (f"`{left}` {sign} `{right}`", left, right))
            found.append(Proposal("arithmetic", make.name, "numeric", (make,)))
    return found


def _keys(strong: Strong) -> list[tuple[str, tuple[Make, ...], str]]:
    """Columns to group by, as (category column, how it is made, raw column)."""
    found: list[tuple[str, tuple[Make, ...], str]] = [(name, (), name) for name in strong.categories[:CATEGORIES]]
    cut = [*strong.booleans[:1], *strong.numbers[:_CUT]]
    found += [(f"{name} in bins", (Make("bins", f"{name} in bins", (name,)),), name) for name in cut]
    return found


def _groups(strong: Strong) -> list[Proposal]:
    found = []
    for group, makes, raw in _keys(strong)[:_GROUPED]:
        for column in strong.numbers[:_DESCRIBED]:
            if column == raw:
                continue
            for statistic, apart in (
                ("mean", True),
                ("mean", False),
                ("median", False),
                ("std", False),
                ("min", False),
                ("max", False),
            ):
                name = name_of(group, column, statistic, apart=apart)
                make = Make("group", name, (group, column, statistic, apart))
                found.append(Proposal("groups", name, "numeric", (*makes, make)))
    return found


def _counts(strong: Strong) -> list[Proposal]:
    found = [Proposal("counts", name, "repeats") for name in strong.numbers[:NUMBERS]]
    found += [Proposal("counts", name, "frequency") for name in strong.categories if name not in strong.counted]
    return found


def _crosses(strong: Strong, rates: bool) -> list[Proposal]:
    keys = _keys(strong)
    found = []
    for (left, first, left_raw), (right, second, right_raw) in combinations(keys, 2):
        if left != left_raw and right != right_raw and not {left_raw, right_raw} & (strong.few | {*strong.booleans}):
            continue  # two measured numbers: a tree cuts the plane by itself
        name = f"{left} x {right}"
        makes = (*first, *second, Make("cross", name, (left, right)))
        found.append(Proposal("crosses", name, "codes", makes))
        found.append(Proposal("counts", name, "frequency", makes))
        if rates:
            found.append(Proposal("rates", name, "target_rate", makes))
    return found

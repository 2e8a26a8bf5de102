"""What a parsed expression is made of: literals, columns and calls, each with its type and place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from modelwright.core.nouns import ColumnType

TEXTS = (ColumnType.CATEGORY, ColumnType.TEXT)


@dataclass(frozen=True, slots=True)
class Literal:
    """A number or datetime as float, a boolean as 0.0 or 1.0, or a text."""

    value: float | str
    type: ColumnType
    at: int
    depth: int = 1


@dataclass(frozen=True, slots=True)
class Read:
    name: str
    type: ColumnType
    at: int
    depth: int = 1


@dataclass(frozen=True, slots=True)
class Call:
    """`function` is a `function.Function`; operators are calls too."""

    function: Any
    arguments: tuple[Node, ...]
    type: ColumnType
    at: int
    depth: int


Node = Literal | Read | Call


def family(kind: ColumnType) -> str:
    """Types that may stand for each other: text and category are both `text`."""
    return "text" if kind in TEXTS else kind.value

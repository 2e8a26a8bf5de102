"""Which rows a value holds: parts of sources, told apart by the splits they went through."""

from __future__ import annotations

import ast
from collections.abc import Hashable
from typing import NamedTuple


class Root:
    """One source of rows: a file read, a generator, a parameter, a name nobody defined."""

    __slots__ = ("hint", "kind", "name", "node")

    def __init__(self, kind: str, name: str = "", node: ast.AST | None = None, hint: str = "") -> None:
        self.kind = kind  # read, toy, random, parameter, unknown
        self.name = name
        self.node = node
        self.hint = hint  # train, test, valid, where its name says so


class Cut(NamedTuple):
    """One division of rows, and the side taken."""

    key: Hashable
    side: Hashable
    how: str  # split, fold, slice, mask, sample, filter


class Part(NamedTuple):
    root: Root
    path: frozenset[Cut]


Rows = frozenset[Part]
_STRETCHES = frozenset(["interval", "dates"])
NOTHING: Rows = frozenset()
#: sides by which one looks at what was held out
TEST_SIDES = frozenset(["test", "valid"])


def whole(root: Root) -> Rows:
    return frozenset([Part(root, frozenset())])


def cut(rows: Rows, key: Hashable, side: Hashable, how: str) -> Rows:
    """The side of a division of these rows."""
    piece = Cut(key, side, how)
    return frozenset(Part(part.root, part.path | {piece}) if len(part.path) < 8 else part for part in rows)


def _conflict(one: Cut, two: Cut) -> bool:
    if one.key != two.key or one.side == two.side:
        return False
    if (
        one.key in _STRETCHES and isinstance(one.side, tuple) and isinstance(two.side, tuple)
    ):  # half-open intervals of positions or dates
        return not (one.side[0] < two.side[1] and two.side[0] < one.side[1])
    return True


def _disjoint(one: Part, two: Part) -> bool:
    if one.root is not two.root:
        return bool(one.root.hint and two.root.hint and one.root.hint != two.root.hint)
    return any(_conflict(a, b) for a in one.path for b in two.path)


def covers(outer: Rows, inner: Rows) -> bool:
    """Are rows of `inner` surely among `outer`?"""
    return any(o.root is i.root and o.path <= i.path for o in outer for i in inner)


def equals(one: Rows, two: Rows) -> bool:
    return bool(one) and one == two


def apart(one: Rows, two: Rows) -> bool:
    """Do two sets surely share no row, and are they sides of the same division (or named so)?"""
    if not one or not two:
        return False
    parted = False
    for a in one:
        for b in two:
            if _disjoint(a, b):
                parted = True
            elif a.root is b.root:
                return False
    return parted


def divided(outer: Rows, inner: Rows) -> frozenset[Cut]:
    """The divisions that `inner` went through and `outer` did not."""
    found: frozenset[Cut] = frozenset()
    for o in outer:
        for i in inner:
            if o.root is i.root and o.path <= i.path:
                found |= i.path - o.path
    return found


def cuts(rows: Rows) -> frozenset[Cut]:
    return frozenset(piece for part in rows for piece in part.path)


def is_test(rows: Rows) -> bool:
    """Are these rows held out, by a split's test side or by their name?"""
    return bool(rows) and all(
        part.root.hint in TEST_SIDES or any(piece.side in TEST_SIDES for piece in part.path if _plain(piece.side))
        for part in rows
    )


def is_train(rows: Rows) -> bool:
    return bool(rows) and any(
        part.root.hint == "train" or any(piece.side == "train" for piece in part.path) for part in rows
    )


def _plain(side: Hashable) -> bool:
    return isinstance(side, str)


def roots(rows: Rows) -> frozenset[Root]:
    return frozenset(part.root for part in rows)

"""Search conjunctions of up to three conditions for rows whose loss is larger than expected.

Depth 1 and 2 are searched in full: the sums of all ranges of a pair of columns come out of one two-way table of sums.
Depth 3 extends the best pairs; the ends of ranges are refined last. Sources: level-wise search with size and score
pruning as in Sagadeeva and Boehm (2021), SliceLine, SIGMOD; sums over all ranges as in a scan statistic (Kulldorff,
1997, Communications in Statistics 26).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from modelwright.evaluation.slice_codes import Coded

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: columns whose pairs are searched; the others take part alone and at depth 3
_MAX_PAIRED = 24
_PER_PAIR = 4
_BEAM = 40
_REFINED = 12
#: share of the evidence (half z squared) with which a shorter condition is preferred
SIMPLER = 0.8
#: a slice must hold this share of the rows at least, and this many of them
MIN_SHARE = 0.015
MIN_ROWS = 25
MAX_SHARE = 0.5
#: its loss over that of the whole
MIN_RATIO = 1.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Losses:
    """Per row: the loss, its excess over what was expected, and the variance of that excess. All (n,)."""

    loss: Array
    excess: Array
    variance: Array
    is_rate: bool = False  # losses are 0 or 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """`parts`: (column position, atom position), ascending. `score`: half z squared less the log of the slices tried
    at this depth, so that a longer condition must earn its words."""

    parts: tuple[tuple[int, int], ...]
    score: float

    def rows(self, columns: Sequence[Coded]) -> Mask:
        found = np.ones(columns[0].codes.size, dtype=bool)
        for column, atom in self.parts:
            found = found & columns[column].rows(atom)
        return found

    def text(self, columns: Sequence[Coded]) -> str:
        return " and ".join(columns[column].text(atom) for column, atom in self.parts)


def search(columns: Sequence[Coded], losses: Losses, most: int = 5) -> list[Candidate]:
    """The best slices that do not overlap much, best first."""
    if not columns or losses.loss.size < 2 * MIN_ROWS or float(losses.loss.mean()) <= 0.0:
        return []
    finder = _Finder(columns, losses)
    singles = list(finder.singles())
    pairs = list(finder.pairs(_paired(singles, len(columns))))
    beam = distinct(sorted(pairs, key=_order)[: 4 * _BEAM], columns, _BEAM, limit=0.8)
    triples = [found for pair in beam for found in finder.extended(pair)]
    rough = [*distinct(sorted(triples, key=_order), columns, _REFINED, limit=0.8), *beam[:_REFINED]]
    refined = [finder.simplified(finder.refined(one)) for one in rough]
    return distinct(sorted([*singles, *refined], key=_order), columns, most)


def distinct(found: Sequence[Candidate], columns: Sequence[Coded], most: int, limit: float = 0.5) -> list[Candidate]:
    """In the order given, without those that share more than `limit` of the smaller one's rows with an earlier one."""
    kept: list[Candidate] = []
    masks: list[Mask] = []
    for one in found:
        rows = one.rows(columns)
        if any(overlap(rows, other) > limit for other in masks):
            continue
        kept.append(one)
        masks.append(rows)
        if len(kept) == most:
            break
    return kept


def overlap(a: Mask, b: Mask) -> float:
    """Rows in both as a share of the smaller one."""
    return float((a & b).sum()) / max(min(int(a.sum()), int(b.sum())), 1)


def _order(one: Candidate) -> tuple[float, int, tuple[tuple[int, int], ...]]:
    return (-one.score, len(one.parts), one.parts)


def _paired(singles: Sequence[Candidate], n_columns: int) -> list[int]:
    """All columns where there are few, else those with the strongest single conditions."""
    if n_columns <= _MAX_PAIRED:
        return list(range(n_columns))
    ranked = list(dict.fromkeys(one.parts[0][0] for one in sorted(singles, key=_order)))
    rest = [column for column in range(n_columns) if column not in set(ranked)]
    return sorted([*ranked, *rest][:_MAX_PAIRED])


def tries(columns: Sequence[Coded]) -> dict[int, float]:
    """By number of conditions, the log of how many slices are tried; ends of ranges that are only refined not counted,
    for such slices share nearly all their rows."""
    atoms = [column.coarse.size for column in columns]
    two = sum(a * b for a, b in combinations(atoms, 2))
    return {
        1: math.log(max(sum(len(column.atoms) for column in columns), 1)),
        2: math.log(max(two, 1)),
        3: math.log(max(two * sum(atoms) / 3, 1)),
    }


def chance(losses: Losses, rows: Mask, log_tries: float) -> float:
    """Bound on the probability that any of so many slices has this many wrong rows by chance; 0 or 1 losses only."""
    count, wrong = float(rows.sum()), float(losses.loss[rows].sum())
    expected = wrong - float(losses.excess[rows].sum())
    if count == 0 or wrong <= expected:
        return 1.0
    one = _surprise(np.array([count]), np.array([wrong]), np.array([expected]))
    return float(min(1.0, math.exp(log_tries - float(one[0]))))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """All columns side by side. codes: (n, columns), each column's in a stretch of `width` of its own; begins, ends: of
    the coarse atoms of all columns in the running sums, (columns, width + 1) laid flat; starts: each column's first."""

    codes: NDArray[np.int64]
    width: int
    begins: NDArray[np.int64]
    ends: NDArray[np.int64]
    starts: NDArray[np.int64]

    @classmethod
    def of(cls, columns: Sequence[Coded]) -> _Layout:
        width = max(column.size for column in columns)
        atoms = [column.atoms[column.coarse] + at * (width + 1) for at, column in enumerate(columns)]
        whole = np.concatenate(atoms)
        return cls(
            codes=np.stack([column.codes + at * width for at, column in enumerate(columns)], axis=1),
            width=width,
            begins=whole[:, 0],
            ends=whole[:, 1] + 1,
            starts=np.cumsum([0, *(len(one) for one in atoms)]),
        )


class _Finder:
    def __init__(self, columns: Sequence[Coded], losses: Losses) -> None:
        self.columns, self.losses = columns, losses
        self.n = losses.loss.size
        self.whole = float(losses.loss.mean())
        self.least = max(MIN_ROWS, MIN_SHARE * self.n)
        self.penalty = tries(columns)
        self._layout = _Layout.of(columns)
        #: what was found of a column within conditions on others: different ways lead to the same question
        self._known: dict[tuple[tuple[tuple[int, int], ...], int], tuple[int, float]] = {}

    def singles(self) -> Iterator[Candidate]:
        for position, column in enumerate(self.columns):
            scores = self._along(column, None, depth=1, atoms=column.atoms)
            for atom in _best(scores, _PER_PAIR):
                yield Candidate(parts=((position, atom),), score=float(scores[atom]))

    def pairs(self, positions: Sequence[int]) -> Iterator[Candidate]:
        for a, b in combinations(positions, 2):
            scores = self._across(self.columns[a], self.columns[b])
            width = scores.shape[1]
            first, second = self.columns[a].coarse, self.columns[b].coarse
            for flat in _best(scores.ravel(), _PER_PAIR):
                parts = ((a, int(first[flat // width])), (b, int(second[flat % width])))
                yield Candidate(parts=parts, score=float(scores.flat[flat]))

    def extended(self, pair: Candidate) -> Iterator[Candidate]:
        """With the best coarse condition on each other column, all columns' sums at once."""
        rows = np.flatnonzero(pair.rows(self.columns))
        taken = {column for column, _ in pair.parts}
        layout = self._layout
        codes = layout.codes[rows].ravel()
        sums = []
        for values in (None, self.losses.loss, self.losses.excess, self.losses.variance):
            weights = None if values is None else np.repeat(values[rows], len(self.columns))
            counted = np.bincount(codes, weights=weights, minlength=len(self.columns) * layout.width)
            running = np.zeros((len(self.columns), layout.width + 1))
            np.cumsum(counted.reshape(len(self.columns), layout.width), axis=1, out=running[:, 1:])
            flat = running.ravel()
            sums.append(flat[layout.ends] - flat[layout.begins])
        scores = self._scores(sums, 3)
        for position, column in enumerate(self.columns):
            if position in taken:
                continue
            mine = scores[layout.starts[position] : layout.starts[position + 1]]
            for atom in _best(mine, 1):
                parts = tuple(sorted((*pair.parts, (position, int(column.coarse[atom])))))
                yield Candidate(parts=parts, score=float(mine[atom]))

    def refined(self, one: Candidate) -> Candidate:
        """The same columns with their best fine ranges, one column at a time, twice over."""
        for _ in range(2):
            for position, _ in one.parts:
                others = tuple(part for part in one.parts if part[0] != position)
                atom, score = self._finest(others, position)
                if score > one.score:
                    one = Candidate(parts=tuple(sorted((*others, (position, atom)))), score=score)
        return one

    def _finest(self, others: tuple[tuple[int, int], ...], position: int) -> tuple[int, float]:
        """The best condition on this column within the others; -inf where none is usable."""
        found = self._known.get((others, position))
        if found is None:
            column, inside = self.columns[position], Candidate(parts=others, score=0.0).rows(self.columns)
            scores = self._along(column, np.flatnonzero(inside), depth=len(others) + 1, atoms=column.atoms)
            found = next(((atom, float(scores[atom])) for atom in _best(scores, 1)), (0, -math.inf))
            self._known[others, position] = found
        return found

    def simplified(self, one: Candidate) -> Candidate:
        """Without the conditions that add little: a shorter one that explains nearly as much says it better."""
        while len(one.parts) > 1:
            shorter = [
                self.refined(self._candidate(tuple(kept for kept in one.parts if kept != part))) for part in one.parts
            ]
            best = max(shorter, key=lambda found: (found.score, found.parts))
            evidence = best.score + self.penalty[len(best.parts)]
            if evidence < SIMPLER * (one.score + self.penalty[len(one.parts)]):
                break
            one = best
        return one

    def _candidate(self, parts: tuple[tuple[int, int], ...]) -> Candidate:
        rows = Candidate(parts=parts, score=0.0).rows(self.columns)
        losses = self.losses
        sums = [np.array([float(rows.sum())])]
        sums += [np.array([float(values[rows].sum())]) for values in (losses.loss, losses.excess, losses.variance)]
        return Candidate(parts=parts, score=float(self._scores(sums, len(parts))[0]))

    def _along(self, column: Coded, rows: NDArray[np.int64] | None, *, depth: int, atoms: NDArray[np.int64]) -> Array:
        codes = column.codes if rows is None else column.codes[rows]
        sums = []
        for values in (None, self.losses.loss, self.losses.excess, self.losses.variance):
            weights = values if values is None or rows is None else values[rows]
            counted = np.bincount(codes, weights=weights, minlength=column.size)
            running = np.append(0.0, np.cumsum(counted))
            sums.append(running[atoms[:, 1] + 1] - running[atoms[:, 0]])
        return self._scores(sums, depth)

    def _across(self, a: Coded, b: Coded) -> Array:
        codes = a.codes * b.size + b.codes
        sums, first, second = [], a.atoms[a.coarse], b.atoms[b.coarse]
        for values in (None, self.losses.loss, self.losses.excess, self.losses.variance):
            table = np.bincount(codes, weights=values, minlength=a.size * b.size).reshape(a.size, b.size)
            running = np.zeros((a.size + 1, b.size + 1))
            running[1:, 1:] = table.cumsum(axis=0).cumsum(axis=1)
            tall = running[first[:, 1] + 1] - running[first[:, 0]]
            sums.append(tall[:, second[:, 1] + 1] - tall[:, second[:, 0]])
        return self._scores(sums, 2)

    def _scores(self, sums: list[Array], depth: int) -> Array:
        """-inf for slices that are too small, too large, or not much worse than the whole."""
        count, loss, excess, variance = sums
        usable = (count >= self.least) & (count <= MAX_SHARE * self.n) & (loss >= MIN_RATIO * self.whole * count)
        usable &= (excess > 0) & (variance > 0)
        found = np.full(count.shape, -np.inf)
        if self.losses.is_rate:
            evidence = _surprise(count[usable], loss[usable], loss[usable] - excess[usable])
        else:
            evidence = excess[usable] ** 2 / variance[usable] / 2
        found[usable] = evidence - self.penalty[depth]
        return found


def _surprise(count: Array, wrong: Array, expected: Array) -> Array:
    """Minus the log of Chernoff's bound on so many wrong rows: half z squared flatters small slices of rare errors.

    Source: Hoeffding (1963), JASA 58, theorem 1; it holds for rates that differ from row to row.
    """
    rate, usual = wrong / count, np.clip(expected / count, 1e-9, 1 - 1e-9)
    right = 1 - rate
    with np.errstate(divide="ignore", invalid="ignore"):
        rest = np.where(right > 0, right * np.log(right / (1 - usual)), 0.0)
    return np.asarray(count * (rate * np.log(rate / usual) + rest))


def _best(scores: Array, most: int) -> list[int]:
    """Positions of the largest finite scores, largest first, ties by position."""
    many = scores.size > most
    nearest = np.sort(np.argpartition(-scores, most - 1)[:most]) if many else np.arange(scores.size)
    kept = [int(at) for at in nearest if np.isfinite(scores[at])]
    return sorted(kept, key=lambda at: (-scores[at], at))

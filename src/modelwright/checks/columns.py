"""One column against the target, on the rows where it is known: how well it tells, how surely, and in what form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from modelwright.stats import association, separation

if TYPE_CHECKING:
    from modelwright.checks.strengths import Strengths

#: out-of-fold balanced error rate and unsure share up to which a column may be a coded answer
MAX_WRONG, MAX_GREY, MAX_WRONG_CODE = 0.12, 0.05, 0.15
#: numbers: variance unexplained; R2 0.985 is what 12 % noise leaves of a copy
MAX_UNEXPLAINED = 0.015
#: rows midway between the classes; a threshold on an honest measurement leaves 5 to 15 %
MAX_MIDDLE = 0.03
_MIN_ROWS = 60
_MIN_MARKED = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    column: str
    known: NDArray[np.bool_]
    y: NDArray[Any]
    predicted: NDArray[np.float64]
    error: float  # scale of `stats.association`, on known rows
    #: classification: balanced error rate, unsure share, share of rows midway between classes
    wrong: float = 1.0
    grey: float = 1.0
    middle: float = 0.0
    #: few values name the class, or stretches of the target, without exception
    is_exact: bool = False
    #: three classes or more, and a value for each, right nearly always
    is_code: bool = False

    @property
    def is_near_copy(self) -> bool:
        """In form a coded answer; whether company explains it is another question."""
        return self.is_exact or self.is_code or (self.wrong <= MAX_WRONG and self.grey <= MAX_GREY)

    @property
    def is_threshold(self) -> bool:
        """Sure on both sides of a point that the column passes straight through."""
        return not self.is_exact and self.middle > MAX_MIDDLE


def view(found: Strengths, column: str) -> View | None:
    """None where too few rows are known, or a class is missing among them."""
    values = found.X[:, found.names.index(column)]
    known = np.isfinite(values)
    y, fold, codes = found.y[known], found.fold[known], found.codes[column][known]
    if y.size < _MIN_ROWS:
        return None
    if found.n_classes == 0:
        return _numbers(column, known, (values[known], codes, column in found.numeric), y, fold)
    if np.bincount(y, minlength=found.n_classes).min() < 4:
        return None
    return _classes(found, column, known)


def _classes(found: Strengths, column: str, known: NDArray[np.bool_]) -> View:
    k = found.n_classes
    values, codes = found.X[known, found.names.index(column)], found.codes[column][known]
    y, fold = found.y[known], found.fold[known]
    distinct = np.unique(values).size
    is_measured = column in found.numeric and distinct > 20
    tries = [association.single(codes, y, k, fold)]
    if is_measured:
        # Equal bins blur a rare class, and too fine ones a small table.
        coarse = np.searchsorted(np.unique(np.quantile(values, np.linspace(0, 1, max(4, y.size // 20)))), values)
        tries += [association.single(coarse, y, k, fold), association.together(values[:, None], y, k, fold, [])]
    posteriors = [separation.balanced(one, y, k) for one in tries]
    wrongs = [separation.balanced_error(one, y, k) for one in posteriors]
    greys = [separation.grey(one, y, k) for one in posteriors]
    best = int(np.argmin(np.add(wrongs, greys)))
    is_code = separation.is_code(codes, posteriors[0].argmax(axis=1), k) and wrongs[0] <= MAX_WRONG_CODE
    return View(
        column=column,
        known=known,
        y=y,
        predicted=tries[best],
        error=min(min(association.error(y, one, k) for one in tries), 1.0),
        wrong=wrongs[best],
        grey=greys[best],
        middle=separation.middle(values, y, k) if is_measured else 0.0,
        is_exact=_is_exact(codes, y, k) if not is_measured else separation.is_apart(values, y, k),
        is_code=is_code,
    )


def _is_exact(codes: NDArray[np.int64], y: NDArray[np.int64], k: int) -> bool:
    marked = separation.marked_class(codes, y, k)
    if marked is not None and int((y == marked).sum()) >= _MIN_MARKED:
        return True
    return separation.is_exact_code(codes, y, k)


def _numbers(
    column: str,
    known: NDArray[np.bool_],
    told: tuple[NDArray[np.float64], NDArray[np.int64], bool],
    y: NDArray[np.float64],
    fold: NDArray[np.int64],
) -> View:
    values, codes, numeric = told
    tries = [association.single(codes, y, 0, fold)]
    if numeric:
        tries.append(association.together(values[:, None], y, 0, fold, []))
        tries.append(_line(values, y, fold))
    errors = [association.error(y, one, 0) for one in tries]
    best = int(np.argmin(errors))
    exact = separation.is_ordered(codes, values, y, numeric)
    wrong = 0.0 if errors[best] <= MAX_UNEXPLAINED else 1.0
    return View(
        column=column,
        known=known,
        y=y,
        predicted=tries[best],
        error=min(errors[best], 1.0),
        wrong=wrong,
        grey=wrong,
        is_exact=exact,
    )


def _line(values: NDArray[np.float64], y: NDArray[np.float64], fold: NDArray[np.int64]) -> NDArray[np.float64]:
    """Out-of-fold straight line, for tails that bins and trees flatten."""
    found = np.empty((y.size, 1))
    for number in np.unique(fold):
        learn = fold != number
        centre, scale = values[learn].mean(), max(float(values[learn].std()), 1e-300)
        x = (values - centre) / scale
        slope = float(x[learn] @ (y[learn] - y[learn].mean())) / max(float(x[learn] @ x[learn]), 1e-300)
        found[~learn, 0] = y[learn].mean() + slope * x[~learn]
    return found

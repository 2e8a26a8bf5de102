"""Which single columns give the target away: several kinds of evidence combined, and suspects dropped as a group.

No threshold on one column's strength: breast cancer data has 5 honest columns of 30 with AUC above 0.95. What a
leak has and an honest column has not: it is sure everywhere (no grey zone), it errs as seldom on the rows that all
other columns get wrong, and nothing else comes near it once the other suspects are gone too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from modelwright.checks import names
from modelwright.checks.columns import MAX_UNEXPLAINED, View, view
from modelwright.stats import association, separation

if TYPE_CHECKING:
    from modelwright.checks.strengths import Strengths

#: columns looked at closely: the strongest ones, and those with telling names
_LOOKED_AT = 12
#: how many times more the other columns err, and by how much at least
JUMP, LEAST_JUMP = 4.0, 0.03
#: a telling name needs less; without one a gap alone is only a question
GAP_HINTED, GAP_ASKED, LEAST_GAP = 2.5, 4.0, 0.05
#: a hinted column must bring back this share of what its group explains
_SHARE_OF_GAP = 0.25
_MAX_ALONE = 0.85
#: more columns than this that all look like the answer are an easy problem, not a leak
_MOST_UNNAMED = 3
#: off its usual value, a column filled after the event is of one class almost without exception
_PURE, _MIN_PURE_ROWS, _MAX_LOG_CHANCE = 0.99, 30, -25.0
#: rows of that class that all others get wrong
_MISSED = 4
_BY_MISSINGNESS = 0.15


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    column: str
    kind: str  # copy | after | asked
    high: bool
    blocking: bool
    alone: float
    without: float  # error of the joint model without the whole group
    group: tuple[str, ...]  # dropped together, this column among them
    reasons: tuple[str, ...]  # plain clauses
    hint: str = ""
    view: View | None = None


@dataclass(slots=True)
class _Search:
    found: Strengths
    target: str
    views: dict[str, View] = field(default_factory=dict)

    def hint(self, column: str) -> str:
        return names.hint(column, self.target)


def find(found: Strengths, target: str) -> list[Suspect]:
    """Suspects, strongest first; each column once."""
    search = _Search(found=found, target=target)
    for column in _candidates(found, target):
        seen = view(found, column)
        if seen is not None:
            search.views[column] = seen
    group = _group(search)
    suspects = [one for one in (_copy(search, column, group) for column in group) if one is not None]
    out = {one.column for one in suspects}
    suspects += _marked(search, out)
    out |= {one.column for one in suspects}
    suspects += _hinted(search, out)
    out |= {one.column for one in suspects}
    suspects += _asked(search, out)
    return sorted(suspects, key=lambda one: (not one.blocking, not one.high, one.alone))


def _candidates(found: Strengths, target: str) -> list[str]:
    useful = [
        name
        for name in found.names
        if found.alone[name] <= _MAX_ALONE and found.missing.get(name, 1.0) > _BY_MISSINGNESS
    ]
    hinted = [name for name in useful if names.hint(name, target)][:_LOOKED_AT]
    coded = [name for name in found.names if found.n_classes > 2 and np.unique(found.codes[name]).size <= 3]
    return list(dict.fromkeys([*useful[:_LOOKED_AT], *hinted, *coded[:_LOOKED_AT]]))


def _group(search: _Search) -> tuple[str, ...]:
    """Columns that are coded answers in form; without them together, what is left shows what the rest can do."""
    near = [name for name, seen in search.views.items() if seen.is_near_copy]
    sure = [name for name in near if search.views[name].is_exact or search.hint(name)]
    unnamed = [name for name in near if name not in sure]
    width = len(search.found.names)
    if len(unnamed) > _MOST_UNNAMED or len(near) > max(1, width // 2):
        unnamed = unnamed[:1] if len(sure) == 0 else []
    return tuple(sorted({*sure, *unnamed}))


def _copy(search: _Search, column: str, group: tuple[str, ...]) -> Suspect | None:
    found, seen, hint = search.found, search.views[column], search.hint(column)
    rest = found.predicted_without(*group)[seen.known]
    floor = 1.0 / max(seen.y.size, 60)
    error = min(association.error(seen.y, rest, found.n_classes), 1.0)
    reasons = []
    jump = error >= JUMP * max(seen.error, floor) and error - seen.error >= (LEAST_JUMP if found.n_classes else 0.01)
    if jump:
        reasons.append("nothing else in the table comes near it")
    if seen.is_exact:
        reasons.append("its values name the target without exception")
    if seen.is_code and not seen.is_exact:
        reasons.append("it has one value for each class")
    if _errs_anywhere(seen, rest, found.n_classes):
        reasons.append("it is right just as often on the rows that all other columns get wrong")
    if not reasons or (found.n_classes == 0 and not seen.is_exact and seen.error >= 0.5 * found.persistence):
        return None
    strong = seen.is_exact or (jump and (seen.wrong <= 0.02 if found.n_classes else seen.error <= 0.001))
    # A threshold on one honest measurement looks the same, so that form is only asked about.
    high = not seen.is_threshold or bool(hint)
    return Suspect(
        column=column,
        kind=_kind(found, seen, hint),
        high=high,
        blocking=high and (strong or bool(hint and jump)),
        alone=seen.error,
        without=found.without(*group),
        group=group,
        reasons=tuple(reasons) + ((hint,) if hint else ()),
        hint=hint,
        view=seen,
    )


def _errs_anywhere(seen: View, rest: NDArray[np.float64], n_classes: int) -> bool:
    """Flat errors: on at least 8 rows that the others get wrong, the column is right about as often as elsewhere."""
    if n_classes == 0 or seen.is_threshold:
        return False
    hard = separation.balanced(rest, seen.y, n_classes).argmax(axis=1) != seen.y
    right = separation.balanced(seen.predicted, seen.y, n_classes).argmax(axis=1) == seen.y
    least = max(0.8, float(right.mean()) - 0.1)
    return int(hard.sum()) >= 8 and float(right[hard].mean()) >= least


def _kind(found: Strengths, seen: View, hint: str) -> str:
    """A copy has about as many values as the target; a trace of the event has values of its own within a class."""
    if hint:
        return "after"
    if found.n_classes == 0:
        return "copy"
    values = found.codes[seen.column][seen.known]
    usual = [np.bincount(values[seen.y == label]).max() / (seen.y == label).sum() for label in range(found.n_classes)]
    return "after" if max(usual) >= 0.9 and min(usual) <= 0.5 else "copy"


def _marked(search: _Search, out: set[str]) -> list[Suspect]:
    """Columns that leave their usual value for one class only: counts and amounts that are zero before the event."""
    found, suspects = search.found, []
    if not found.n_classes:
        return []
    shares = np.bincount(found.y, minlength=found.n_classes) / found.y.size
    for column in search.views:
        if column in out:
            continue
        marked = _off_mode(found, column, shares)
        if marked is None:
            continue
        rows, label = marked
        group = (*sorted(out), column)
        others = found.predicted_without(*group)
        answers = separation.balanced(others, found.y, found.n_classes).argmax(axis=1)
        missed = int((answers[rows] != label).sum())
        if float(np.median(others[rows, label])) > 0.8 and missed < _MISSED:
            continue  # the others knew
        hint, without = search.hint(column), found.without(*group)
        gap = without >= GAP_HINTED * found.full and without - found.full >= LEAST_GAP
        reasons = (f"off its usual value ({int(rows.sum()):,} rows) every row is of one class",)
        suspects.append(
            Suspect(
                column=column,
                kind="after",
                high=True,
                blocking=gap or bool(hint),
                alone=found.alone[column],
                without=without,
                group=group,
                reasons=reasons + ((hint,) if hint else ()),
                hint=hint,
                view=search.views[column],
            )
        )
    return suspects


def _off_mode(found: Strengths, column: str, shares: NDArray[np.float64]) -> tuple[NDArray[np.bool_], int] | None:
    known = np.isfinite(found.X[:, found.names.index(column)])
    codes = found.codes[column]
    counts = np.bincount(codes[known])
    mode = int(counts.argmax()) if counts.size else 0
    rows = known & (codes != mode)
    n = int(rows.sum())
    if counts.max(initial=0) < 0.3 * found.y.size or not n >= _MIN_PURE_ROWS:
        return None
    labels = np.bincount(found.y[rows], minlength=found.n_classes)
    label = int(labels.argmax())
    if labels[label] < _PURE * n or shares[label] > 0.7 or n * np.log(max(shares[label], 1e-9)) > _MAX_LOG_CHANCE:
        return None
    return rows, label


def _hinted(search: _Search, out: set[str]) -> list[Suspect]:
    """Columns with telling names that carry the model together; they may cover for one another."""
    found = search.found
    chosen = [name for name, seen in search.views.items() if name not in out and search.hint(name)]
    group = tuple(sorted({*out, *chosen}))
    if not chosen:
        return []
    floor = 2.0 / found.y.size
    with_all = max(found.without(*out), floor)
    if not _can_fall(with_all, GAP_HINTED):
        return []
    without = found.without(*group)
    if without < GAP_HINTED * with_all or without - with_all < LEAST_GAP:
        return []
    suspects = []
    for column in chosen:
        back = found.without(*(name for name in group if name != column)) if len(chosen) > 1 else with_all
        if (without - back) < _SHARE_OF_GAP * (without - with_all):
            continue
        suspects.append(
            Suspect(
                column=column,
                kind="after",
                high=True,
                blocking=True,
                alone=found.alone[column],
                without=without,
                group=group,
                reasons=(search.hint(column), "the best model falls apart without it"),
                hint=search.hint(column),
                view=search.views[column],
            )
        )
    return suspects


def _asked(search: _Search, out: set[str]) -> list[Suspect]:
    """No telling name and no telling form, yet everything rests on it: a question, not an accusation."""
    found, suspects = search.found, []
    full = max(found.without(*out), 2.0 / found.y.size)
    if not _can_fall(full, GAP_ASKED):
        return []
    for column in list(search.views)[:6]:
        seen = search.views[column]
        if column in out or 2.0 * seen.error > 1.0 or (found.n_classes == 0 and seen.error >= 0.5 * found.persistence):
            continue
        without = found.without(*out, column)
        if without < GAP_ASKED * full or without - full < LEAST_GAP or without < 2.0 * seen.error:
            continue
        suspects.append(
            Suspect(
                column=column,
                kind="asked",
                high=False,
                blocking=False,
                alone=seen.error,
                without=without,
                group=(*sorted(out), column),
                reasons=("the best model falls apart without it",),
                view=seen,
            )
        )
    return suspects


def _can_fall(error: float, times: float) -> bool:
    """Whether an error, which `Strengths.without` keeps at 1 at most, could grow so far; else no forest is fit."""
    return times * error <= 1.0 and 1.0 - error >= LEAST_GAP


__all__ = ["MAX_UNEXPLAINED", "Suspect", "find"]

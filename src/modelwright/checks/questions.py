"""Which columns a careful reader would ask about, beyond those that the evidence condemns: never blocking.

Where honest columns are strong, no score falls when a leak is taken away; its form and its name are all that is left.
And once one column is known to be written after the event, those that speak of the same process are asked about, too.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from modelwright.checks import names
from modelwright.checks.columns import view
from modelwright.checks.strengths import Strengths
from modelwright.checks.suspects import Suspect

#: error alone (0 perfect, 1 nothing; 0.3 is an AUC of 0.85) up to which a telling name makes a question
_STRONG = 0.3
#: how much more often one class leaves the usual value than the other; 0.8 is one in ten against nine in ten
_LEAVES = 0.8
#: of one class nearly all rows have the usual value
_USUAL = 0.9
#: a column follows from another when that one's values repeat this often, and each brings one value only
_REPEATS = 5.0
_MOST = 12


def find(found: Strengths, target: str, suspects: list[Suspect]) -> list[Suspect]:
    """Further suspects, none of them among the given ones; those with a telling form and a telling name are high."""
    asked = [*_telling(found, target, {one.column for one in suspects})]
    asked += _of_one_process(found, target, [*suspects, *asked])
    return asked + _following(found, [*suspects, *asked])


def _telling(found: Strengths, target: str, out: set[str]) -> list[Suspect]:
    asked: list[Suspect] = []
    for column in found.names:
        if column in out or found.alone[column] > _STRONG or len(asked) >= _MOST:
            continue
        hint, leaves = names.hint(column, target), _leaves(found, column)
        if not hint and not leaves:
            continue
        reasons = ([f"it leaves its usual value for one class nearly alone ({leaves})"] if leaves else []) + [hint]
        if hint and not leaves:
            reasons.append("it tells the target by itself")
        asked.append(_suspect(found, column, sorted(out), reasons=reasons, high=bool(hint and leaves), hint=hint))
    return asked


def _leaves(found: Strengths, column: str) -> str:
    """`3 % of rows that are not, 91 % of those that are`, where two classes part by leaving one value; else empty."""
    at = found.names.index(column)
    values = found.X[:, at]
    known = np.isfinite(values)
    if found.n_classes != 2 or known.sum() < 60 or column not in found.numeric:
        return ""
    kinds, codes = np.unique(values[known], return_inverse=True)
    mode = int(np.bincount(codes).argmax())
    y = found.y[known]
    # A column of two values may be any honest answer; amounts and counts have many.
    if kinds.size < 4 or np.bincount(y, minlength=2).min() < 20:
        return ""
    off = [float((codes[y == label] != mode).mean()) for label in (0, 1)]
    if max(off) - min(off) < _LEAVES or min(off) > 1.0 - _USUAL:
        return ""
    return f"{min(off):.0%} of the rows of one class, {max(off):.0%} of the other"


def _of_one_process(found: Strengths, target: str, suspects: list[Suspect]) -> list[Suspect]:
    """Columns that tell of the same process as one that was condemned: actual times, durations, what came of it."""
    condemned = [one for one in suspects if one.kind == "after" and one.high]
    out = {one.column for one in suspects}
    asked: list[Suspect] = []
    if not condemned:
        return asked
    group = sorted({one.column for one in condemned if one.blocking})
    for column in found.names:
        if column in out or len(asked) >= _MOST:
            continue
        kin = next((one.column for one in condemned if names.is_related(column, one.column)), "")
        hint = names.hint(column, target)
        if not kin and not hint and not (column in found.numeric and names.is_duration(column)):
            continue
        why = f"it speaks of what '{kin or condemned[0].column}' speaks of, which is known only afterwards"
        if not kin:
            why = hint or "its name says how long something took, and such things are known afterwards"
        asked.append(_suspect(found, column, group, reasons=[why], hint=hint))
    return asked


def _following(found: Strengths, suspects: list[Suspect]) -> list[Suspect]:
    """Columns that another suspect's values settle: hour and minute of a departure."""
    out = {one.column for one in suspects}
    asked: list[Suspect] = []
    for one in [one for one in suspects if one.kind != "copy"]:
        if one.column not in found.names:
            continue
        source = _codes(found, one.column)
        n_source = int(source.max()) + 1
        if n_source < 3 or source.size < _REPEATS * n_source:
            continue
        for column in found.names:
            if column in out or len(asked) >= _MOST:
                continue
            codes = _codes(found, column)
            size = int(codes.max()) + 1
            if size < 3 or np.unique(source * size + codes).size > n_source:
                continue
            out.add(column)
            group = sorted({*one.group} - {column})
            asked.append(_suspect(found, column, group, reasons=[f"it follows from '{one.column}' row by row"]))
    return asked


def _codes(found: Strengths, column: str) -> NDArray[np.int64]:
    values = found.X[:, found.names.index(column)]
    return np.unique(values, return_inverse=True, equal_nan=True)[1].astype(np.int64)


def _suspect(
    found: Strengths, column: str, group: list[str], *, reasons: list[str], high: bool = False, hint: str = ""
) -> Suspect:
    together = (*group, column)
    return Suspect(
        column=column,
        kind="after" if high else "asked",
        high=high,
        blocking=False,
        alone=found.alone[column],
        without=found.without(*together),
        group=together,
        reasons=tuple(reason for reason in reasons if reason),
        hint=hint,
        view=view(found, column),
    )

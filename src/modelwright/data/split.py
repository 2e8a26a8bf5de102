"""Divide rows into train, val and test so that nothing is on two sides, and into folds inside the first two."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwright.core.digests import child_seed
from modelwright.core.errors import DataError, SpecError
from modelwright.core.nouns import Role
from modelwright.core.run import Problem
from modelwright.core.tables import Dataset
from modelwright.data import assign
from modelwright.data.folding import make_folds
from modelwright.data.gaps import Timeline, timeline
from modelwright.data.parts import PARTS, Split, named, strata
from modelwright.data.problem import propose_split
from modelwright.data.target import labels
from modelwright.data.units import Rows, duplicate_units, group_units
from modelwright.spec.model import Spec, SplitKind

#: how far a part's share may be from what was asked before keeping duplicates together is given up
_SHARE_SLACK = 0.1
#: how often whole units are dealt before that
_DRAWS = 10


def split(dataset: Dataset, spec: Spec, problem: Problem, seed: int, *, base_dir: Path | None = None) -> Split:
    """Deterministic by seed. The dataset is the one whose rows all have a target (`target.encode`).

    `base_dir` is where a custom function is looked up.

    Raises SpecError `split.shares` when the shares do not add up to 1, DataError `split.empty` when a part gets
    no row, `split.class_absent` when a class is missing where it is needed.
    """
    shares = _shares(spec)
    proposed = problem.split or propose_split(dataset, spec, problem.task)
    notes: list[str] = []
    spans: dict[str, tuple[str, str]] = {}
    if spec.data.split.custom is not None:
        from modelwright.data.custom import custom_parts

        parts = custom_parts(spec.data.split.custom, dataset.frame, seed, base_dir or Path.cwd())
        kind = "custom"
    else:
        kind = proposed.kind
        divide = _Division(dataset, spec, problem, seed, shares, notes)
        parts, line = divide.run(SplitKind(kind))
        spans = _spans(line, parts) if line is not None else {}
    left_out = int((parts < 0).sum())
    if left_out:
        notes.append(f"{left_out:,} rows are in no part ({_why_left_out(kind)})")
    found = Split(
        kind=kind,
        reason=proposed.reason,
        train=_rows(parts, 0),
        val=_rows(parts, 1),
        test=_rows(parts, 2),
        notes=tuple(notes),
        spans=spans,
    )
    _refuse_empty(found, shares)
    absent = _absent_classes(found, dataset, problem)
    return found if not absent else _with_note(found, absent)


@dataclass(slots=True)
class _Division:
    """One attempt at dividing the rows; `notes` collects what a reader should know."""

    dataset: Dataset
    spec: Spec
    problem: Problem
    seed: int
    shares: tuple[float, float, float]
    notes: list[str]

    def run(self, kind: SplitKind) -> tuple[assign.Parts, Timeline | None]:
        random = np.random.default_rng(child_seed(self.seed, "split"))
        if kind is SplitKind.GROUP:
            groups = group_units(self.dataset, named(self.dataset, Role.GROUP, "group"))
            return assign.by_groups(groups, strata(self.dataset, self.problem), self.shares, random), None
        if kind in (SplitKind.TIME, SplitKind.GROUP_TIME):
            return self._timed(kind)
        by_class = strata(self.dataset, self.problem) if kind is SplitKind.STRATIFIED else None
        return self._independent(by_class, random), None

    def _timed(self, kind: SplitKind) -> tuple[assign.Parts, Timeline]:
        line = timeline(self.dataset, self.notes)
        known = line.known
        parts = np.full(self.dataset.n_rows, -1, dtype=np.int8)
        if kind is SplitKind.TIME:
            parts[known] = assign.by_time(line.ranks[known], self.shares)
        else:
            groups = group_units(self.dataset, named(self.dataset, Role.GROUP, "group"))
            parts[known] = assign.by_group_time(groups[known], line.ranks[known], self.shares)
        if self.spec.data.split.gap is not None:
            line.open_gap(parts, self.spec.data.split.gap)
        return parts, line

    def _independent(self, by_class: Rows | None, random: np.random.Generator) -> assign.Parts:
        units = duplicate_units(self.dataset)
        n, n_units = units.size, int(units.max(initial=-1)) + 1
        if n_units < n:
            for _ in range(_DRAWS):
                parts = assign.by_units(units, by_class, self.shares, random)
                if self._fair(parts):
                    again = n - n_units
                    repeat = "row repeats" if again == 1 else "rows repeat"
                    self.notes.append(f"{again:,} {repeat} another row's features; repeats stay on one side")
                    return parts
            self.notes.append(
                f"only {n_units:,} different rows among {n:,}: repeats could not be kept on one side of the split"
            )
        return assign.by_units(np.arange(n, dtype=np.int64), by_class, self.shares, random)

    def _fair(self, parts: assign.Parts) -> bool:
        got = np.bincount(parts, minlength=3) / max(1, parts.size)
        if (np.abs(got - np.asarray(self.shares)) > _SHARE_SLACK).any():
            return False
        if any(share > 0 and got[part] == 0 for part, share in enumerate(self.shares)):
            return False
        if not self.problem.task.is_classification:
            return True
        classes = strata(self.dataset, self.problem)
        assert classes is not None
        needed = np.unique(classes).size
        return all(np.unique(classes[parts == part]).size == needed for part in range(3) if self.shares[part] > 0)


def folds(split: Split, dataset: Dataset, spec: Spec, y: NDArray[Any] | None, seed: int) -> list[tuple[Rows, Rows]]:
    """(learn, judge) row positions inside train and val only; `auto` follows the split."""
    return make_folds(split, dataset, spec, y, seed)


def _shares(spec: Spec) -> tuple[float, float, float]:
    shares = (spec.data.train_split, spec.data.val_split, spec.data.test_split)
    if abs(sum(shares) - 1.0) > 1e-6:
        raise SpecError(
            f"train_split, val_split and test_split add up to {sum(shares):g}, not 1.",
            code="split.shares",
            hint=f"with train_split {shares[0]:g} and val_split {shares[1]:g}, "
            f"test_split would be {max(0.0, 1 - shares[0] - shares[1]):g}",
            subject="data.train_split",
        )
    return shares


def _rows(parts: assign.Parts, part: int) -> Rows:
    return np.flatnonzero(parts == part).astype(np.int64)


def _why_left_out(kind: str) -> str:
    if kind == SplitKind.GROUP_TIME:
        return "their group lies mostly in another part, or they fall into the gap"
    return "they fall into the gap or have no time" if kind == SplitKind.TIME else "as the custom split decided"


def _spans(line: Timeline, parts: assign.Parts) -> dict[str, tuple[str, str]]:
    found = {}
    for part, name in enumerate(PARTS):
        rows = _rows(parts, part)
        if rows.size:
            found[name] = line.span(rows)
    return found


def _refuse_empty(found: Split, shares: tuple[float, float, float]) -> None:
    for name, share in zip(PARTS, shares, strict=True):
        if share > 0 and getattr(found, name).size == 0:
            raise DataError(
                f"The {name} part of the {found.kind} split is empty.",
                code="split.empty",
                hint="bring more rows, enlarge its share, or choose another data.split.kind",
                subject=f"split:{name}",
            )


def _absent_classes(found: Split, dataset: Dataset, problem: Problem) -> str:
    """A note on classes that val or test lacks; raises DataError where nothing could be learned or judged."""
    if problem.target is None or not problem.task.is_classification:
        return ""
    column = labels(dataset.frame[problem.target])
    everything = set(column.drop_nulls().unique().to_list())
    notes = []
    for name in PARTS:
        rows = getattr(found, name)
        lacking = sorted(everything - set(column[rows].unique().to_list())) if rows.size else []
        if not lacking:
            continue
        if name == "train" or len(everything) == 2:
            raise DataError(
                f"The {name} part of the {found.kind} split has no row of class '{lacking[0]}'.",
                code="split.class_absent",
                hint="bring more rows of that class, enlarge the part, or choose another data.split.kind",
                subject=f"split:{name}",
            )
        notes.append(f"{name} has no row of {', '.join(lacking[:5])}")
    return "; ".join(notes)


def _with_note(found: Split, note: str) -> Split:
    return Split(
        kind=found.kind,
        reason=found.reason,
        train=found.train,
        val=found.val,
        test=found.test,
        notes=(*found.notes, note),
        spans=found.spans,
    )

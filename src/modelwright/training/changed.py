"""Apply a change to a bench: columns emptied, learn rows thinned out, the target shuffled, other folds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from modelwright.core.digests import child_seed
from modelwright.core.nouns import Role, Schema
from modelwright.training.changes import Change

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    from modelwright.core.ports import Needs
    from modelwright.training.bench import Bench

_FOLDS = 5
#: share of the rows judged by a single fold forward in time where there is no other to follow
_LATER_SHARE = 0.2


def apply(bench: Bench, change: Change) -> Bench:
    """The bench as the change makes it; the same bench and change always give the same one."""
    folds = _other_folds(bench, change) if change.folds else bench.folds
    if change.share < 1.0:
        folds = [(_some(bench, learn, change.share, at), judge) for at, (learn, judge) in enumerate(folds)]
    frame, job = bench.frame, bench.job
    if change.without:
        frame, job = blanked(frame, change.without), msgspec.structs.replace(job, schema=_hidden(job.schema, change))
    if change.features is not None:
        job = msgspec.structs.replace(job, features=change.features)
    if change.folds:
        job = msgspec.structs.replace(job, ordered=change.folds == "time" and _is_declared_time(job.schema, change.by))
    y = bench.y
    if change.shuffled and y is not None:
        import numpy as np

        y = y[np.random.default_rng(child_seed(job.seed, "shuffled target", change.again)).permutation(y.size)]
    return replace(bench, job=job, frame=frame, y=y, folds=folds)


def changed_needs(needs: Needs, change: Change | None) -> Needs:
    if change is None or not change.needs:
        return needs
    return replace(
        needs, scaled=change.needs.get("scaled", needs.scaled), one_hot=change.needs.get("one_hot", needs.one_hot)
    )


def blanked(frame: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """The same frame with nothing in these columns: steps that read them find nothing, the user's own ones too."""
    import polars as pl

    found = [name for name in columns if name in frame.columns]
    return frame.with_columns(pl.lit(None, dtype=frame.schema[name]).alias(name) for name in found)


def _hidden(schema: Schema, change: Change) -> Schema:
    columns = [
        msgspec.structs.replace(column, role=Role.IGNORED)
        if column.name in change.without and column.role is Role.FEATURE
        else column
        for column in schema.columns
    ]
    return Schema(columns=tuple(columns))


def _is_declared_time(schema: Schema, name: str) -> bool:
    times = schema.with_role(Role.TIME)
    return bool(times) and times[0].name == name


def _some(bench: Bench, rows: NDArray[np.int64], share: float, fold: int) -> NDArray[np.int64]:
    """A share of the rows in their order, of each class alike, at least one of each."""
    import numpy as np

    rng = np.random.default_rng(child_seed(bench.job.seed, "share", fold))
    rank = rng.permutation(rows.size)
    if bench.y is None or not bench.job.task.is_classification:
        return rows[rank < max(1, round(share * rows.size))]
    kept = np.zeros(rows.size, dtype=bool)
    labels = bench.y[rows]
    for label in np.unique(labels):
        here = np.flatnonzero(labels == label)
        order = here[np.argsort(rank[here], kind="stable")]
        kept[order[: max(1, round(share * here.size))]] = True
    return rows[kept]


def _other_folds(bench: Bench, change: Change) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    if change.folds == "group":
        return _group_folds(bench, change.by)
    return _later_fold(bench, change.by if change.folds == "time" else "")


def _later_fold(bench: Bench, by: str) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """One fold that judges the latest rows, as many of them as a fold judges at present, so that the number of rows
    learned from stays the same. Rows of the moment at the border, and rows without a moment, are learned from."""
    import numpy as np

    n = bench.frame.height
    share = _judged_share(bench)
    if by:
        moments = bench.frame[by]
        place = moments.rank("min").fill_null(0).to_numpy().astype(np.int64)
    else:
        place = np.arange(1, n + 1, dtype=np.int64)
    border = int(np.sort(place)[max(0, n - 1 - round(share * n))])
    return [(np.flatnonzero(place <= border), np.flatnonzero(place > border))]


def _judged_share(bench: Bench) -> float:
    if not bench.folds:
        return _LATER_SHARE
    learned, judged = (sum(len(pair[at]) for pair in bench.folds) for at in (0, 1))
    return judged / max(1, learned + judged)


def _group_folds(bench: Bench, by: str) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """As many folds as at present, no group on both sides; rows without a group are groups of their own."""
    import numpy as np

    n = bench.frame.height
    column = bench.frame[by]
    groups = column.rank("dense").fill_null(0).to_numpy().astype(np.int64)
    alone = np.flatnonzero(groups == 0)
    groups[alone] = groups.max(initial=0) + 1 + np.arange(alone.size)
    names, where = np.unique(groups, return_inverse=True)
    k = min(max(2, len(bench.folds) or _FOLDS), names.size)
    part = _balanced(np.bincount(where), k, np.random.default_rng(child_seed(bench.job.seed, "new groups")))[where]
    return [(np.flatnonzero(part != at), np.flatnonzero(part == at)) for at in range(k)] if n and k > 1 else []


def _balanced(sizes: NDArray[np.int64], k: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """A fold for each group, the largest groups first, always into the emptiest fold."""
    import heapq

    import numpy as np

    order = rng.permutation(sizes.size)
    order = order[np.argsort(-sizes[order], kind="stable")]
    filled = [(0, at) for at in range(k)]
    found = np.zeros(sizes.size, dtype=np.int64)
    for group in order:
        rows, at = heapq.heappop(filled)
        found[group] = at
        heapq.heappush(filled, (rows + int(sizes[group]), at))
    return found

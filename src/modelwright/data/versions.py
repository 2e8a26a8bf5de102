"""Name and describe dataset versions, and say what changed between two of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from blake3 import blake3

from modelwright.core.nouns import ColumnType, Noun
from modelwright.core.tables import Dataset

_QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
_TOP = 20
#: population stability index from which a shift is worth naming; 0.1 and 0.25 are the usual reading (Siddiqi 2006)
_SHIFTED, _STRONGLY = 0.1, 0.25


class ColumnFacts(Noun, frozen=True, kw_only=True):
    """One column of one version. `digest` names its values in order."""

    type: str
    role: str
    digest: str
    missing_share: float
    n_unique: int
    mean: float | None = None
    #: numbers and datetimes (microseconds): values at 0, 5, 25, 50, 75, 95, 100 %
    quantiles: tuple[float, ...] = ()
    #: categories and booleans: share by value, the most frequent first, at most 20
    shares: dict[str, float] = {}


class DvcRecord(Noun, frozen=True, kw_only=True):
    """What a `.dvc` file beside the data says; never changed by us."""

    path: str
    md5: str
    file: str


class Manifest(Noun, frozen=True, kw_only=True):
    """A dataset version: enough to recognise it and to compare it, without the data."""

    version: int = 1
    digest: str
    source: str
    n_rows: int
    columns: dict[str, ColumnFacts]
    dvc: DvcRecord | None = None
    n_quarantined: int = 0


class ColumnChange(Noun, frozen=True, kw_only=True):
    column: str
    what: str  # one phrase: `type number -> category`
    shift: float | None = None  # population stability index


class Difference(Noun, frozen=True, kw_only=True):
    before: str
    after: str
    same: bool
    rows_before: int
    rows_after: int
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[ColumnChange, ...] = ()
    summary: str = ""


def manifest(dataset: Dataset, *, base_dir: Path | None = None) -> Manifest:
    """Facts of the version; with `base_dir`, a `<file>.dvc` beside a local source is read too."""
    return Manifest(
        digest=dataset.digest,
        source=dataset.source,
        n_rows=dataset.n_rows,
        columns={
            column.name: _facts(dataset.frame[column.name], column.type, column.role.value)
            for column in dataset.schema.columns
        },
        dvc=dvc_record(dataset.source, base_dir) if base_dir is not None else None,
        n_quarantined=len(dataset.quarantined),
    )


def diff(a: Manifest, b: Manifest) -> Difference:
    """From a to b: columns added, removed, retyped, shifted; rows gained or lost."""
    added = tuple(name for name in b.columns if name not in a.columns)
    removed = tuple(name for name in a.columns if name not in b.columns)
    changed: list[ColumnChange] = []
    for name, before in a.columns.items():
        if name in b.columns:
            changed.extend(_changes(name, before, b.columns[name]))
    same = a.digest == b.digest
    return Difference(
        before=a.digest,
        after=b.digest,
        same=same,
        rows_before=a.n_rows,
        rows_after=b.n_rows,
        added=added,
        removed=removed,
        changed=tuple(changed),
        summary=_summary(a, b, len(added), len(removed), len({change.column for change in changed}), same),
    )


def dvc_record(source: str, base_dir: Path) -> DvcRecord | None:
    """The md5 and path in `<source>.dvc`, if DVC tracks the file. A single-output `.dvc` file is plain `key: value`."""
    if "://" in source:
        return None
    data = Path(source).expanduser()
    beside = base_dir / data.parent / f"{data.name}.dvc"
    if not beside.is_file() or beside.stat().st_size > 1 << 20:
        return None
    text = beside.read_text(encoding="utf-8", errors="replace")
    md5 = re.search(r"^(?:-\s+|\s+)md5:\s*['\"]?([0-9a-f]{32}(?:\.dir)?)", text, re.M)
    path = re.search(r"^(?:-\s+|\s+)path:\s*['\"]?([^'\"\n]+)", text, re.M)
    if md5 is None:
        return None
    return DvcRecord(path=path[1].strip() if path else data.name, md5=md5[1], file=beside.name)


def _facts(values: pl.Series, kind: ColumnType, role: str) -> ColumnFacts:
    known = values.drop_nulls()
    common: dict[str, Any] = {
        "type": kind.value,
        "role": role,
        "digest": _digest(values),
        "missing_share": values.null_count() / max(1, values.len()),
        "n_unique": known.n_unique(),
    }
    if known.len() == 0:
        return ColumnFacts(**common)
    if kind in (ColumnType.NUMBER, ColumnType.DATETIME):
        numbers = (known.cast(pl.Int64) if kind is ColumnType.DATETIME else known).cast(pl.Float64).to_numpy()
        # Sums of numbers near the end of float64 leave it: a power of two is taken out first, which rounds nothing.
        unit = 2.0**30 if float(np.abs(numbers).max()) > 1e290 else 1.0
        quantiles = tuple(float(value) * unit for value in np.quantile(numbers / unit, _QUANTILES))
        return ColumnFacts(**common, mean=float((numbers / unit).mean()) * unit, quantiles=quantiles)
    if kind is ColumnType.TEXT:
        return ColumnFacts(**common)
    counted = (
        known.cast(pl.String).rename("value").value_counts(name="n").sort(["n", "value"], descending=[True, False])
    )
    shares = {str(value): n / known.len() for value, n in counted.head(_TOP).iter_rows()}
    return ColumnFacts(**common, shares=shares)


def _digest(values: pl.Series) -> str:
    """Names the values in order, with their missing ones; independent of how polars lays them out."""
    hasher = blake3()
    for part in values.to_frame().iter_slices(100_000):
        hasher.update(part.write_csv(include_header=False, null_value="\x00", quote_style="never").encode())
    return "b3:" + hasher.hexdigest()


def _changes(name: str, before: ColumnFacts, after: ColumnFacts) -> list[ColumnChange]:
    if before == after:
        return []
    found = []
    if before.type != after.type:
        return [ColumnChange(column=name, what=f"type {before.type} -> {after.type}")]
    if before.role != after.role:
        found.append(ColumnChange(column=name, what=f"role {before.role} -> {after.role}"))
    if abs(before.missing_share - after.missing_share) >= 0.01:
        missing = f"missing {before.missing_share:.1%} -> {after.missing_share:.1%}"
        found.append(ColumnChange(column=name, what=missing))
    fresh = [value for value in after.shares if value not in before.shares]
    if fresh and len(before.shares) < _TOP:
        found.append(ColumnChange(column=name, what=f"new values: {', '.join(fresh[:5])}"))
    shift = _shift(before, after)
    if shift is not None and shift >= _SHIFTED:
        strength = "strongly" if shift >= _STRONGLY else "moderately"
        found.append(
            ColumnChange(column=name, what=f"distribution shifted {strength}{_means(before, after)}", shift=shift)
        )
    if not found and before.digest != after.digest:
        found.append(ColumnChange(column=name, what="values differ, their distribution hardly", shift=shift))
    return found


def _means(before: ColumnFacts, after: ColumnFacts) -> str:
    if before.type != ColumnType.NUMBER or before.mean is None or after.mean is None:
        return ""
    return f", mean {before.mean:.4g} -> {after.mean:.4g}"


def _shift(before: ColumnFacts, after: ColumnFacts) -> float | None:
    """Population stability index between the two summaries; bins are the quantiles of `before`."""
    if before.shares and after.shares:
        names = sorted({*before.shares, *after.shares})
        old = np.array([before.shares.get(name, 0.0) for name in names])
        new = np.array([after.shares.get(name, 0.0) for name in names])
        old, new = np.append(old, max(0.0, 1 - old.sum())), np.append(new, max(0.0, 1 - new.sum()))
    elif before.quantiles and after.quantiles:
        edges = np.unique(before.quantiles[1:-1])
        old, new = _bins(before.quantiles, edges), _bins(after.quantiles, edges)
    else:
        return None
    old, new = np.maximum(old, 1e-4), np.maximum(new, 1e-4)
    return float(np.sum((new - old) * np.log(new / old)))


def _bins(quantiles: tuple[float, ...], edges: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Share of rows between the edges, read off the piecewise linear distribution function of the quantiles."""
    below = np.interp(edges, quantiles, _QUANTILES, left=0.0, right=1.0)
    return np.asarray(np.diff(np.concatenate([[0.0], below, [1.0]])))


def _summary(a: Manifest, b: Manifest, added: int, removed: int, changed: int, same: bool) -> str:
    if same:
        return "the same version"
    rows = b.n_rows - a.n_rows
    parts = [f"{rows:+,} rows" if rows else "the same number of rows"]
    parts += [
        f"{count} columns {word}"
        for count, word in ((added, "added"), (removed, "removed"), (changed, "changed"))
        if count
    ]
    return ", ".join(parts)

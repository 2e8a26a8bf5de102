"""Rows on which a wrong export shows: nulls, unseen, extreme, huge and empty values, and both sides of thresholds.

Clean validation rows pass through most faulty conversions; every kind of row here is the answer to a fault that
was measured in a real converter.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from modelwright.core.nouns import ColumnType, Signature, SignatureField, Task
from modelwright.registry.scorers import frame_schema

if TYPE_CHECKING:
    import polars as pl

    from modelwright.core.tables import Predictions

_VALIDATION, _RANDOM, _BASE, _PAIRS = 400, 200, 3, 48
#: each call of the model cuts every bracket into this many parts; so many calls leave neighbouring doubles
_SECTIONS, _CALLS = 8, 24
#: how far from a border between clusters a row must stand for its cluster to be more than rounding
_CLEAR = 1e-6
#: ends of ranges drawn from: half of float64, so that their difference is still a number
_REACH = 8e307
_LARGEST = float(np.finfo(np.float64).max)
#: with room for the next ones
_LARGEST_SINGLE = 3.4e38
_UNSEEN = ("never seen before", "", "0", "\u00fcn\u00efc\u00f6d\u00e9 \U0001f600", "x" * 20_000, "A\tb\nc  d")
_HUGE = (1e9, 1e9 + 1, 1e9 + 2, 2.0**24 + 1, 2.0**31 + 1, -1e9 - 1)
_EXTREME = (0.0, -0.0, -1.0, 1e15, -1e15, 1e30, -1e30, 1e-300, 0.1 + 0.2)
_MOMENTS = (0, -1, 951_782_399_999_999, 4_102_444_800_000_000, -2_208_988_800_000_000, 1_709_251_199_123_457)


def rows_by_kind(sample: pl.DataFrame, signature: Signature, seed: int = 0) -> dict[str, pl.DataFrame]:
    """Frames of conformed rows by kind, made from conformed validation rows. Deterministic."""
    import polars as pl

    rng = np.random.default_rng(seed)
    schema = frame_schema(signature)
    frame = sample.select([pl.col(name).cast(kind, strict=False) for name, kind in schema.items()])
    kept = np.sort(rng.permutation(frame.height)[:_VALIDATION])
    random = shuffled(frame, _RANDOM, rng)
    kinds = {"validation": frame[kept], "random": pl.concat([random, _between(frame, signature, rng)])}
    changes: dict[str, list[pl.DataFrame]] = {"null": [_all_null(schema)], "unseen": [], "extreme": [], "huge": []}
    for field in signature.inputs:
        base = shuffled(frame, _BASE, rng)
        for kind, values in _values(field, frame[field.name]).items():
            changes[kind].append(_with(base, field.name, values, schema[field.name]))
    kinds |= {kind: pl.concat(frames) for kind, frames in changes.items() if frames}
    return kinds


def threshold_rows(
    sample: pl.DataFrame,
    signature: Signature,
    predict: Callable[[pl.DataFrame], Predictions],
    seed: int = 0,
    *,
    effort: float = 1.0,
) -> pl.DataFrame:
    """Rows on both sides of places where the answer, or the decision, changes.

    Each number column is narrowed between two values with different answers until the two are neighbouring doubles:
    for trees that is a threshold to the last bit, whatever the family and the encoding. Added are the doubles next
    to each side and the nearest single-precision values, where converters round. Between clusters, which have no
    probability to tell a tie by, rows stand clear of the border by a millionth instead. `effort` (0 to 1) is the
    share of the usual pairs of rows; every number column keeps one, up to 48 of them.
    """
    import polars as pl

    schema = frame_schema(signature)
    numbers = [field for field in signature.inputs if field.type is ColumnType.NUMBER]
    frame = sample.select([pl.col(name).cast(kind, strict=False) for name, kind in schema.items()])
    if not numbers or frame.height < 2:
        return frame.clear()
    rng = np.random.default_rng([seed, 1])
    wanted = int(effort * max(_PAIRS, min(2 * len(numbers), 4 * _PAIRS)))
    names = [numbers[i % len(numbers)].name for i in range(max(wanted, min(len(numbers), _PAIRS), 1))]
    base = shuffled(frame, len(names), rng)
    ends = [_ends(frame[name], rng) for name in names]
    low, high = (np.array(side) for side in zip(*ends, strict=True))
    found = list(_narrowed(predict, (base, names), low, high))
    if signature.task is Task.CLUSTERING:
        sides = _clear_of(found)
    else:
        single = [np.clip(side, -_LARGEST_SINGLE, _LARGEST_SINGLE).astype(np.float32) for side in found]
        near = [np.nextafter(side, np.inf) for side in found] + [np.nextafter(side, -np.inf) for side in found]
        rounded = [side.astype(np.float64) for side in single]
        rounded += [np.nextafter(side, np.float32(np.inf)).astype(np.float64) for side in single]
        sides = [*found, *near, *rounded]
    return pl.concat([_placed(base, names, side) for side in sides])


def _clear_of(found: list[NDArray[np.float64]]) -> list[NDArray[np.float64]]:
    return [side + sign * _CLEAR * np.maximum(1.0, np.abs(side)) for side in found for sign in (-1.0, 1.0)]


def shuffled(frame: pl.DataFrame, n_rows: int, rng: np.random.Generator) -> pl.DataFrame:
    """Rows whose columns were drawn one by one: none is a row of the data, each value is."""
    return frame.select([series[rng.integers(0, frame.height, n_rows)] for series in frame.iter_columns()])


def _between(frame: pl.DataFrame, signature: Signature, rng: np.random.Generator) -> pl.DataFrame:
    """Rows with number columns drawn evenly from a range wider than the one seen."""
    import polars as pl

    rows = shuffled(frame, _RANDOM // 2, rng)
    drawn = []
    for field in signature.inputs:
        known = frame[field.name].drop_nulls()
        if field.type is ColumnType.NUMBER and known.len():
            low, high = float(known.min()), float(known.max())  # type: ignore[arg-type]
            margin = 0.2 * (high - low) + 1e-3
            low, high = max(low - margin, -_REACH), min(high + margin, _REACH)
            drawn.append(pl.Series(field.name, rng.uniform(low, high, rows.height)))
    return rows.with_columns(drawn)


def _values(field: SignatureField, known: pl.Series) -> dict[str, list[Any]]:
    """Kind of row -> values to put into one column."""
    values: dict[str, list[Any]] = {"null": [None]}
    if field.type is ColumnType.NUMBER:
        seen = known.drop_nulls()
        ends = [float(seen.min()), float(seen.max())] if seen.len() else [0.0, 1.0]  # type: ignore[arg-type]
        values["extreme"] = [
            *ends,
            ends[0] - 1,
            ends[1] + 1,
            *(min(max(end * 1000, -_LARGEST), _LARGEST) for end in ends),
            *_EXTREME,
        ]
        values["huge"] = list(_HUGE)
    elif field.type is ColumnType.DATETIME:
        values["extreme"] = [np.datetime64(moment, "us").item() for moment in _MOMENTS]
    elif field.type is not ColumnType.BOOLEAN:
        values["unseen"] = [value or None for value in _UNSEEN]
    else:
        values["extreme"] = [True, False]
    return values


def _with(base: pl.DataFrame, name: str, values: list[Any], kind: pl.DataType) -> pl.DataFrame:
    import polars as pl

    series = pl.Series(name, values, dtype=kind, strict=False)
    rows = pl.concat([base] * len(values))
    return rows.with_columns(series[np.repeat(np.arange(len(values)), base.height)])


def _all_null(schema: dict[str, pl.DataType]) -> pl.DataFrame:
    import polars as pl

    return pl.DataFrame({name: [None] for name in schema}, schema=schema)


def _ends(series: pl.Series, rng: np.random.Generator) -> tuple[float, float]:
    known = series.drop_nulls()
    if not known.len():
        return 0.0, 1.0
    low, high = float(known.min()), float(known.max())  # type: ignore[arg-type]
    inner = sorted(float(known[int(i)]) for i in rng.integers(0, known.len(), 2))
    return (inner[0], inner[1]) if inner[0] < inner[1] and rng.random() < 0.7 else (low - 1, high + 1)


def _placed(base: pl.DataFrame, names: list[str], x: NDArray[np.float64]) -> pl.DataFrame:
    import polars as pl

    columns = {}
    for name in dict.fromkeys(names):
        mine = np.array([other == name for other in names])
        columns[name] = base[name].to_numpy(writable=True)
        columns[name][mine] = x[mine]
    return base.with_columns([pl.Series(name, column, nan_to_null=True) for name, column in columns.items()])


def _narrowed(
    predict: Callable[[pl.DataFrame], Predictions],
    rows: tuple[pl.DataFrame, list[str]],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
) -> tuple[NDArray[np.float64], ...]:
    """Neighbouring doubles around the first change between `low` and `high`, of the answer and of the decision.

    A call of the model costs far more than a row of it, so both searches share their calls and each call tries all
    inner borders of the sections at once.
    """
    import polars as pl

    base, names = rows
    n = len(names)
    low, high = np.concatenate([low, low]), np.concatenate([high, high])
    parts = np.arange(1, _SECTIONS)[:, None] / _SECTIONS
    tiled, every = pl.concat([base] * (2 * (_SECTIONS - 1))), names * (2 * (_SECTIONS - 1))
    values, decisions = _answers(predict(_placed(base, names, low[:n])))
    at_low = (values, decisions)
    for _ in range(_CALLS):
        # Halves: the range from -1e308 to 1e308 is no number. (sections - 1, 2 n)
        borders = 2 * (low / 2 + (high / 2 - low / 2) * parts)
        if np.all((borders == low) | (borders == high)):
            break
        values, decisions = _answers(predict(_placed(tiled, every, borders.ravel())))
        values = values.reshape(_SECTIONS - 1, 2, n, -1)[:, 0]
        decisions = decisions.reshape(_SECTIONS - 1, 2, n, -1)[:, 1]
        changed = np.hstack([np.any(values != at_low[0], axis=2), np.any(decisions != at_low[1], axis=2)])
        first = np.where(changed.any(axis=0), changed.argmax(axis=0), _SECTIONS - 1)
        edges, column = np.vstack([low, borders, high]), np.arange(2 * n)
        low, high = edges[first, column], edges[first + 1, column]
    return low[:n], high[:n], low[n:], high[n:]


def _answers(predictions: Predictions) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Numbers and decisions, each (n, m); one stands for the other where there is only one."""
    numbers = predictions.probabilities if predictions.probabilities is not None else predictions.values
    labels = None if predictions.labels is None else predictions.labels.astype(np.float64)
    found = [each.reshape(each.shape[0], -1) for each in (numbers, labels) if each is not None]
    return found[0], found[-1]

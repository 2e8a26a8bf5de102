"""Golden rows: a few inputs with the answers they had when the bundle was written, rechecked wherever it is loaded.

The rows are recombined column by column, and texts word by word, so that no row of anybody's data is in a bundle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from modelwright.core.digests import canonical_json
from modelwright.core.nouns import ColumnType, Noun, Signature
from modelwright.core.tables import Predictions
from modelwright.registry import parity
from modelwright.registry.adversarial import shuffled
from modelwright.registry.manifest import refused
from modelwright.registry.scorers import Scorer, frame_schema

if TYPE_CHECKING:
    import polars as pl

FILE = "golden.json"
_ROWS = 24
_MAX_WORDS = 30
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC).replace(tzinfo=None)


class Golden(Noun, frozen=True, kw_only=True):
    """`rows`: input values by column (datetimes as microseconds since 1970 UTC)."""

    tolerance: float
    rows: tuple[dict[str, Any], ...]
    probabilities: tuple[tuple[float, ...], ...] | None = None
    labels: tuple[int, ...] | None = None
    values: tuple[float, ...] | None = None


def choose_rows(sample: pl.DataFrame, kinds: Mapping[str, pl.DataFrame], signature: Signature) -> pl.DataFrame:
    """Recombined rows, and a few of each adversarial kind."""
    import polars as pl

    rng = np.random.default_rng(7)
    schema = frame_schema(signature)
    frame = sample.select([pl.col(name).cast(kind, strict=False) for name, kind in schema.items()])
    rows = [_reworded(shuffled(frame, _ROWS, rng), signature, rng)]
    for kind in ("null", "unseen", "extreme", "huge", "threshold"):
        found = kinds.get(kind)
        if found is not None and found.height:
            picked = found[np.sort(rng.permutation(found.height)[:4])]
            rows.append(_reworded(picked, signature, rng))
    return pl.concat(rows)


def encode(frame: pl.DataFrame, expected: Predictions) -> tuple[bytes, int]:
    """Canonical JSON, and the number of rows kept (answers that are not finite cannot be written)."""
    kept = np.ones(frame.height, dtype=bool)
    for array in (expected.probabilities, expected.values):
        if array is not None:
            kept &= np.isfinite(array.reshape(frame.height, -1)).all(axis=1)
    index = np.flatnonzero(kept)
    answers = expected.rows(index)
    rows = [{name: _as_json(value) for name, value in row.items()} for row in frame[index].iter_rows(named=True)]
    golden = Golden(
        tolerance=parity.TOLERANCE,
        rows=tuple(rows),
        probabilities=None if answers.probabilities is None else _nested(answers.probabilities.tolist()),
        labels=None if answers.labels is None else tuple(answers.labels.tolist()),
        values=None if answers.values is None else tuple(answers.values.tolist()),
    )
    return canonical_json(golden), len(rows)


def decode(content: bytes, signature: Signature) -> tuple[list[dict[str, Any]], Predictions]:
    """Stored values by column, row by row, and expected answers. Raises ModelError (`bundle.golden`)."""
    try:
        golden = msgspec.json.decode(content, type=Golden)
        rows = [
            {field.name: _from_json(row[field.name], field.type) for field in signature.inputs} for row in golden.rows
        ]
        expected = Predictions(
            classes=signature.classes,
            probabilities=None if golden.probabilities is None else np.array(golden.probabilities, dtype=np.float64),
            labels=None if golden.labels is None else np.array(golden.labels, dtype=np.int64),
            values=None if golden.values is None else np.array(golden.values, dtype=np.float64),
        )
    except Exception as error:
        raise refused("golden", f"its golden rows cannot be read ({type(error).__name__})", FILE) from error
    if expected.n_rows != len(rows):
        raise refused("golden", "its golden rows and their answers differ in number", FILE)
    return rows, expected


def as_frame(rows: Sequence[Mapping[str, Any]], signature: Signature) -> pl.DataFrame:
    """The rows as a conformed frame. Raises ModelError (`bundle.golden`)."""
    import polars as pl

    try:
        return pl.DataFrame(rows, schema=frame_schema(signature))
    except Exception as error:
        raise refused("golden", f"its golden rows cannot be read ({type(error).__name__})", FILE) from error


def recheck(
    scorer: Scorer, frame: pl.DataFrame, expected: Predictions, threshold: float | None, *, batch_only: bool = False
) -> None:
    """Raise ModelError (`bundle.golden`) unless the scorer answers, in a batch and row by row, as it once did."""
    if frame.height == 0:
        return
    answers = [scorer.batch(frame)]
    if not batch_only:
        answers.append(parity.stacked([scorer.row(values) for values in frame.iter_rows(named=True)]))
    for found in answers:
        require_same(scorer.name, found, expected, threshold)


def require_same(name: str, found: Predictions, expected: Predictions, threshold: float | None) -> None:
    """Raise ModelError (`bundle.golden`) where answers to the golden rows are not what they once were."""
    difference, wrong, close = parity.compare(found, expected, threshold)
    bad = (difference > parity.TOLERANCE) | (wrong & ~close)
    if bad.any():
        where = int(np.flatnonzero(bad)[0])
        raise refused(
            "golden",
            f"on this machine the {name} scorer answers {int(bad.sum())} of {expected.n_rows} golden rows "
            f"differently (first: row {where}, off by {float(difference[where]):.2g})",
            FILE,
        )


def _reworded(frame: pl.DataFrame, signature: Signature, rng: np.random.Generator) -> pl.DataFrame:
    """Free texts become words drawn from all texts: the model sees its vocabulary, nobody's sentence is kept."""
    import polars as pl

    columns = []
    for field in signature.inputs:
        if field.type is not ColumnType.TEXT:
            continue
        texts = frame[field.name].to_list()
        words = [word[:40] for text in texts if text for word in text.split()][:2_000] or ["word"]
        mixed = [_mixed(text, words, rng) for text in texts]
        columns.append(pl.Series(field.name, mixed, dtype=pl.String))
    return frame.with_columns(columns)


def _mixed(text: str | None, words: Sequence[str], rng: np.random.Generator) -> str | None:
    if not text:
        return text
    count = min(len(text.split()), _MAX_WORDS)
    return " ".join(words[int(i)] for i in rng.integers(0, len(words), count))


def _nested(rows: list[list[float]]) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row) for row in rows)


def _as_json(value: Any) -> Any:
    if isinstance(value, datetime):
        return (value - _EPOCH) // timedelta(microseconds=1)
    return value


def _from_json(value: Any, kind: ColumnType) -> Any:
    if value is None:
        return None
    if kind is ColumnType.DATETIME:
        return _EPOCH + timedelta(microseconds=value)
    return float(value) if kind is ColumnType.NUMBER else value

"""Free text as TF-IDF of its most telling words and pairs of words, plus its length.

Lower-cased word tokens, sublinear term frequency, smooth inverse document frequency and unit length, as
scikit-learn's TfidfVectorizer defines them; dense, since the vocabulary is small. A missing text is all zeros.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from msgspec import Meta

from modelwright.core.nouns import ColumnType
from modelwright.core.ports import FitContext, FittedTransformer, GraphBuilder, Params, Transformer
from modelwright.features.decoded import Cells
from modelwright.features.graphs import unsupported
from modelwright.features.transformers import _shared
from modelwright.features.values import words

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

_TOKEN = re.compile(r"\w\w+")
#: longer texts are read up to here, so that one huge cell cannot stop the machine
_MAX_CHARACTERS = 20_000
#: the vocabulary is chosen on at most this many distinct texts, evenly spaced
_MAX_LEARNED = 50_000


class TextParams(Params, frozen=True, kw_only=True):
    vocabulary: Annotated[int, Meta(ge=1, le=2_000)] = 200
    min_rows: Annotated[int, Meta(ge=1)] = 2
    max_share: Annotated[float, Meta(gt=0.0, le=1.0)] = 0.95
    bigrams: bool = True
    scale: bool = False


class _Column(_shared.Saved, frozen=True, kw_only=True):
    name: str
    terms: tuple[str, ...]
    idf: tuple[float, ...]
    center: float = 0.0  # of log1p(length)
    scale: float = 1.0
    bigrams: bool = True


class _State(_shared.Saved, frozen=True, kw_only=True):
    columns: tuple[_Column, ...]


def _terms(text: str, bigrams: bool) -> Counter[str]:
    tokens = _TOKEN.findall(text[:_MAX_CHARACTERS].lower())
    found = Counter(tokens)
    if bigrams:
        found.update(f"{a} {b}" for a, b in pairwise(tokens))
    return found


def _weigher(column: _Column) -> Callable[[str], tuple[list[int], list[float]]]:
    """From a text to (positions, values) of its non-zero outputs; the one piece of arithmetic both roads use."""
    place = {term: at for at, term in enumerate(column.terms)}
    idf, bigrams, length_at = column.idf, column.bigrams, len(column.terms)
    center, scale = column.center, column.scale

    def weigh(text: str) -> tuple[list[int], list[float]]:
        found = _terms(text, bigrams)
        hits = sorted((place[term], count) for term, count in found.items() if term in place)
        weights = [(1.0 + math.log(count)) * idf[at] for at, count in hits]
        norm = math.sqrt(math.fsum(weight * weight for weight in weights)) or 1.0
        length = (math.log1p(len(text)) - center) / scale
        length = min(max(length, -_shared.CLIP), _shared.CLIP) if scale != 1.0 else length
        return [*(at for at, _ in hits), length_at], [*(weight / norm for weight in weights), length]

    return weigh


class _Fitted:
    def __init__(self, state: _State) -> None:
        self._state = state
        self.names = tuple(
            name for c in state.columns for name in (*(f"{c.name}: '{term}'" for term in c.terms), f"{c.name}: length")
        )
        self.sources = tuple(c.name for c in state.columns for _ in range(len(c.terms) + 1))

    def apply(self, frame: pl.DataFrame) -> NDArray[np.float64]:
        return self.read(Cells.of(frame))

    def read(self, cells: Cells, /) -> NDArray[np.float64]:
        blocks = [self._block(words(cells[column.name]), column) for column in self._state.columns]
        return blocks[0] if len(blocks) == 1 else np.hstack(blocks)

    def _block(self, series: pl.Series, column: _Column) -> NDArray[np.float64]:
        out = np.zeros((series.len(), len(column.terms) + 1), dtype=np.float64)
        weigh = _weigher(column)
        for at, text in enumerate(series.to_list()):
            places, weights = weigh(text)
            out[at, places] = weights
        return out

    def state(self) -> dict[str, Any]:
        return _shared.as_state(self._state)

    def row(self) -> Callable[[Sequence[Any]], list[float]]:
        return _shared.unpack([_row(column) for column in self._state.columns])

    def graph(self, builder: GraphBuilder) -> str:
        raise unsupported("TF-IDF of text", f"column:{self._state.columns[0].name}")


def _row(column: _Column) -> Callable[[Any], list[float]]:
    weigh, width = _weigher(column), len(column.terms) + 1

    def apply(value: Any) -> list[float]:
        out = [0.0] * width
        for at, weight in zip(*weigh(value or ""), strict=True):
            out[at] = weight
        return out

    return apply


def _learn(series: pl.Series, params: TextParams) -> _Column:
    texts = [text for text in words(series).to_list() if text]
    sample = texts[:: max(1, len(texts) // _MAX_LEARNED + 1)] if len(texts) > _MAX_LEARNED else texts
    rows: Counter[str] = Counter()
    for text in sample:
        rows.update(_terms(text, params.bigrams).keys())
    n = len(sample)
    common = [
        (count, term) for term, count in rows.items() if params.min_rows <= count <= max(1.0, params.max_share * n)
    ]
    chosen = sorted(term for _, term in sorted(common, key=lambda item: (-item[0], item[1]))[: params.vocabulary])
    idf = tuple(math.log((1 + n) / (1 + rows[term])) + 1.0 for term in chosen)
    lengths = np.log1p(np.array([len(text) for text in words(series).to_list()], dtype=np.float64))
    spread = float(lengths.std()) if params.scale and lengths.size else 0.0
    center = float(lengths.mean()) if spread > 1e-9 else 0.0
    return _Column(
        name=series.name,
        terms=tuple(chosen),
        idf=idf,
        center=center,
        scale=spread if spread > 1e-9 else 1.0,
        bigrams=params.bigrams,
    )


class _Text:
    Params = TextParams
    accepts = frozenset({ColumnType.TEXT})

    def fit(
        self, frame: pl.DataFrame, y: NDArray[Any] | None, params: TextParams, context: FitContext
    ) -> FittedTransformer:
        return _Fitted(_State(columns=tuple(_learn(series, params) for series in frame)))

    def restore(self, state: Mapping[str, Any]) -> FittedTransformer:
        learned = _shared.saved(_State, state)
        for column in learned.columns:
            _shared.require(len(set(column.terms)) == len(column.idf) == len(column.terms), "terms and weights differ")
            _shared.require(column.scale > 0, "a scale that is not positive")
        return _Fitted(learned)


PLUGIN: Transformer = _Text()

"""Texts that are nearly the same: word sets compared by their minima under random orders (MinHash)."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

#: random orders, in bands of two: pairs of similarity 0.8 meet in some band with 1 - (1 - 0.64)**16, all but surely
_ORDERS = 32
_BAND = 2
#: texts of fewer words are alike by nature
FEWEST_WORDS = 8
#: share of words that two texts must have in common
SIMILAR = 0.8


def alike(texts: pl.Series) -> NDArray[np.int64]:
    """Pairs of rows (k, 2) whose texts of at least 8 different words share 80 % of them. Numbers count as one word.

    Source: Broder (1997), On the resemblance and containment of documents.
    """
    words = (
        pl.DataFrame({"row": np.arange(texts.len()), "text": texts.str.to_lowercase().str.replace_all(r"\d+", "0")})
        .drop_nulls()
        .with_columns(pl.col("text").str.extract_all(r"[\p{L}\p{N}]+").list.unique().alias("word"))
        .filter(pl.col("word").list.len() >= FEWEST_WORDS)
        .select("row", "word")
    )
    if words.height < 2:
        return np.empty((0, 2), dtype=np.int64)
    sizes = words["word"].list.len().to_numpy().astype(np.int64)
    rows = words["row"].to_numpy().astype(np.int64)
    hashes = words["word"].explode().hash(seed=0).to_numpy()
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    pairs = _candidates(hashes, starts)
    if pairs.size == 0:
        return pairs
    kept = [pair for pair in pairs.tolist() if _similarity(hashes, starts, sizes, pair) >= SIMILAR]
    return rows[np.asarray(kept, dtype=np.int64).reshape(-1, 2)]


def _candidates(hashes: NDArray[np.uint64], starts: NDArray[np.int64]) -> NDArray[np.int64]:
    rng = np.random.default_rng(0)
    found = []
    for _ in range(_ORDERS // _BAND):
        key = np.zeros(starts.size, dtype=np.uint64)
        for _ in range(_BAND):
            odd, shift = rng.integers(1, 2**63, 2, dtype=np.uint64)
            mixed = (hashes ^ shift) * (odd | np.uint64(1))
            mixed ^= mixed >> np.uint64(29)
            minima = np.minimum.reduceat(mixed * (odd | np.uint64(1)), starts)
            key = key * np.uint64(0x9E3779B97F4A7C15) + minima
        order = np.argsort(key, kind="stable")
        same = np.flatnonzero(key[order][1:] == key[order][:-1])
        found.append(np.column_stack([order[same], order[same + 1]]))
    pairs = np.sort(np.concatenate(found), axis=1)
    return np.unique(pairs, axis=0).astype(np.int64)


def _similarity(
    hashes: NDArray[np.uint64], starts: NDArray[np.int64], sizes: NDArray[np.int64], pair: list[int]
) -> float:
    first, second = (hashes[starts[at] : starts[at] + sizes[at]] for at in pair)
    common = np.intersect1d(first, second, assume_unique=True).size
    return float(common) / (first.size + second.size - common)

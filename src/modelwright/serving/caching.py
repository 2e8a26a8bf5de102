"""Answers remembered by the features of a row: of one version, bounded, the longest unused go first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from modelwright.serving.scoring import Outcome, Scoring


class Cache:
    """For models whose rows have a form of their own; two rows with the same features have the same answer."""

    def __init__(self, scoring: Scoring, most: int) -> None:
        self._scoring, self._most = scoring, most
        self._known: OrderedDict[bytes, tuple[Any, list[float] | None]] = OrderedDict()
        self.hits = self.misses = 0  # rows

    def score(self, rows: Sequence[tuple[Any, ...]]) -> Outcome:
        """As `Scoring.score`; `cached` where no row had to be scored."""
        keys = [self._scoring.key(row) or b"" for row in rows]
        known = self._known
        wanted = {key: row for key, row in zip(keys, rows, strict=True) if key not in known}
        self.misses += len(wanted)
        self.hits += len(rows) - len(wanted)
        found: dict[bytes, tuple[Any, list[float] | None]] = {}
        if wanted:
            outcome = self._scoring.score(list(wanted.values()))
            shares = outcome.probabilities or [None] * len(wanted)  # type: ignore[list-item]
            found = dict(zip(wanted, zip(outcome.answers, shares, strict=True), strict=True))
        answers = [found[key] if key in found else known[key] for key in keys]
        self._remember(keys, found)
        probabilities = [shares for _, shares in answers]
        plain = None if probabilities[0] is None else probabilities
        return Outcome([answer for answer, _ in answers], plain, cached=not wanted)  # type: ignore[arg-type]

    def _remember(self, keys: Sequence[bytes], found: dict[bytes, tuple[Any, list[float] | None]]) -> None:
        known = self._known
        for key in keys:
            if key not in found:
                known.move_to_end(key)
        known.update(found)
        while len(known) > self._most:
            known.popitem(last=False)

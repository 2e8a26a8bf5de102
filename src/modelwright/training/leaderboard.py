"""The leaderboard: every candidate that was tried or left out, best first, with what it cost."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from modelwright.core.nouns import LeaderboardRow
from modelwright.training.products import ENSEMBLE, Ensemble
from modelwright.training.race import Entry
from modelwright.training.scoring import Judge

#: 97.5 % quantiles of Student's t for 1 to 20 degrees of freedom (Student 1908; any table): the library that
#: computes them takes a second to import, at the very end of the budget
_STUDENT_975 = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
)


def rows_of(
    entries: Sequence[Entry], judge: Judge, chosen: Entry | None, absent: Sequence[LeaderboardRow]
) -> tuple[LeaderboardRow, ...]:
    """Finished candidates by score, then the others in the order of their turn."""
    done = [entry for entry in entries if entry.status == "done"]
    done.sort(key=lambda entry: (-judge.gain(entry.score, 0.0), entry.candidate.name))
    others = [entry for entry in entries if entry.status != "done"]
    return (*(_row(entry, chosen=entry is chosen) for entry in [*done, *others]), *absent)


def ensemble_row(ensemble: Ensemble, judge: Judge) -> LeaderboardRow:
    """The ensemble's own line; its members keep theirs."""
    results = [result for entry in ensemble.entries.values() for result in entry.results.values()]
    speeds = [result.predict_us_per_row for result in results if result.predict_us_per_row is not None]
    low, high = _interval(ensemble.blend.scores)
    return LeaderboardRow(
        name=ENSEMBLE,
        family=ENSEMBLE,
        params=ensemble.params,
        status="done",
        score=ensemble.blend.score,
        low=low,
        high=high,
        fit_s=round(math.fsum(result.fit_s for result in results), 4),
        predict_us_per_row=math.fsum(speeds) if speeds else None,
        size_bytes=sum(result.size_bytes for result in results) or None,
        note=f"{len(ensemble.parts)} models",
        chosen=True,
    )


def _row(entry: Entry, *, chosen: bool) -> LeaderboardRow:
    results = list(entry.results.values())
    speeds = [result.predict_us_per_row for result in results if result.predict_us_per_row is not None]
    low, high = _interval(entry.scores) if entry.status == "done" else (None, None)
    return LeaderboardRow(
        name=entry.candidate.name,
        family=entry.candidate.family,
        params=entry.candidate.params,
        status=entry.status,
        score=entry.score if entry.status == "done" else None,
        low=low,
        high=high,
        fit_s=round(math.fsum(result.fit_s for result in results), 4),
        predict_us_per_row=statistics.median(speeds) if speeds else None,
        size_bytes=max((result.size_bytes for result in results), default=0) or None,
        note=entry.note,
        chosen=chosen,
    )


def _interval(scores: Sequence[float]) -> tuple[float | None, float | None]:
    """95 % Student interval of the mean fold score; a guide only, since folds share most of their rows."""
    if len(scores) < 2:
        return None, None
    mean = math.fsum(scores) / len(scores)
    freedom = len(scores) - 1
    factor = _STUDENT_975[freedom - 1] if freedom <= len(_STUDENT_975) else 1.96 + 2.5 / freedom
    half = factor * statistics.stdev(scores) / math.sqrt(len(scores))
    return mean - half, mean + half

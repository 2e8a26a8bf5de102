"""The search of parameters as a reader sees it: its trials, which parameters mattered, and how each one did."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from modelwright.core.run import RunRecord
from modelwright.documents import pictures
from modelwright.documents.pictures.canvas import finite
from modelwright.documents.words import duration, metric_name, number, plain, share

#: trials listed, best first; the record has all
TRIALS_SHOWN = 20
#: parameters drawn one by one
SLICES_SHOWN = 6
#: fewer finished trials than this say nothing about a parameter
_LEAST_TRIALS = 6
_BINS = 4
_ENDED = ("done", "complete")


def table(record: RunRecord) -> list[dict[str, Any]]:
    """The best trials first, then those that were stopped or failed: number, what, score, seconds, state, note."""
    better = -1.0 if _greater(record) else 1.0

    def order(trial: Mapping[str, Any]) -> tuple[bool, float, int]:
        ended, score = _ended(trial), finite([trial.get("score")])
        return (not ended, better * score[0] if score else math.inf, int(trial.get("number", 0)))

    return [
        {
            "number": trial.get("number", ""),
            "family": str(trial.get("family", "")).replace("_", " "),
            "params": plain(trial.get("params", ""), 300),
            "score": next(iter(finite([trial.get("score")])), None),
            "seconds": next(iter(finite([trial.get("seconds")])), None),
            "state": str(trial.get("state", "")),
            "note": str(trial.get("note", "")),
        }
        for trial in sorted(record.trials, key=order)[:TRIALS_SHOWN]
    ]


def rows(record: RunRecord) -> list[tuple[str, ...]]:
    """The table as plain texts."""
    return [
        (
            str(one["number"]),
            one["family"],
            one["params"],
            number(one["score"]),
            duration(one["seconds"]),
            one["state"],
        )
        for one in table(record)
    ]


def caption(record: RunRecord) -> str:
    """How many trials ended in which way, and where the rest of them are."""
    ended = sum(_ended(trial) for trial in record.trials)
    other = {str(trial.get("state", "")) for trial in record.trials if not _ended(trial)}
    counted = [f"{sum(trial.get('state') == state for trial in record.trials)} {state}" for state in sorted(other)]
    words = f"{len(record.trials)} trials: {', '.join([f'{ended} finished', *counted])}."
    if len(record.trials) > TRIALS_SHOWN:
        words += f" The first {TRIALS_SHOWN} are shown; trials.json in the run's folder has all."
    return words


def importances(record: RunRecord) -> list[tuple[str, float]]:
    """Parameter and share of the variance of the scores that it explains alone, 0 to 1, largest first.

    The correlation ratio (Pearson 1905) over values, or over quarters of a range, of finished trials; within a
    family where there are several. It sees no interactions. A parameter on whose groups the scores do not differ more
    than by chance would still explain (groups - 1) / (trials - 1), which is taken off (Kelley 1935).
    """
    found = []
    for name, points in _by_parameter(record).items():
        explained = _explained(points)
        if explained is not None:
            found.append((name, explained))
    return sorted(found, key=lambda pair: (-pair[1], pair[0]))


def importance_picture(record: RunRecord) -> Markup:
    parts = [pictures.Part(label=name, value=value, note=share(value)) for name, value in importances(record)[:15]]
    return pictures.bars("What each parameter explains of the score", parts, whole=1.0)


def slice_pictures(record: RunRecord) -> list[tuple[str, Markup]]:
    """For the parameters that mattered most: every trial's value against its score."""
    metric = metric_name(record.report.metric) if record.report else "score"
    known = _by_parameter(record)
    found = []
    for name, _ in importances(record)[:SLICES_SHOWN]:
        drawn = pictures.search_slice(name, known[name], metric=metric, greater_is_better=_greater(record))
        if drawn:
            found.append((name, drawn))
    return found


# ------------------------------------------------------------------ inside


def _greater(record: RunRecord) -> bool:
    return record.report.greater_is_better if record.report else True


def _ended(trial: Mapping[str, Any]) -> bool:
    return trial.get("state", "done") in _ENDED


def _by_parameter(record: RunRecord) -> dict[str, list[tuple[Any, float]]]:
    """Parameter (with its family where there are several) -> (value, score) of finished trials, where it varies."""
    trials = [trial for trial in record.trials if _ended(trial) and isinstance(trial.get("params"), Mapping)]
    several = len({trial.get("family") for trial in trials}) > 1
    found: dict[str, list[tuple[Any, float]]] = {}
    for trial in trials:
        score = finite([trial.get("score", trial.get("value"))])
        for name, value in trial["params"].items() if score else ():
            label = f"{str(trial.get('family', '')).replace('_', ' ')}: {name}" if several else str(name)
            found.setdefault(label, []).append((value, score[0]))
    return {
        name: points
        for name, points in sorted(found.items())
        if len(points) >= _LEAST_TRIALS and len({repr(value) for value, _ in points}) > 1
    }


def _explained(points: Sequence[tuple[Any, float]]) -> float | None:
    groups = _groups(points)
    scores = [score for _, score in points]
    mean = math.fsum(scores) / len(scores)
    total = math.fsum((score - mean) ** 2 for score in scores)
    if total <= 0 or len(groups) < 2 or len(groups) >= len(scores):
        return None
    between = math.fsum(len(group) * (math.fsum(group) / len(group) - mean) ** 2 for group in groups)
    n, k = len(scores), len(groups)
    return max(0.0, 1 - (1 - between / total) * (n - 1) / (n - k))


def _groups(points: Sequence[tuple[Any, float]]) -> list[list[float]]:
    """Scores by value; numbers of many values by quarters of their order, equal values together."""
    different = {repr(value) for value, _ in points}
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value, _ in points)
    if not numbers or len(different) <= _BINS:
        found: dict[str, list[float]] = {}
        for value, score in points:
            found.setdefault(repr(value), []).append(score)
        return list(found.values())
    ordered = sorted(value for value, _ in points)
    edges = [ordered[len(ordered) * cut // _BINS] for cut in range(1, _BINS)]
    bins: dict[int, list[float]] = {}
    for value, score in points:
        bins.setdefault(sum(value >= edge for edge in edges), []).append(score)
    return list(bins.values())

"""What earlier searches of the same data found, as first points of the next one.

A search that starts where another ended finds good parameters sooner. But it must not depend on when it was asked:
a search writes down its first points before its first trial, so that the same search, resumed after a kill or asked
again, starts from the same ones; and the plan names them, so that a replay needs no memory at all.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from modelwright.core.digests import canonical_json, digest_of
from modelwright.core.nouns import Noun
from modelwright.core.ports import Choice, SearchSpace, Span
from modelwright.spec.model import TuningSpec
from modelwright.training.candidates import Candidate
from modelwright.training.request import TrainRequest
from modelwright.training.units import Job

#: steps of the plan that name a first point: `first:FAMILY={"depth":3}`
STEP = "first:"
#: points of earlier searches that a search tries first, after the candidate itself: the rest of its first batch
_MOST = 3
#: trials that a search leaves for others
_KEPT = 20


class _Trial(Noun, frozen=True, kw_only=True):
    params: dict[str, Any]
    score: float


class _Search(Noun, frozen=True, kw_only=True):
    """One search: the points it started from, and the best it found, best first; none while it is under way."""

    first: tuple[dict[str, Any], ...] = ()
    best: tuple[_Trial, ...] = ()


class Memory:
    """Searches of one family on the same rows, target, task and metric."""

    def __init__(self, request: TrainRequest, job: Job, base: Candidate, spec: TuningSpec) -> None:
        same = [job.data_digest, job.task, job.classes, request.metric, base.family]
        self._folder = Path(request.cache) / "studies" / digest_of(same).removeprefix("b3:")[:16]
        asked = [job.code_digest, job.seed, job.features, job.fold_digests, spec, request.model, request.evaluation]
        self._file = self._folder / f"{digest_of([*asked, base, request.budget_s]).removeprefix('b3:')[:16]}.json"
        self._replay = request.replay
        self._family = base.family

    def first_points(self, space: SearchSpace, *, greater_is_better: bool) -> tuple[dict[str, Any], ...]:
        """Parameter sets inside the space, the best of earlier searches first."""
        if self._replay is not None:
            return tuple(_replayed(self._replay, self._family))
        known = _read(self._file)
        if known is not None:
            return known.first
        found = [trial for file in self._others() for trial in (_read(file) or _Search()).best]
        sign = -1.0 if greater_is_better else 1.0
        found.sort(key=lambda one: (sign * one.score, canonical_json(one.params)))
        points: list[dict[str, Any]] = []
        for trial in found:
            point = {name: trial.params[name] for name in sorted(space) if name in trial.params}
            if len(point) == len(space) and _inside(point, space) and point not in points:
                points.append(point)
        self._write(_Search(first=tuple(points[:_MOST])))
        return tuple(points[:_MOST])

    def steps(self, points: Sequence[Mapping[str, Any]]) -> list[str]:
        """What the plan says of the points."""
        return [f"{STEP}{self._family}={canonical_json(dict(point)).decode()}" for point in points]

    def keep(self, trials: Sequence[Mapping[str, Any]], *, greater_is_better: bool) -> None:
        """Leave the best finished trials for later searches."""
        if self._replay is not None:
            return
        done = [
            _Trial(params=one["params"], score=one["score"])
            for one in trials
            if one["state"] == "done" and one["score"] is not None and math.isfinite(one["score"])
        ]
        sign = -1.0 if greater_is_better else 1.0
        done.sort(key=lambda one: (sign * one.score, canonical_json(one.params)))
        known = _read(self._file) or _Search()
        self._write(_Search(first=known.first, best=tuple(done[:_KEPT])))

    def _others(self) -> list[Path]:
        return sorted(file for file in self._folder.glob("*.json") if file != self._file)

    def _write(self, search: _Search) -> None:
        """A memory that cannot be written is none: the search goes on."""
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            draft = self._file.with_suffix(".draft")
            draft.write_bytes(canonical_json(search))
            draft.replace(self._file)


def inside(value: Any, part: Span | Choice) -> bool:
    if isinstance(part, Choice):
        return value in part.values
    return isinstance(value, int | float) and not isinstance(value, bool) and part.low <= value <= part.high


def _inside(point: Mapping[str, Any], space: SearchSpace) -> bool:
    return all(inside(value, space[name]) for name, value in point.items())


def _replayed(plan: Sequence[str], family: str) -> list[dict[str, Any]]:
    prefix = f"{STEP}{family}="
    return [msgspec.json.decode(one.removeprefix(prefix)) for one in plan if one.startswith(prefix)]


def _read(file: Path) -> _Search | None:
    try:
        return msgspec.json.decode(file.read_bytes(), type=_Search)
    except (OSError, msgspec.MsgspecError):
        return None

"""The two products of a competition: `best`, an ensemble of bags, and `fast`, one booster or plain model.

A bag is the mean of a candidate's fold models: each has learned from other rows, so their errors partly cancel, and
nothing has to be fit again. Where folds go forward in time the early ones know too little, and with a single fold
there is nothing to average: there the chosen candidates are fit again on all rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import msgspec

from modelwright.training import distilling, ensembling
from modelwright.training.candidates import QUICK_FAMILIES, Candidate
from modelwright.training.ensembling import Blend
from modelwright.training.finishing import Part
from modelwright.training.portfolio import LineUp
from modelwright.training.race import Entry
from modelwright.training.request import TrainRequest
from modelwright.training.scoring import Judge, within_noise
from modelwright.training.units import UnitResult, UnitStore

if TYPE_CHECKING:
    from modelwright.training.bench import Bench
    from modelwright.training.ensembling import Raw

#: what the compact states of an ensemble may weigh together; with its graph, which takes two to three times as much, a
#: bundle stays below the 20 MB that are promised
SIZE_LIMIT_BYTES = 8 << 20
#: stands for the family of a model that is made of several
ENSEMBLE = "ensemble"
#: share of the target that the ensemble leaves unexplained from which its answers teach more than the labels do:
#: students kept 90-103 % of the gain over linear on noisy tables where a booster of its own lost it, and 87-101 %
#: where it kept 99 % and more (benchmarks/RESULTS.md)
NOISY = 0.5
#: trials of a search that may join the ensemble
MOST_TRIALS = 5


def method_of(request: TrainRequest) -> str:
    """What is made of the candidates: `none`, `bag`, `greedy` or `stack`."""
    said = request.model.ensemble
    if said != "auto":
        return said
    return "greedy" if request.model.type == "auto" else "none"


def kept(request: TrainRequest, contest: LineUp) -> LineUp:
    """The same line-up, whose fold models stay where an ensemble may want them."""
    if method_of(request) == "none":
        return contest
    dummy, *others = contest.baselines
    return replace(
        contest,
        baselines=(dummy, *(msgspec.structs.replace(one, keep_state=True) for one in others)),
        candidates=tuple(msgspec.structs.replace(one, keep_state=True) for one in contest.candidates),
    )


def by_promise(waiting: Sequence[Candidate], first: Sequence[Entry], judge: Judge) -> list[Candidate]:
    """Candidates with chosen features first where these have helped a family that was tried both ways, else last."""
    scores = {(one.candidate.family, one.candidate.recipe): one.score for one in first if one.status == "done"}
    helped = any(
        judge.better(score, scores[family, "plain"])
        for (family, recipe), score in scores.items()
        if recipe == "rich" and (family, "plain") in scores
    )
    return sorted(waiting, key=lambda one: (one.recipe == "rich") is not helped)


def bags(judge: Judge, *, ordered: bool) -> bool:
    """Whether fold models are averaged, rather than the chosen candidates fit again."""
    return len(judge.folds) > 1 and not ordered


@dataclass(slots=True, kw_only=True)
class Ensemble:
    """The chosen candidates with their weights, largest first."""

    blend: Blend
    entries: Mapping[str, Entry]  # those with a weight
    parts: list[Part] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def params(self) -> dict[str, object]:
        return {"members": {name: round(weight, 4) for name, weight in self.blend.weights.items()}}


def choose(method: str, entries: Sequence[Entry], judge: Judge, store: UnitStore, seed: int) -> Ensemble | None:
    """The ensemble of finished entries; None where there is nothing to choose from."""
    known = {entry.candidate.name: entry for entry in entries}
    raw: dict[str, Raw] = {
        name: [store.predictions(entry.results[unit.name].key) for unit in entry.units] for name, entry in known.items()
    }
    notes: list[str] = []
    while raw:
        blend = _blend(method, raw, judge, seed, known)
        heavy = _too_heavy(blend, known)
        if heavy is None:
            kept = {name: known[name] for name in blend.weights}
            return Ensemble(blend=blend, entries=kept, notes=[*notes, _told(method, blend, judge)])
        notes.append(f"ensemble: {heavy} left out, its models are too large")
        del raw[heavy]
    return None


def _blend(method: str, raw: Mapping[str, Raw], judge: Judge, seed: int, known: Mapping[str, Entry]) -> Blend:
    if method == "stack" and len(raw) > 1:
        return ensembling.stacked(raw, judge)
    if method == "bag" or len(raw) == 1:
        best = _best([known[name] for name in raw], judge)
        return ensembling.uniform({best.candidate.name: raw[best.candidate.name]}, judge)
    return ensembling.greedy(raw, judge, seed)


def _best(entries: Sequence[Entry], judge: Judge) -> Entry:
    best = entries[0]
    for entry in entries[1:]:
        best = entry if judge.better(entry.score, best.score) else best
    return best


def _too_heavy(blend: Blend, known: Mapping[str, Entry]) -> str | None:
    """The largest member for its weight, where all together are too large and another one is left."""
    sizes = {name: sum(result.size_bytes for result in known[name].results.values()) for name in blend.weights}
    if sum(sizes.values()) <= SIZE_LIMIT_BYTES or len(sizes) < 2:
        return None
    return max(sizes, key=lambda name: (sizes[name] / blend.weights[name], name))


def _told(method: str, blend: Blend, judge: Judge) -> str:
    members = ", ".join(f"{name} {weight:.0%}" for name, weight in blend.weights.items())
    return f"ensemble ({method}): {members}; {judge.metric_name} {blend.score:.4f} out of fold"


def no_better(ensemble: Ensemble, plain: Entry, request: TrainRequest, judge: Judge) -> bool:
    """Whether the plain model is the answer: it is not beaten, or, where nobody asked for an ensemble, not by more than
    the noise of the folds; what is simpler and as good would be signed."""
    if not judge.better(ensemble.blend.score, plain.score):
        return True
    return request.model.ensemble == "auto" and within_noise(plain.scores, ensemble.blend.scores, judge)


def add_bags(ensemble: Ensemble) -> None:
    """Each fold's model with an equal share of its candidate's weight."""
    for name, weight in ensemble.blend.weights.items():
        entry = ensemble.entries[name]
        for unit in entry.units:
            result = entry.results[unit.name]
            share = weight / len(entry.units)
            ensemble.parts.append(Part(family=entry.candidate.family, key=result.key, weight=share, fold=unit.fold))


def add_refits(ensemble: Ensemble, refit: Callable[[Entry], UnitResult | None]) -> None:
    """The chosen candidates fit on all rows, the weightiest first; what is too late is left out, and said."""
    late = []
    for name, weight in ensemble.blend.weights.items():
        result = refit(ensemble.entries[name])
        if result is None:
            late.append(name)
        else:
            family = ensemble.entries[name].candidate.family
            ensemble.parts.append(Part(family=family, key=result.key, weight=weight))
    if late and ensemble.parts:
        ensemble.notes.append(f"ensemble: {', '.join(late)} could not be fit on all rows in time and is left out")


def student(ensemble: Ensemble, bench: Bench, judge: Judge) -> Candidate | None:
    """The quick booster that learns what the ensemble answers out of fold; None where labels teach better.

    It is fit on all rows only: on folds it could not be judged, because its teachers there have learned from the
    judged rows.
    """
    rows, answers = judge.out_of_fold(ensemble.blend.raw)
    if distilling.noise(judge.y[rows], answers) < NOISY:
        return None
    found = distilling.student(
        distilling.teach(bench, rows, answers),
        n_rows=bench.frame.height,
        n_columns=len(bench.job.schema.features),
        n_classes=bench.n_classes,
    )
    return msgspec.structs.replace(found, most_rows=_learned_from(ensemble))


def _learned_from(ensemble: Ensemble) -> int:
    """The rows that the largest of its members had time for; 0 for all."""
    rows = [one.candidate.most_rows for one in ensemble.entries.values()]
    return max(rows) if rows and all(rows) else 0


def quick(entries: Sequence[Entry], judge: Judge) -> list[Entry]:
    """Candidates for `fast`, best first."""
    found = [entry for entry in entries if entry.status == "done" and entry.candidate.family in QUICK_FAMILIES]
    return sorted(found, key=lambda entry: (-judge.gain(entry.score, 0.0), entry.candidate.name))


def scores(ensemble: Ensemble, fast: Entry | None, plain: Entry) -> dict[str, float]:
    """Mean fold scores of the products, and of the plain model that both are to be better than."""
    found = {"best": ensemble.blend.score}
    if fast is not None and fast.units:
        found["fast"] = fast.score
    if plain.status == "done":
        found["plain"] = plain.score
    return found


def pipeline_of(entries: Sequence[Entry]) -> tuple[str, ...]:
    """The feature steps of all members, each said once."""
    lines: dict[str, None] = {}
    for entry in entries:
        for line in entry.results[entry.units[0].name].pipeline if entry.results else ():
            lines[line] = None
    return tuple(lines)


def representative(ensemble: Ensemble) -> Candidate:
    """The single candidate that stands for the ensemble where something has to be fit again under a change: the
    quickest booster among its members without chosen features, else its weightiest member."""
    members = list(ensemble.entries.values())
    boosters = [
        one
        for one in members
        if one.candidate.family in QUICK_FAMILIES[:3] and one.candidate.recipe == "plain" and one.usual_s is not None
    ]
    return min(boosters, key=lambda one: one.usual_s or 0.0, default=members[0]).candidate

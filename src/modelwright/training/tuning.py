"""Tuning: trials in fixed batches, fold by fold, so that the result does not depend on which worker was faster."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from modelwright.core import plugins
from modelwright.core.digests import child_seed
from modelwright.core.errors import ModelwrightError, SpecError, did_you_mean
from modelwright.core.ports import Choice, Family, SearchSpace, Span
from modelwright.spec.model import TuningSpec
from modelwright.training.candidates import Candidate, load_family, read_params
from modelwright.training.race import Entry, Race, enter
from modelwright.training.remembered import Memory, inside
from modelwright.training.scoring import Judge, within_noise
from modelwright.training.session import Session
from modelwright.training.units import Unit

#: trials asked for at once: a constant of the machine's size would change the search from machine to machine
BATCH = 4


#: why a replayed search ends: so did the one that is replayed
_REPLAYED = "not in the replayed plan"
#: families that a search goes around when nobody names them
_MOST_FAMILIES = 3


@dataclass(slots=True, kw_only=True)
class Tuning:
    """What the search left behind: every trial as the record shows it, and their entries."""

    entries: list[Entry] = field(default_factory=list)
    trials: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class _Study:
    """The search around one candidate."""

    base: Entry
    search: Any
    memory: Memory
    entries: list[Entry] = field(default_factory=list)
    trials: list[dict[str, Any]] = field(default_factory=list)

    def best(self, judge: Judge) -> float:
        """The best gain over the base so far; minus infinity before any."""
        done = [judge.gain(one.score, self.base.score) for one in self.entries if one.status == "done"]
        return max(done, default=-math.inf)


def tune(session: Session, race: Race, bases: Sequence[Entry], spec: TuningSpec) -> Tuning:
    """Search around finished candidates, the best first; one of each family takes part.

    All share the trials: each family gets a batch in turn, and after each round the one that is behind is left out,
    until one remains. The first trial of each is the candidate itself.
    """
    found = Tuning()
    studies = _studies(session, race, bases, spec, found)
    asked, running = 0, list(studies)
    while running and asked < spec.trials:
        for study in list(running):
            batch = study.search.ask(min(BATCH, spec.trials - asked))
            if not batch:
                running.remove(study)
                continue
            asked += len(batch)
            ended = _run_one(session, race, study, batch, found)
            if ended == _REPLAYED:
                running.clear()
                break
            if ended:
                found.notes.append(f"tuning ended after {len(found.trials)} of {spec.trials} trials: {ended}")
                running.clear()
                break
        if len(running) > 1:
            judge = race.judge
            running.remove(min(running, key=lambda one: (_level(one, judge), one.base.candidate.name)))
    for study in studies:
        study.memory.keep(study.trials, greater_is_better=race.judge.metric.greater_is_better)
    return found


def chosen(found: Tuning, bases: Sequence[Entry], judge: Judge, most: int) -> list[Entry]:
    """The best finished trials that may stand for their search, at most so many.

    Among many trials one is always lucky. A trial therefore replaces the candidate it started from only where it is
    better by more than one standard error of their paired fold scores (Breiman et al. 1984); so more trials do not
    make a worse choice. Notes say where the candidate was kept.
    """
    by_name = {entry.candidate.name: entry for entry in bases}
    done = [entry for entry in found.entries if entry.status == "done"]
    done.sort(key=lambda entry: (-judge.gain(entry.score, 0.0), entry.candidate.name))
    kept = []
    for entry in done:
        base = by_name[entry.candidate.name.rpartition("#")[0]]
        if not within_noise(base.scores, entry.scores, judge):
            kept.append(entry)
    if done and not kept:
        found.notes.append(
            f"tuning: none of {len(done)} finished trials is better than what it started from by more than the noise "
            "of the folds, so nothing was changed"
        )
    return kept[:most]


def _level(study: _Study, judge: Judge) -> float:
    """The best score of the study or its base, signed so that more is better."""
    return judge.gain(study.base.score, 0.0) + max(0.0, study.best(judge))


def _studies(session: Session, race: Race, bases: Sequence[Entry], spec: TuningSpec, found: Tuning) -> list[_Study]:
    """One for each family that has something to tune; the space of the file must be known to one of them."""
    ordered = sorted(bases, key=lambda one: (-race.judge.gain(one.score, 0.0), one.candidate.name))
    firsts: dict[str, Entry] = {}
    for entry in ordered:
        firsts.setdefault(entry.candidate.family, entry)
    families = {name: load_family(name, session.request.base_dir) for name in firsts}
    known = {name for family in families.values() for name in family.Params.__struct_fields__}
    for name in spec.space:
        if name not in known:
            raise _unknown(name, ", ".join(families), known)
    studies: list[_Study] = []
    idle: list[str] = []
    most = _MOST_FAMILIES if session.request.model.type == "auto" else len(firsts)
    for name, entry in firsts.items():
        space = search_space(families[name], entry.candidate, spec, session)
        if not space:
            idle.append(name)
        elif len(studies) < most:
            studies.append(_start(session, race, entry, spec, space, families[name]))
    if not studies:
        found.notes.append(f"tuning: {', '.join(idle)} has nothing to tune")
    return studies


def _run_one(session: Session, race: Race, study: _Study, batch: Sequence[Any], found: Tuning) -> str:
    entries = {one.number: _enter(session, study.base.candidate, one.number, one.params) for one in batch}
    if not any(session.planned(entry.units[0]) for entry in entries.values()):
        return _REPLAYED
    ended = _run_batch(race, study.search, entries)
    records = [_record(len(found.trials) + at, entry) for at, entry in enumerate(entries.values())]
    study.entries += entries.values()
    study.trials += records
    found.entries += entries.values()
    found.trials += records
    return ended


def search_space(family: Family, base: Candidate, spec: TuningSpec, session: Session) -> dict[str, Span | Choice]:
    """The family's published space without what the file fixes, and with what `tuning.space` says."""
    published: SearchSpace = family.space(session.request.task, session.bench.frame.height)
    space = {name: part for name, part in published.items() if name not in base.params}
    known = family.Params.__struct_fields__
    for name, said in spec.space.items():
        if name in known:  # another family of the search may know it
            space[name] = read_range(name, said, published.get(name))
    return space


def _unknown(name: str, families: str, known: Collection[str]) -> SpecError:
    return SpecError(
        f"'{name}' is not a parameter of {families}.",
        code="spec.space",
        hint=did_you_mean(name, known),
        subject=f"tuning.space.{name}",
    )


def read_range(name: str, said: Any, published: Span | Choice | None) -> Span | Choice:
    """`[low, high]`, `{low, high, log}` or `{choices: [...]}`. Raises SpecError (`spec.space`)."""
    if isinstance(said, Mapping) and set(said) == {"choices"} and isinstance(said["choices"], list) and said["choices"]:
        return Choice(tuple(said["choices"]))
    log = isinstance(published, Span) and published.log
    if isinstance(said, list) and len(said) == 2:
        said = {"low": said[0], "high": said[1]}
    if isinstance(said, Mapping) and {"low", "high"} <= set(said) <= {"low", "high", "log"}:
        low, high, log = said["low"], said["high"], bool(said.get("log", log))
        numbers = all(isinstance(end, int | float) and not isinstance(end, bool) for end in (low, high))
        if numbers and math.isfinite(low) and math.isfinite(high) and low <= high:
            whole = isinstance(low, int) and isinstance(high, int)
            integer = published.integer if isinstance(published, Span) else whole
            return Span(low, high, log=log and low > 0, integer=integer and whole)
    raise SpecError(
        f"The range of '{name}' cannot be read.",
        code="spec.space",
        hint="write [low, high], {low: 1, high: 10, log: true} or {choices: [a, b]}",
        subject=f"tuning.space.{name}",
    )


def _start(session: Session, race: Race, entry: Entry, spec: TuningSpec, space: SearchSpace, family: Family) -> _Study:
    from modelwright.training.tuners._shared import SearchPlan

    base, better = entry.candidate, race.judge.metric.greater_is_better
    memory = Memory(session.request, session.bench.job, base, spec)
    first: tuple[dict[str, Any], ...] = ()
    if spec.method != "grid":
        first = _defaults_inside(family, base, space)
        recalled = [one for one in memory.first_points(space, greater_is_better=better) if one not in first]
        session.steps += memory.steps(recalled)
        first = (*first, *recalled)
    plan = SearchPlan(
        space=space,
        seed=child_seed(session.request.seed, "tuning", base.family),
        storage=Path(session.request.cache) / "studies" / f"{base.family.replace(':', '-')}.journal",
        name=f"{base.family}-{spec.method}",
        greater_is_better=better,
        trials=spec.trials,
        pruning=spec.pruning,
        first=first,
    )
    return _Study(base=entry, search=plugins.load("tuners", spec.method).start(plan), memory=memory)


def _defaults_inside(family: Family, base: Candidate, space: SearchSpace) -> tuple[dict[str, Any], ...]:
    """The candidate's own values as a first trial, where the space contains them all."""
    params = read_params(family, base.params, base.family)
    values = {name: getattr(params, name) for name in space}
    return (values,) if all(inside(values[name], part) for name, part in space.items()) else ()


def _enter(session: Session, base: Candidate, number: int, params: dict[str, Any]) -> Entry:
    candidate = msgspec.structs.replace(
        base, name=f"{base.name}#{number:03d}", params={**base.params, **params}, trial=number
    )
    return enter([candidate], session.request.seed, len(session.bench.folds))[0]


def _run_batch(race: Race, search: Any, entries: dict[int, Entry]) -> str:
    """One fold of all trials, then the next: trials that are hopeless by then are stopped. Tells the search."""
    _refuse_impossible(race, entries)
    ended = ""
    for fold in range(len(race.judge.folds)):
        alive = {number: entry for number, entry in entries.items() if entry.status == "waiting"}
        owner = {entry.units[fold].name: entry for entry in alive.values()}
        if ended or not alive:
            break
        ended = race.work(
            [entry.units[fold] for entry in alive.values()],
            admit=lambda unit, owner=owner: owner[unit.name].status == "waiting",  # type: ignore[misc]
            heard=lambda unit, owner=owner: race.hear(owner[unit.name], unit),  # type: ignore[misc]
        )
        for number, entry in alive.items():
            _judge_so_far(race, search, number, entry, fold)
    for number, entry in entries.items():
        if entry.status == "waiting":
            entry.status, entry.note = "skipped", ended or "not in the replayed plan"
        state = entry.status if entry.status in ("done", "pruned") else "failed"
        search.tell(number, entry.score if state == "done" else None, state)
    return ended


def _refuse_impossible(race: Race, entries: dict[int, Entry]) -> None:
    """Refuse parameter sets that the family's own rules do not allow, before any of them costs time."""
    for entry in entries.values():
        candidate = entry.candidate
        try:
            read_params(
                load_family(candidate.family, race.session.request.base_dir), candidate.params, candidate.family
            )
        except ModelwrightError as error:
            entry.status, entry.note = "failed", f"failed: {error.message}"


def _judge_so_far(race: Race, search: Any, number: int, entry: Entry, fold: int) -> None:
    unit: Unit = entry.units[fold]
    if entry.status == "waiting" and unit.name not in entry.results:
        return
    if entry.status not in ("waiting", "done"):
        return
    if entry.status == "waiting":
        entry.scores = race.judge.fold_scores(
            [race.session.store.predictions(entry.results[one.name].key) for one in entry.units[: fold + 1]]
        )
    hopeless = search.report(number, fold, entry.score) if math.isfinite(entry.score) else False
    if hopeless and entry.status == "waiting":
        entry.status, entry.note = "pruned", f"stopped after fold {fold + 1}: worse than the median trial"


def _record(number: int, entry: Entry) -> dict[str, Any]:
    return {
        "number": number,
        "name": entry.candidate.name,
        "family": entry.candidate.family,
        "params": entry.candidate.params,
        "score": entry.score if entry.scores else None,
        "state": entry.status,
        "seconds": round(entry.seconds, 3),
        "fold_scores": list(entry.scores),
        "note": entry.note,
    }

"""Tuning: trials in fixed batches, fold by fold, so that the result does not depend on which worker was faster."""

from __future__ import annotations

import math
from collections.abc import Mapping
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
from modelwright.training.session import Session
from modelwright.training.units import Unit

#: trials asked for at once: a constant of the machine's size would change the search from machine to machine
BATCH = 4


@dataclass(slots=True, kw_only=True)
class Tuning:
    """What a search left behind: every trial as the record shows it, and the entries that finished."""

    family: str
    entries: list[Entry] = field(default_factory=list)
    trials: list[dict[str, Any]] = field(default_factory=list)
    note: str = ""


def tune(session: Session, race: Race, base: Candidate, spec: TuningSpec) -> Tuning:
    """Search around one candidate; the first trial is the candidate itself, so the best is never worse."""
    family = load_family(base.family, session.request.base_dir)
    space = search_space(family, base, spec, session)
    found = Tuning(family=base.family)
    if not space:
        found.note = f"{base.family} has nothing to tune"
        return found
    search = _start(session, race, base, spec, space, family)
    while batch := search.ask(BATCH):
        entries = {one.number: _enter(session, base, one.number, one.params) for one in batch}
        ended = _run_batch(race, search, entries)
        found.entries += entries.values()
        found.trials += [_record(number, entry) for number, entry in entries.items()]
        if ended:
            found.note = f"tuning ended after {len(found.trials)} of {spec.trials} trials: {ended}"
            break
    return found


def search_space(family: Family, base: Candidate, spec: TuningSpec, session: Session) -> dict[str, Span | Choice]:
    """The family's published space without what the file fixes, and with what `tuning.space` says."""
    published: SearchSpace = family.space(session.request.task, session.bench.frame.height)
    space = {name: part for name, part in published.items() if name not in base.params}
    known = family.Params.__struct_fields__
    for name, said in spec.space.items():
        if name not in known:
            raise SpecError(
                f"'{name}' is not a parameter of {base.family}.",
                code="spec.space",
                hint=did_you_mean(name, known),
                subject=f"tuning.space.{name}",
            )
        space[name] = read_range(name, said, published.get(name))
    return space


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


def _start(session: Session, race: Race, base: Candidate, spec: TuningSpec, space: SearchSpace, family: Family) -> Any:
    from modelwright.training.tuners._shared import SearchPlan

    seed = child_seed(session.request.seed, "tuning", base.family)
    plan = SearchPlan(
        space=space,
        seed=seed,
        storage=Path(session.request.cache) / "studies" / f"{base.family.replace(':', '-')}.journal",
        name=f"{base.family}-{spec.method}",
        greater_is_better=race.judge.metric.greater_is_better,
        trials=spec.trials,
        pruning=spec.pruning,
        first=_defaults_inside(family, base, space) if spec.method != "grid" else (),
    )
    return plugins.load("tuners", spec.method).start(plan)


def _defaults_inside(family: Family, base: Candidate, space: SearchSpace) -> tuple[dict[str, Any], ...]:
    """The candidate's own values as a first trial, where the space contains them all."""
    params = read_params(family, base.params, base.family)
    values = {name: getattr(params, name) for name in space}
    return (values,) if all(_inside(values[name], part) for name, part in space.items()) else ()


def _inside(value: Any, part: Span | Choice) -> bool:
    if isinstance(part, Choice):
        return value in part.values
    return isinstance(value, int | float) and not isinstance(value, bool) and part.low <= value <= part.high


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
        "family": entry.candidate.family,
        "params": entry.candidate.params,
        "score": entry.score if entry.scores else None,
        "state": entry.status,
        "seconds": round(entry.seconds, 3),
        "fold_scores": list(entry.scores),
        "note": entry.note,
    }

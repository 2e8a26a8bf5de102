"""Train: baselines first, candidates on shared folds within the budget, the best refit, calibrated and handed back.

Whatever happens on the way (a crash, a lack of memory, the end of the budget, Ctrl-C), a finished model comes back as
long as the constant could be fit, which takes a fraction of a second and needs no worker.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from modelwright.core.errors import ModelError
from modelwright.training import bench as benches
from modelwright.training import finishing, products
from modelwright.training.ahead import Ahead
from modelwright.training.candidates import Candidate, complexity
from modelwright.training.executing import Workers, open_workers
from modelwright.training.fitting import Fitter
from modelwright.training.leaderboard import ensemble_row, rows_of
from modelwright.training.portfolio import LineUp, line_up
from modelwright.training.race import ASSEMBLY_S, Entry, Race, enter
from modelwright.training.request import Trained, TrainRequest
from modelwright.training.scoring import Judge, Standing, judge_of, rank
from modelwright.training.session import INTERRUPTED_REFIT_S, Session, listening_for_signals
from modelwright.training.tuning import Tuning, tune
from modelwright.training.tuning import chosen as tuning_choice
from modelwright.training.units import Unit, UnitResult, UnitStore

if TYPE_CHECKING:
    from modelwright.registry.model import Model

#: stands in the plan when probabilities were calibrated: with a spent budget they are not
CALIBRATION = "calibration"


def train(request: TrainRequest) -> Trained:
    """Train within the budget. Raises SpecError on parameters no family has, ModelError when nothing can be fit,
    KeyboardInterrupt when stopped before anything was."""
    started = time.monotonic()
    if not request.task.has_target:
        from modelwright.training import unsupervised

        return unsupervised.train(request, started)
    judge = judge_of(request)
    with open_workers(request, request.cache / "bench", _useful(request, line_up(request, judge))) as pool:
        if request.evaluation.cv.nested:
            from modelwright.training import nested

            return nested.train(request, judge, partial(_once, pool=pool))
        return _once(request, pool)


def _once(request: TrainRequest, pool: Workers, place: str = "bench") -> Trained:
    """One competition on one set of rows, which `place` names in the cache."""
    started = time.monotonic()
    judge = judge_of(request)
    contest = products.kept(request, line_up(request, judge))
    store = UnitStore(request.cache / "units")
    store.clear_drafts()
    folder = request.cache / place
    benches.clear(folder)
    pool.move(folder)
    pool.warm(1)  # its imports take longer than what follows, which needs the other cores
    bench = benches.lay(request, folder)
    session = Session(request=request, bench=bench, store=store, pool=pool, started_s=started)
    with listening_for_signals(session):
        return _Training(session=session, judge=judge, line_up=contest).run()


def _useful(request: TrainRequest, contest: LineUp) -> int:
    """More workers than units would only wait."""
    return (1 + len(contest.candidates)) * (1 + len(request.folds))


@dataclass(slots=True, kw_only=True)
class _Training:
    """The order of things for tasks with a target."""

    session: Session
    judge: Judge
    line_up: LineUp
    entries: list[Entry] = field(default_factory=list)
    refits: dict[str, UnitResult] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    marks: dict[str, float] = field(default_factory=dict)
    ahead: Ahead = field(default_factory=Ahead)
    race: Race | None = None

    def run(self) -> Trained:
        method = products.method_of(self.session.request)
        race = self.race = Race(
            session=self.session,
            judge=self.judge,
            may_win=frozenset(self.line_up.chosen_from),
            assembly_s=ASSEMBLY_S + self._calibration_s(),
            bagging=method != "none" and products.bags(self.judge, ordered=self.session.bench.job.ordered),
        )
        self._constant(race)
        self._plain(race)
        self.ahead.start()
        self._mark("baselines")
        self._compete(race)
        tuning = self._tune(race)
        self._mark("search")
        ensemble = None if method == "none" else self._ensemble(method, bagging=race.bagging)
        if ensemble is not None:
            fast = self._fast(ensemble)
            self._mark("refit")
            return self._answer_ensemble(ensemble, fast, tuning)
        chosen = self._refit_best()
        self._mark("refit")
        return self._answer(chosen, tuning)

    # ------------------------------------------------------------ the order of things

    def _constant(self, race: Race) -> None:
        """The dummy, in this process, while the workers are still importing."""
        entry = self._enter(self.line_up.baselines[:1])[0]
        fitter = Fitter(bench=self.session.bench, store=self.session.store)
        for unit in entry.units:
            self.session.fit_here(fitter, unit)
            entry.results[unit.name] = self.session.results[unit.name]
        refit = entry.candidate.unit(self._seed, None)
        self.session.fit_here(fitter, refit)
        self.refits[entry.candidate.name] = self.session.results[refit.name]
        race.conclude(entry)
        self.session.say("the constant is fit; workers are starting")

    def _plain(self, race: Race) -> None:
        """The simple baseline before anything else: on all rows first, so that the budget ends with more than a
        constant, then on its folds."""
        entry = self._enter(self.line_up.baselines[1:])[0]
        refit = entry.candidate.unit(self._seed, None)

        def heard(unit: Unit) -> None:
            if unit.name != refit.name:
                race.hear(entry, unit)
            elif refit.name in self.session.results:
                self.refits[entry.candidate.name] = self.session.results[refit.name]

        ended = race.work([refit, *entry.units], admit=lambda _unit: entry.status in ("waiting", "done"), heard=heard)
        if entry.status == "waiting":
            entry.status, entry.note = "skipped", ended or "not in the replayed plan"

    def _compete(self, race: Race) -> None:
        """Everybody up to the first with chosen features, then the others: those with such features first or last."""
        candidates = self.line_up.candidates
        upto = next((at + 1 for at, one in enumerate(candidates) if one.recipe == "rich"), len(candidates))
        first = self._enter(candidates[:upto])
        race.run(first)
        race.run(self._enter(products.by_promise(candidates[upto:], first, self.judge)))

    def _tune(self, race: Race) -> Tuning | None:
        spec = self.session.request.tuning
        done = [entry for entry in self._eligible() if entry.status == "done"]
        if spec is None or not done:
            return None
        found = tune(self.session, race, done, spec)
        most = 1 if products.method_of(self.session.request) == "none" else products.MOST_TRIALS
        self.entries += tuning_choice(found, done, self.judge, most)
        self.notes += found.notes
        return found

    def _refit_best(self) -> Entry:
        """Fit the winner on all rows, or a runner-up, or fall back on a baseline; says so in the notes."""
        ranking = self._ranking()
        for entry in ranking[:1]:
            if self._refit(entry):
                return entry
        for entry in ranking[1:]:
            if self._is_refit(entry) and self._refit(entry):
                self.notes.append(
                    f"{ranking[0].candidate.name} won on the folds but could not be fit on all rows in time; "
                    f"{entry.candidate.name} is the best that could"
                )
                return entry
        for entry in reversed(self.entries[:2]):
            if entry.candidate.name in self.refits:
                self._explain_fallback(entry)
                return entry
        raise ModelError("Nothing could be fit.", code="training.nothing", hint="look at the data checks")

    def _is_refit(self, entry: Entry) -> bool:
        """Whether the candidate led for a while and so was fit on all rows already, or was so in a replayed plan."""
        unit = entry.candidate.unit(self._seed, None, entry.median_rounds())
        replayed = self.session.request.replay is not None and self.session.planned(unit)
        return entry.candidate.name in self.refits or unit.name in self.session.results or replayed

    def _refit(self, entry: Entry) -> bool:
        name = entry.candidate.name
        if name in self.refits:
            return True
        unit = entry.candidate.unit(self._seed, None, entry.median_rounds())
        session = self.session
        if not session.planned(unit):
            return False
        result = session.finish(unit, self._refit_clock())
        if result is not None:
            self.refits[name] = result
        return result is not None

    def _refit_clock(self) -> Any:
        session = self.session
        asked_s, delay_s = time.monotonic(), 0.0 if self.race is None else self.race.delay_s

        def left_s() -> float:
            if session.stops > 1:
                return 0.0
            patience = INTERRUPTED_REFIT_S - (time.monotonic() - asked_s) if session.stopped else float("inf")
            return min(session.grace_left_s - delay_s, patience)

        return left_s

    # ------------------------------------------------------------ ensembles

    def _ensemble(self, method: str, *, bagging: bool) -> products.Ensemble | None:
        """The weighted candidates; None where the plain model alone is as good, or nothing else was finished."""
        done = [entry for entry in self._eligible() if entry.status == "done"]
        plain = self.entries[1]
        others = any(entry is not plain for entry in done)
        found = products.choose(method, done, self.judge, self.session.store, self._seed) if others else None
        if found is None or list(found.entries) == [plain.candidate.name]:
            return None
        if plain.status == "done" and products.no_better(found, plain, self.session.request, self.judge):
            return None
        if bagging:
            products.add_bags(found)
        else:
            products.add_refits(found, lambda one: self.refits[one.candidate.name] if self._refit(one) else None)
        return found if found.parts else None

    def _fast(self, ensemble: products.Ensemble) -> Entry | None:
        """One quick model on all rows: a student of the ensemble where labels are mostly luck, else the best one."""
        student = products.student(ensemble, self.session.bench, self.judge)
        if student is not None:
            entry = enter([student], self._seed, 0)[0]
            if (self.race is None or self.race.affords(student.unit(self._seed, None))) and self._refit(entry):
                return entry
        for entry in products.quick(self._eligible(), self.judge):
            known = entry.candidate.name in self.refits or self.session.request.replay is not None
            if (known or entry.refit_s <= self.session.left_s) and self._refit(entry):
                return entry
        plain = self.entries[1]
        return plain if plain.candidate.name in self.refits and plain.status == "done" else None

    def _answer_ensemble(self, ensemble: products.Ensemble, fast: Entry | None, tuning: Tuning | None) -> Trained:
        session, request = self.session, self.session.request
        calibrate = self._may_calibrate()
        top = finishing.finish(request, self.judge, ensemble.blend.raw, calibrate=calibrate)
        notes = [*self.line_up.notes, *self.notes, *ensemble.notes, *top.notes]
        quick = None
        if fast is not None:
            raw = [session.store.predictions(fast.results[unit.name].key) for unit in fast.units]
            own = finishing.finish(request, self.judge, raw, calibrate=calibrate) if raw else top  # a student's
            quick = self._model(fast.candidate, own)
        model = finishing.assemble(request, session.store, ensemble.parts, top)
        baselines = self._baselines()
        self._mark("finish")
        if session.stopped:
            notes.append("interrupted")
        stands_for = products.representative(ensemble)
        row = ensemble_row(ensemble, self.judge)
        return Trained(
            model=model,
            fast=quick,
            scores=products.scores(ensemble, fast, self.entries[1]),
            fast_name="" if fast is None else fast.candidate.name,
            leaderboard=(row, *rows_of(self.entries, self.judge, None, self.line_up.absent)),
            trials=tuple(tuning.trials) if tuning else (),
            oof=top.oof,
            oof_rows=top.oof_rows,
            baselines=baselines,
            pipeline=products.pipeline_of(list(ensemble.entries.values())),
            plan=session.plan(),
            chosen_family=products.ENSEMBLE,
            chosen_params=ensemble.params,
            notes=tuple(notes),
            timings_s=self._timings(),
            interrupted=session.stopped,
            candidate=msgspec.structs.replace(stands_for, keep_state=False),
        )

    # ------------------------------------------------------------ who may win

    def _eligible(self) -> list[Entry]:
        allowed = set(self.line_up.chosen_from)
        return [one for one in self.entries if one.candidate.name in allowed or one.candidate.trial is not None]

    def _ranking(self) -> list[Entry]:
        done = {entry.candidate.name: entry for entry in self._eligible() if entry.status == "done"}
        standings = [
            Standing(name=name, complexity=complexity(entry.candidate.family), scores=entry.scores)
            for name, entry in done.items()
        ]
        return [done[one.name] for one in rank(standings, self.judge)]

    def _explain_fallback(self, entry: Entry) -> None:
        wanted = [one for one in self.line_up.chosen_from if one != entry.candidate.name]
        if not wanted:
            return
        failed = [one.note for one in self.entries if one.candidate.name in wanted and one.status == "failed"]
        remedy = failed[0] if failed else "give training.budget_s or training.memory_share more room"
        baseline = f"the {entry.candidate.family} baseline is returned"
        self.notes.append(f"none of {', '.join(wanted)} could be finished, so {baseline}; {remedy}")

    # ------------------------------------------------------------ the answer

    def _answer(self, chosen: Entry, tuning: Tuning | None) -> Trained:
        session, request = self.session, self.session.request
        store = session.store
        top = None
        if chosen.status == "done":
            raw = [store.predictions(chosen.results[unit.name].key) for unit in chosen.units]
            constant = chosen is self.entries[0]
            top = finishing.finish(request, self.judge, raw, calibrate=not constant and self._may_calibrate())
            self.notes += top.notes
        model = self._model(chosen.candidate, top)
        baselines = self._baselines()
        self._mark("finish")
        if session.stopped:
            self.notes.append("interrupted")
        return Trained(
            model=model,
            leaderboard=rows_of(self.entries, self.judge, chosen, self.line_up.absent),
            trials=tuple(tuning.trials) if tuning else (),
            oof=top.oof if top else finishing.nothing(request),
            oof_rows=top.oof_rows if top else finishing.no_rows(),
            baselines=baselines,
            pipeline=self.refits[chosen.candidate.name].pipeline,
            plan=session.plan(),
            chosen_family=chosen.candidate.family,
            chosen_params=chosen.candidate.params,
            notes=(*self.line_up.notes, *self.notes),
            timings_s=self._timings(),
            interrupted=session.stopped,
            candidate=msgspec.structs.replace(chosen.candidate, keep_state=False),
        )

    def _baselines(self) -> dict[str, Model]:
        return {
            entry.candidate.name: self._model(entry.candidate, self._decided(entry))
            for entry in self.entries[:2]
            if entry.candidate.name in self.refits
        }

    def _decided(self, entry: Entry) -> finishing.Finish | None:
        """A baseline gets a tuned threshold too, or it would lose to the threshold rather than to the model."""
        if entry.status != "done" or not self.judge.tunes_threshold:
            return None
        raw = [self.session.store.predictions(entry.results[unit.name].key) for unit in entry.units]
        return finishing.finish(self.session.request, self.judge, raw, calibrate=False)

    def _calibration_s(self) -> float:
        """About how long calibration takes here; nothing where there is none."""
        request = self.session.request
        if not request.model.calibrate or not request.task.is_classification:
            return 0.0
        return finishing.calibration_s(sum(rows.size for _, rows in self.judge.folds))

    def _may_calibrate(self) -> bool:
        """Whether probabilities are to be calibrated and there is time for it and what it loads; the plan says so."""
        session, request = self.session, self.session.request
        if not request.model.calibrate or not request.task.is_classification:
            return False
        if request.replay is not None:
            wanted = CALIBRATION in request.replay
        else:
            left_s = session.left_s - self._calibration_s() if not session.stopped else 0.0
            wanted = self.ahead.ready(left_s) and left_s >= 0
            if not wanted:
                self.notes.append("calibration: left out, the budget was spent")
        if wanted:
            session.steps.append(CALIBRATION)
        return wanted

    def _model(self, candidate: Candidate, top: finishing.Finish | None) -> Model:
        part = finishing.Part(family=candidate.family, key=self.refits[candidate.name].key)
        return finishing.assemble(self.session.request, self.session.store, [part], top)

    def _timings(self) -> dict[str, float]:
        total = self.session.elapsed_s
        parts = {name: round(seconds, 3) for name, seconds in self.marks.items()}
        return {**parts, "fits": round(self.session.busy_s, 3), "total": round(total, 3)}

    def _mark(self, name: str) -> None:
        self.marks[name] = self.session.elapsed_s - sum(self.marks.values())

    def _enter(self, candidates: Sequence[Candidate]) -> list[Entry]:
        made = enter(candidates, self._seed, len(self.judge.folds))
        self.entries += made
        return made

    @property
    def _seed(self) -> int:
        return self.session.request.seed

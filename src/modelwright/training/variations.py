"""Refit the chosen configuration under changes, and judge each on the folds of the unchanged one, row by row.

This is what counter-proofs, the control with a shuffled target, the learning curve and ablations are made of. Fits
are ordinary units: cached, killed when late or too large, one thread each, and read back when they are there already.
Whatever does not fit into the time is named with the reason.
"""

from __future__ import annotations

import math
import statistics
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import msgspec

from modelwright.training import bench as benches
from modelwright.training import changed
from modelwright.training.candidates import Candidate, expected_fit_s
from modelwright.training.changes import Change
from modelwright.training.executing import open_workers
from modelwright.training.finishing import finish
from modelwright.training.request import TrainRequest
from modelwright.training.scoring import Judge
from modelwright.training.session import Session, listening_for_signals
from modelwright.training.units import Unit, UnitStore

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from modelwright.core.tables import Predictions
    from modelwright.training.bench import Bench

#: the name of the refit that everything is compared with; its fits are those of the competition
UNCHANGED = "unchanged"
#: one wording for what the clock cut off, in a run and in its replay
LATE = "it did not fit into the time"
#: starting workers takes about this long; with less there is no point in trying
_START_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Variation:
    """One change of the configuration. `together` names those that are worth something only on the same folds."""

    name: str
    change: Change
    #: another family, other parameters; the chosen candidate by default
    candidate: Candidate | None = None
    together: str = ""
    #: a cheaper fit than the unchanged one by about this factor
    cost: float = 1.0
    #: calibrated out of fold or not, and decided by this threshold; as in the order by default
    calibrate: bool | None = None
    threshold: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refit:
    """The out-of-fold predictions of one variation for `rows` (ascending positions) with the target it was given."""

    name: str
    rows: NDArray[np.int64]
    y: NDArray[Any]
    predicted: Predictions
    folds: int  # folds fitted, counted from the first
    n_learned: int  # rows learned from, mean over these folds
    #: the metric on rows learned from, mean over these folds; only where the change asks for it
    learned: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refits:
    """What was finished, and what was not, with the reason. `plan` given back as `replay` repeats exactly these."""

    done: dict[str, Refit]
    missing: dict[str, str]
    plan: tuple[str, ...]
    interrupted: bool = False
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RefitOrder:
    """What is to be fit again. `request` is the one that training was given; its budget is the time for this."""

    request: TrainRequest
    judge: Judge
    candidate: Candidate
    variations: Sequence[Variation]
    calibrate: bool = False
    #: what the finished model scores on the rows it was fit on
    train_score: float | None = None


def refit(order: RefitOrder) -> Refits:
    """Every variation that fits into the time, in the order given. Never raises for one that fails: it is missing."""
    started = time.monotonic()
    request = order.request
    if request.replay is None and request.budget_s < _START_S:
        return Refits(done={}, missing={one.name: LATE for one in order.variations}, plan=())
    folder = request.cache / "bench"
    bench = benches.lay(request, folder)
    store = UnitStore(request.cache / "units")
    with open_workers(request, folder, len(order.variations) * max(1, len(bench.folds))) as pool:
        pool.warm(pool.limit)
        session = Session(
            request=replace(request, replay=None if request.replay is None else ()),
            bench=bench,
            store=store,
            pool=pool,
            started_s=started,
        )
        work = _Work(order=order, session=session, asked=_asked(request.replay))
        with listening_for_signals(session):
            work.run()
            return work.answer()


def _asked(replay: Sequence[str] | None) -> dict[str, int] | None:
    """Name of a variation -> folds, from a plan's `name@folds`."""
    if replay is None:
        return None
    return {name: int(folds) for name, _, folds in (each.rpartition("@") for each in replay)}


@dataclass(slots=True, kw_only=True)
class _Going:
    """A variation on its way."""

    variation: Variation
    bench: Bench
    units: list[Unit]


@dataclass(slots=True, kw_only=True)
class _Work:
    order: RefitOrder
    session: Session
    asked: dict[str, int] | None
    going: dict[str, _Going] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    folds: dict[str, int] = field(default_factory=dict)  # of those that go together

    def run(self) -> None:
        coming = deque([Variation(name=UNCHANGED, change=Change()), *self.order.variations])
        queue: deque[Unit] = deque()
        session = self.session
        while coming or queue or session.flying:
            if session.stopped or session.left_s <= 0:
                session.drop("late")
                break
            while session.pool.free and (queue or coming):
                if not queue:
                    queue.extend(self._start(coming.popleft()))
                elif session.ask(queue.popleft()):
                    continue
            if session.flying:
                session.listen()
        for variation in coming:
            self.missing[variation.name] = LATE

    def _start(self, variation: Variation) -> Iterable[Unit]:
        """The variation's units, as many folds as there is time for, or none and the reason."""
        bench = self._bench(variation)
        folds = self._admitted(variation, bench)
        if not folds:
            self.missing.setdefault(variation.name, LATE)
            return ()
        if variation.together:
            self.folds.setdefault(variation.together, folds)
        candidate = variation.candidate or self.order.candidate
        plain = variation.change == Change()
        units = [candidate.unit(self.session.request.seed, fold) for fold in range(folds)]
        if not plain or variation.candidate is not None:
            units = [self._renamed(unit, variation, plain=plain) for unit in units]
        self.going[variation.name] = _Going(variation=variation, bench=bench, units=units)
        return units

    def _renamed(self, unit: Unit, variation: Variation, *, plain: bool) -> Unit:
        from modelwright.core.digests import child_seed

        again = variation.change.again
        seed = child_seed(unit.seed, "again", again) if again and not variation.change.shuffled else unit.seed
        change = None if plain else variation.change
        part = f"fold-{unit.fold}"
        return msgspec.structs.replace(unit, name=f"{variation.name}/{part}", seed=seed, change=change)

    def _bench(self, variation: Variation) -> Bench:
        if variation.change == Change():
            return self.session.bench
        return changed.apply(self.session.bench, variation.change)

    # ------------------------------------------------------------ time

    def _admitted(self, variation: Variation, bench: Bench) -> int:
        """How many folds may be fit."""
        available = len(bench.folds)
        if not available:
            self.missing[variation.name] = "its rows cannot be divided"
            return 0
        if self.asked is not None:
            return min(available, self.asked.get(variation.name, available if variation.name == UNCHANGED else 0))
        if variation.name == UNCHANGED:
            return available
        wanted = min(available, self.folds.get(variation.together, available))
        usual_s = self._usual_s() * variation.cost
        for folds in range(wanted, 0, -1):
            if usual_s * math.ceil(folds / max(1, self.session.pool.limit)) <= self.session.left_s:
                return folds if folds == wanted or variation.together not in self.folds else 0
        return 0

    def _usual_s(self) -> float:
        """What a fit of the unchanged configuration takes; a guess before it is known."""
        found = self.going.get(UNCHANGED)
        known = [self.session.results.get(unit.name) for unit in found.units] if found else []
        seconds = [result.seconds for result in known if result is not None]
        if seconds:
            return statistics.median(seconds)
        frame = self.session.bench.frame
        return expected_fit_s(self.order.candidate.family, frame.height, frame.width)

    # ------------------------------------------------------------ answer

    def answer(self) -> Refits:
        done: dict[str, Refit] = {}
        plan: list[str] = []
        for name, going in self.going.items():
            finished = self._finished(going)
            failed = next((self.session.failures[u.name] for u in going.units if u.name in self.session.failures), None)
            if failed is not None and failed.reason != "late" and finished < len(going.units):
                self.missing[name] = f"it failed: {failed.reason}: {failed.message}".rstrip(": ")
                plan.append(f"{name}@{len(going.units)}")
                continue
            if finished == 0 or (going.variation.together and finished < len(going.units)):
                self.missing[name] = LATE
                continue
            plan.append(f"{name}@{finished}")
            try:
                done[name] = self._judged(going, finished)
            except Exception as error:  # noqa: BLE001 - what no metric can judge is missing evidence, never a lost run
                self.missing[name] = f"it could not be judged: {error}"
        return Refits(
            done=done,
            missing=self.missing,
            plan=tuple(plan),
            interrupted=self.session.stopped,
            seconds=round(self.session.elapsed_s, 3),
        )

    def _finished(self, going: _Going) -> int:
        """Folds finished, counted from the first without a gap."""
        for at, unit in enumerate(going.units):
            if unit.name not in self.session.results:
                return at
        return len(going.units)

    def _judged(self, going: _Going, folds: int) -> Refit:
        bench, store = going.bench, self.session.store
        assert bench.y is not None
        variation, judge = going.variation, replace(self.order.judge, y=bench.y, folds=bench.folds[:folds])
        if variation.threshold is not None:
            judge = replace(judge, decision_threshold=variation.threshold)
        calibrate = self.order.calibrate if variation.calibrate is None else variation.calibrate
        keys = [self.session.results[unit.name].key for unit in going.units[:folds]]
        raw = [store.predictions(key) for key in keys]
        top = finish(self.session.request, judge, raw, calibrate=calibrate)
        learned = None
        if variation.change.learned:
            learned = _score_of_learned(judge, raw, [store.predictions(key, of="learned") for key in keys])
        return Refit(
            name=variation.name,
            rows=top.oof_rows,
            y=bench.y[top.oof_rows],
            predicted=top.oof,
            folds=folds,
            n_learned=round(statistics.fmean(len(learn) for learn, _ in judge.folds)),
            learned=learned,
        )


def _score_of_learned(judge: Judge, judged: Sequence[NDArray[np.float64]], raw: Sequence[NDArray[np.float64]]) -> float:
    """The metric on the rows that were learned from, mean over the folds, by the threshold the judged rows choose."""
    own = replace(judge, folds=[(learn, learn) for learn, _ in judge.folds])
    threshold = judge.decision_threshold
    if judge.tunes_threshold and judge.metric.needs == "labels":
        threshold = statistics.fmean(float(one.mean()) for one in judge.thresholds(judged))
    scores = replace(own, decision_threshold=0.5 if threshold is None else threshold).fold_scores(raw)
    return math.fsum(scores) / len(scores)

"""The race: units of many candidates handed to the workers in priority order, as long as they can still finish."""

from __future__ import annotations

import math
import statistics
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import msgspec

from modelwright.training.candidates import QUICK_FAMILIES, Candidate, expected_fit_s
from modelwright.training.costs import Shape, prepare_s
from modelwright.training.scoring import Judge
from modelwright.training.session import Session
from modelwright.training.units import Unit, UnitResult

#: an unmeasured family is left out only when even a fraction of its expected cost would not fit
_BENEFIT_OF_DOUBT = 0.5
#: guesses of fewer seconds are not compared with what was measured, and how far measurements may change guesses
_TELLING_S = 0.1
_PACES = (0.25, 10.0)
#: folds of a bag that stop early and tell the others for how many rounds to learn
SCOUTS = 2
#: seconds kept for assembling a model: threshold, reading states back
ASSEMBLY_S = 0.3
#: seconds to read one member of an ensemble back, how many there will be at most, and what a fit on all rows takes
#: compared with one on four fifths of them
MEMBER_S, MOST_MEMBERS, REFIT_FACTOR = 0.03, 30, 1.3


@dataclass(slots=True, kw_only=True)
class Entry:
    """One candidate and how far it has come."""

    candidate: Candidate
    units: tuple[Unit, ...]
    status: str = "waiting"  # waiting | done | failed | skipped | pruned
    note: str = ""
    scores: tuple[float, ...] = ()  # one per judged fold, in the metric's own direction
    results: dict[str, UnitResult] = field(default_factory=dict)

    @property
    def score(self) -> float:
        """Mean over the folds; NaN before the first is judged."""
        return math.fsum(self.scores) / len(self.scores) if self.scores else math.nan

    @property
    def seconds(self) -> float:
        return math.fsum(result.seconds for result in self.results.values())

    @property
    def usual_s(self) -> float | None:
        """The median: a worker's first unit also pays for importing its libraries."""
        return statistics.median(result.seconds for result in self.results.values()) if self.results else None

    @property
    def refit_s(self) -> float:
        """About how long a fit on all rows takes: the slowest fold, which also chose and made its features."""
        return REFIT_FACTOR * max((result.seconds for result in self.results.values()), default=0.0)

    def with_rounds(self, unit: Unit) -> Unit | None:
        """The unit as it is to be fit; None while the scouts that say for how many rounds are still out.

        Early stopping holds rows back, which costs a small table more than a worse number of rounds does. So only the
        first folds stop early, each by rows of its own learn rows, and the others learn from all of theirs for as
        many rounds: no fold's rounds are chosen by rows that judge it.
        """
        scouts = self.units[:SCOUTS]
        if unit.fold is None or unit.fold < SCOUTS or not unit.early_stopping or self.status != "waiting":
            return unit
        if any(scout.name not in self.results for scout in scouts):
            return None
        found = [rounds for scout in scouts if (rounds := self.results[scout.name].rounds) is not None]
        if not found:
            return unit
        return msgspec.structs.replace(unit, rounds=round(statistics.fmean(found)), early_stopping=False)

    def median_rounds(self) -> int | None:
        """The middle of the rounds that early stopping kept in the folds."""
        found = sorted(result.rounds for result in self.results.values() if result.rounds is not None)
        return found[len(found) // 2] if found else None


def _next(queue: deque[Unit], ready: Callable[[Unit], Unit | None] | None, *, waiting: bool) -> Unit | None:
    """Take the first unit that is ready out of the queue; what nothing will ever make ready is thrown away."""
    if ready is None:
        return queue.popleft() if queue else None
    for at, unit in enumerate(queue):
        asked = ready(unit)
        if asked is not None:
            del queue[at]
            return asked
    if queue and not waiting:
        queue.clear()
    return None


def enter(candidates: Iterable[Candidate], seed: int, n_folds: int) -> list[Entry]:
    return [Entry(candidate=one, units=tuple(one.unit(seed, fold) for fold in range(n_folds))) for one in candidates]


@dataclass(slots=True, kw_only=True)
class Race:
    """Runs entries against each other on the same folds. `reserve_s` is kept for fitting the best on all rows."""

    session: Session
    judge: Judge
    #: names of candidates among which the choice is made; trials always may win
    may_win: frozenset[str] = frozenset()
    reserve_s: float = ASSEMBLY_S
    #: seconds for what comes after the last fit: calibration, threshold, reading states back
    assembly_s: float = ASSEMBLY_S
    #: fold models become members of the ensemble: nothing but a quick model has to be fit again on all rows
    bagging: bool = False
    #: refits of candidates that lead for now, so that whenever the end comes the leader is finished
    _ahead: list[Unit] = field(default_factory=list)
    #: of the best quick candidate so far: seconds to fit it on all rows, and its score
    _quick_s: float = 0.0
    _quick_score: float | None = None
    #: fold models that an ensemble may be made of
    _members: int = 0
    #: units by name that tell how fast this machine is; not those of the plain model, which also wait for imports
    _units: dict[str, Unit] = field(default_factory=dict)

    def run(self, entries: Sequence[Entry]) -> None:
        """Fit and judge every entry that time allows; afterwards each is done, failed or skipped, and says why."""
        owner = {unit.name: entry for entry in entries for unit in entry.units}
        self._units.update({unit.name: unit for entry in entries for unit in entry.units})
        ended = self.work(
            [unit for entry in entries for unit in entry.units],
            admit=lambda unit: self._admit(owner[unit.name]),
            heard=lambda unit: self.hear(owner[unit.name], unit),
            ready=(lambda unit: owner[unit.name].with_rounds(unit)) if self.bagging else None,
        )
        for entry in entries:
            if entry.status == "waiting":
                entry.status = "skipped"
                entry.note = entry.note or ended or "not in the replayed plan"

    def work(
        self,
        units: Sequence[Unit],
        *,
        admit: Callable[[Unit], bool],
        heard: Callable[[Unit], None],
        ready: Callable[[Unit], Unit | None] | None = None,
    ) -> str:
        """Hand out units in order, those first that are ready; returns why it ended early, or an empty string."""
        session = self.session
        queue, running = deque(units), set[str]()
        session.places.update(dict.fromkeys(unit.name for unit in units if unit.name not in session.places))
        while queue or running:
            ended = self._over()
            if ended:
                session.drop(ended, keep=lambda unit: unit.fold is None)
                for unit in (one for one in units if one.name in running and one.name not in session.flying):
                    heard(unit)
                return ended
            while self._ahead and session.pool.free:
                session.ask_early(self._ahead.pop(0))
            while session.pool.free:
                coming = _next(queue, ready, waiting=bool(running))
                if coming is None:
                    break
                if session.planned(coming) and admit(coming):
                    if session.ask(coming):
                        heard(coming)
                    else:
                        running.add(coming.name)
            if running or queue:  # the queue may be waiting for a refit that was asked for early
                for outcome in session.listen():
                    if outcome.unit.name in running:
                        running.discard(outcome.unit.name)
                        heard(outcome.unit)
        return ""

    def _over(self) -> str:
        if self.session.stopped:
            return "interrupted"
        return "the budget was spent" if self.session.left_s <= self.reserve_s else ""

    # ------------------------------------------------------------ one entry

    def _admit(self, entry: Entry) -> bool:
        """Whether the entry's next unit is worth starting."""
        if entry.status != "waiting":
            return False
        need_s, sure = self._need_s(entry)
        left_s = self.session.left_s - self.assembly_s
        if need_s * (1.0 if sure else _BENEFIT_OF_DOUBT) <= left_s:
            return True
        entry.status = "skipped"
        entry.note = f"needs about {need_s:.1f} s more, {max(0.0, left_s):.1f} s of the budget were left"
        return False

    def _need_s(self, entry: Entry) -> tuple[float, bool]:
        """Seconds until the entry could be judged and fit on all rows, and whether that rests on measurement."""
        usual_s = entry.usual_s
        sure = usual_s is not None
        if usual_s is None:
            usual_s = self._pace() * self._guess_s(entry.units[0])
        folds_left = len(entry.units) - len(entry.results)
        rounds_of_work = math.ceil(folds_left / max(1, self.session.pool.limit))
        return usual_s * rounds_of_work + self._refit_s(usual_s), sure

    def _guess_s(self, unit: Unit) -> float:
        """What a fit was expected to take before anything was measured, with the encoding of its columns."""
        bench = self.session.bench
        rows = bench.learn_rows(unit.fold).size
        rows = min(rows, unit.most_rows or rows)
        judged = 0 if unit.fold is None else bench.folds[unit.fold][1].size
        columns = Shape(n_rows=rows + judged, n_columns=bench.frame.width)
        fit_s = expected_fit_s(unit.family, rows, bench.frame.width, unit.params, max(1, bench.n_classes - 1))
        return fit_s + prepare_s(columns)

    def affords(self, unit: Unit) -> bool:
        """Whether a fit nobody has measured may end before the promise on wall time is broken."""
        return self._pace() * self._guess_s(unit) <= self.session.grace_left_s - self.delay_s

    def _pace(self) -> float:
        """How much longer fits take here than guessed: the median over candidates that were measured, 1 before any."""
        ratios: dict[str, list[float]] = {}
        for name, result in self.session.results.items():
            unit = self._units.get(name)
            if unit is not None and (guess_s := self._guess_s(unit)) >= _TELLING_S:
                ratios.setdefault(unit.candidate, []).append(result.seconds / guess_s)
        found = [statistics.median(each) for each in ratios.values()]
        return min(_PACES[1], max(_PACES[0], statistics.median(found))) if found else 1.0

    def _refit_s(self, usual_s: float) -> float:
        """What a fit on all rows takes, from what a fold's fit takes; of bags, only a quick one is fit again."""
        if self.bagging:
            return self._quick_s
        bench = self.session.bench
        learns = [len(learn) for learn, _ in bench.folds]
        share = bench.frame.height * len(learns) / max(1, sum(learns)) if learns else 1.0
        return usual_s * share * 1.2

    def hear(self, entry: Entry, unit: Unit) -> None:
        session = self.session
        result = session.results.get(unit.name)
        if result is None:
            failure = session.failures[unit.name]
            late = failure.reason in ("the budget was spent", "interrupted")
            if entry.status == "waiting":
                entry.status = "skipped" if late else "failed"
                entry.note = failure.reason if late else f"failed: {failure.reason}: {failure.message}".rstrip(": ")
            return
        entry.results[unit.name] = result
        if len(entry.results) < len(entry.units) or entry.status != "waiting":
            return
        self.conclude(entry)

    def conclude(self, entry: Entry) -> None:
        """All folds are there: judge, and keep enough time to fit the best on all rows."""
        try:
            entry.scores = self.judge.fold_scores(
                [self.session.store.predictions(r.key) for r in self._in_order(entry)]
            )
        except Exception as error:  # noqa: BLE001 - predictions no metric can judge fail their candidate only
            entry.status, entry.note = "failed", f"failed: could not be judged: {error}"
            return
        if not math.isfinite(entry.score):
            entry.status, entry.note = "failed", "failed: the metric is not finite on its predictions"
            return
        entry.status = "done"
        candidate, best = entry.candidate, self.session.best
        if self.bagging:
            self._keep_time_for_bags(entry)
        if candidate.trial is None and candidate.name not in self.may_win:
            return
        if best is None or self.judge.better(entry.score, best[1]):
            self.session.best = (candidate.family, entry.score)
            if not self.bagging:
                self.reserve_s = self.assembly_s + self._refit_s(entry.usual_s or 0.0)
            if self.session.request.replay is None and not self.bagging:
                self._ahead.append(candidate.unit(self.session.request.seed, None, entry.median_rounds()))

    def _keep_time_for_bags(self, entry: Entry) -> None:
        """Time to choose weights, to read the members back, and to fit the best quick candidate on all rows."""
        self._members += len(entry.units)
        best = self._quick_score
        if entry.candidate.family in QUICK_FAMILIES and (best is None or self.judge.better(entry.score, best)):
            self._quick_score, self._quick_s = entry.score, entry.refit_s
        self.reserve_s = self._quick_s + self._slowness() * (self.assembly_s + self._reading_s())

    def _reading_s(self) -> float:
        """What reading the members of the ensemble back takes on an idle machine."""
        return MEMBER_S * min(self._members, MOST_MEMBERS)

    def _slowness(self) -> float:
        """How many times as long as on an idle machine anything takes here, at least 1."""
        return max(1.0, self._pace())

    @property
    def delay_s(self) -> float:
        """How much longer than on an idle machine putting the model together will take."""
        return (self._slowness() - 1.0) * (ASSEMBLY_S + self._reading_s())

    def _in_order(self, entry: Entry) -> list[UnitResult]:
        return [entry.results[unit.name] for unit in entry.units]

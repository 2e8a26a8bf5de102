"""One training under way: the clock, the workers, what is finished, and when to stop."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

from modelwright.training.bench import Bench
from modelwright.training.executing import Workers
from modelwright.training.fitting import Fitter
from modelwright.training.pool import Outcome
from modelwright.training.request import TrainProgress, TrainRequest
from modelwright.training.units import Unit, UnitResult, UnitStore

#: promised: wall time at most this factor times the budget, plus a constant
_GRACE_SHARE = 0.05
_GRACE_S = 1.0
#: after an interruption, how long the best candidate may still be fit on all rows
INTERRUPTED_REFIT_S = 10.0


@dataclass(slots=True, kw_only=True)
class Session:
    """Finished units by name, and the way to get more of them."""

    request: TrainRequest
    bench: Bench
    store: UnitStore
    pool: Workers
    started_s: float
    results: dict[str, UnitResult] = field(default_factory=dict)
    asked: dict[str, None] = field(default_factory=dict)  # names in the order of asking: the plan, once finished
    #: names in the order of planning, which does not depend on which unit was ready first
    places: dict[str, None] = field(default_factory=dict)
    steps: list[str] = field(default_factory=list)  # steps of the plan that are no units
    flying: set[str] = field(default_factory=set)  # names of units that workers have or will get
    failures: dict[str, Outcome] = field(default_factory=dict)
    stops: int = 0  # how often somebody asked to stop
    best: tuple[str, float] | None = None  # family and score, for progress
    busy_s: float = 0.0
    reused: int = 0

    # ------------------------------------------------------------ clock

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self.started_s

    @property
    def left_s(self) -> float:
        """Seconds of the budget that are left; endless when a plan is replayed."""
        return float("inf") if self.request.replay is not None else self.request.budget_s - self.elapsed_s

    @property
    def grace_left_s(self) -> float:
        """Seconds until the promise on wall time would be broken."""
        return self.left_s + _GRACE_SHARE * self.request.budget_s + _GRACE_S

    @property
    def stopped(self) -> bool:
        return self.stops > 0

    # ------------------------------------------------------------ units

    def planned(self, unit: Unit) -> bool:
        """Whether a replayed plan contains the unit; always true without one."""
        return self.request.replay is None or unit.name in self.request.replay

    def ask(self, unit: Unit) -> bool:
        """Have a unit done: read if it is finished already (then True), sent to a worker otherwise."""
        self.asked[unit.name] = None
        return self.ask_early(unit)

    def ask_early(self, unit: Unit) -> bool:
        """The same without a place in the plan, for what may turn out not to be needed."""
        if unit.name in self.flying:
            return False
        known = self.store.finished(unit, unit.key(self.bench.job))
        if known is not None:
            self.reused += 1
            self.results[unit.name] = known
            return True
        self.flying.add(unit.name)
        self.pool.submit(unit)
        return False

    def fit_here(self, fitter: Fitter, unit: Unit) -> None:
        """Have a unit done in this process: for the constant, which is there before any worker is."""
        self.asked[unit.name] = self.places[unit.name] = None
        self.results[unit.name] = fitter.run(unit)

    def plan(self) -> tuple[str, ...]:
        """Finished units in the order in which they were planned, then the steps taken on top of them."""
        order = [*(name for name in self.places if name in self.asked), *self.asked]
        return (*(name for name in dict.fromkeys(order) if name in self.results), *self.steps)

    def listen(self, timeout_s: float = 0.1) -> list[Outcome]:
        """News from the workers, kept and announced."""
        found = self.pool.poll(timeout_s)
        for outcome in found:
            self._keep(outcome)
        return found

    def _keep(self, outcome: Outcome) -> None:
        name = outcome.unit.name
        self.flying.discard(name)
        if outcome.reason:
            self.failures[name] = outcome
            return
        result = self.store.result(outcome.unit.key(self.bench.job))
        if result is None:
            self.failures[name] = Outcome(unit=outcome.unit, reason="error", message="its result cannot be read back")
            return
        self.results[name] = result
        self.busy_s += result.seconds
        self.say(f"{name} finished in {result.seconds:.1f} s")

    def drop(self, reason: str, keep: Callable[[Unit], bool] = lambda _unit: False) -> None:
        """Kill what is running and forget what is queued, except what is to be kept."""
        self.pool.abandon(reason, keep)
        for outcome in self.pool.poll(0.0):
            self._keep(outcome)

    def finish(self, unit: Unit, until_left_s: Callable[[], float]) -> UnitResult | None:
        """Wait for one unit until no seconds are left by the given clock; None when it failed or was late."""
        if unit.name in self.failures:
            return None
        if not self.ask(unit):
            while unit.name not in self.results and unit.name not in self.failures:
                self.listen()
                if until_left_s() <= 0:
                    self.drop("deadline")
                    break
        return self.results.get(unit.name)

    def say(self, message: str) -> None:
        family, score = self.best or ("", None)
        self.request.progress(
            TrainProgress(
                message=message,
                done=len(self.results),
                best_family=family,
                best_score=score,
                time_left_s=max(0.0, self.left_s),
            )
        )


@contextmanager
def listening_for_signals(session: Session) -> Iterator[None]:
    """Ctrl-C and SIGTERM ask to stop and keep the best; in other threads they are somebody else's business."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_number: int, _frame: FrameType | None) -> None:
        session.stops += 1

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

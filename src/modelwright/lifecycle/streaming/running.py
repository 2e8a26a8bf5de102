"""Open both ends, turn until told to stop, open them again when a broker was away."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modelwright.core.errors import AdapterError
from modelwright.lifecycle.operation import Context, Progress
from modelwright.lifecycle.streaming.engine import Counts, Ends, Engine, Limits, Score, Subject
from modelwright.lifecycle.streaming.places import broker, shown
from modelwright.lifecycle.streaming.suspects import Suspects

_STATUS_EVERY_S = 1.0
_LONGEST_PAUSE_S = 15.0
#: tries to reach a broker before `--once` gives up; a stream that runs on never does
_TRIES_ONCE = 5
#: half seconds without an event, where the broker does not say whether any waits
_IDLE_TURNS = 60
_HUNG_EXIT = 75  # EX_TEMPFAIL: starting again is the right answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Addresses and limits of one stream."""

    source: str
    to: str
    dead: str
    group: str
    state: Path
    once: bool = False
    allow_open: bool = False
    hang_s: float = 300.0
    limits: Limits = field(default_factory=Limits)


def open_ends(plan: Plan) -> Ends:
    """Raises SpecError, or AdapterError where a broker cannot be reached."""
    opened: list[Any] = []
    try:
        target = broker(plan.to, allow_open=plan.allow_open)
        keeps = hasattr(target, "ledger")
        own = target if keeps else broker("sqlite:///state")
        where = plan.to if keeps else f"sqlite:///{plan.state / 'state.sqlite'}#stream"
        ledger = own.ledger(where, plan.group, shown(plan.source), keeps=keeps)
        opened.append(ledger)
        outlet = None if keeps else target.outlet(plan.to)
        opened.append(outlet)
        dead = broker(plan.dead, allow_open=plan.allow_open).outlet(plan.dead)
        opened.append(dead)
        source = broker(plan.source, allow_open=plan.allow_open)
        inlet = source.inlet(plan.source, plan.group, ledger.positions())
    except BaseException:
        for each in opened:
            if each is not None:
                each.close()
        raise
    return Ends(inlet=inlet, ledger=ledger, dead=dead, outlet=outlet)


def run(plan: Plan, score: Score, subject: Subject, context: Context) -> dict[str, Any]:
    """Turn until SIGTERM or SIGINT, or with `once` until nothing waits. Raises AdapterError that no retry helps."""
    with _stopping() as stop:
        turning = _Turning(plan, score, subject, context, stop)
        watch = _Watch(plan.hang_s, turning)
        try:
            turning.run()
        finally:
            watch.stop()
        return turning.summary()


class _Turning:
    def __init__(self, plan: Plan, score: Score, subject: Subject, context: Context, stop: threading.Event) -> None:
        self._plan, self._score, self._subject, self._context, self._stop = plan, score, subject, context, stop
        self._suspects = Suspects(plan.state)
        self._counts = Counts()
        self._lag: int | None = None
        self._begun, self._told = time.monotonic(), 0.0
        self.engine: Engine | None = None

    def run(self) -> None:
        failures = 0
        while not self._stop.is_set():
            done_before = self._counts.finished
            try:
                self._turn_until_stopped()
                return
            except AdapterError as error:
                failures = 1 if self._counts.finished > done_before else failures + 1
                if not error.retryable or (self._plan.once and failures >= _TRIES_ONCE):
                    raise
                self._counts.reconnects += 1
                pause = min(_LONGEST_PAUSE_S, 0.2 * 2.0**failures)
                self._context.progress(Progress(step="stream", message=f"{error.message} Again in {pause:.1f} s."))
                self._stop.wait(pause)

    def _turn_until_stopped(self) -> None:
        ends = open_ends(self._plan)
        try:
            engine = Engine(ends, self._score, self._subject, self._plan.limits, self._suspects, self._context.clock)
            engine.counts = self._counts
            self.engine = engine
            engine.flush()
            idle = 0
            while not self._stop.is_set():
                taken = engine.turn()
                self._tell(ends)
                idle = 0 if taken else idle + 1
                if self._plan.once and idle and self._nothing_waits(ends, idle):
                    return
        finally:
            self.engine = None
            ends.close()

    def _nothing_waits(self, ends: Ends, idle: int) -> bool:
        """A broker that cannot tell (a Kafka group that is being formed) is given some time."""
        self._lag = ends.inlet.lag()
        return idle >= _IDLE_TURNS if self._lag is None else self._lag == 0

    def _tell(self, ends: Ends) -> None:
        now = time.monotonic()
        if now - self._told < _STATUS_EVERY_S:
            return
        self._told, self._lag = now, ends.inlet.lag()
        waiting = "unknown" if self._lag is None else f"{self._lag:,}"
        message = (
            f"{self._counts.answered:,} answered, {self._rate():,.0f} events/s, lag {waiting}, "
            f"{sum(self._counts.dead.values()):,} dead letters"
        )
        self._context.progress(Progress(step="stream", message=message))

    def _rate(self) -> float:
        return self._counts.finished / max(1e-9, time.monotonic() - self._begun)

    def summary(self) -> dict[str, Any]:
        counts = self._counts
        return {
            "events": counts.finished,
            "answered": counts.answered,
            "rows": counts.rows,
            "duplicates": counts.duplicates,
            "retried": counts.retried,
            "dead_letters": sum(counts.dead.values()),
            "dead_letter_codes": dict(sorted(counts.dead.items())),
            "reconnects": counts.reconnects,
            "lag": self._lag,
            "seconds": round(time.monotonic() - self._begun, 3),
            "events_per_s": round(self._rate(), 1),
            "group": self._plan.group,
            "from": shown(self._plan.source),
            "to": shown(self._plan.to),
            "dead_letter": shown(self._plan.dead),
        }


class _Watch:
    """Ends the process when one batch hangs: nothing inside it can. What it held comes again, one by one."""

    def __init__(self, hang_s: float, turning: _Turning) -> None:
        self._hang_s, self._turning = hang_s, turning
        self._stopped = threading.Event()
        threading.Thread(target=self._watch, name="modelwright-watch", daemon=True).start()

    def _watch(self) -> None:
        while not self._stopped.wait(min(1.0, self._hang_s / 4)):
            engine = self._turning.engine
            since = engine.working_since if engine is not None else None
            if since is not None and time.monotonic() - since > self._hang_s:
                sys.stderr.write(
                    f"stream: a batch takes longer than {self._hang_s:g} s; this process ends. "
                    "Start it again: its events are tried one by one, and the guilty one becomes a dead letter.\n"
                )
                sys.stderr.flush()
                os._exit(_HUNG_EXIT)

    def stop(self) -> None:
        self._stopped.set()


@contextmanager
def _stopping() -> Iterator[threading.Event]:
    """Set by SIGTERM and SIGINT: what is in hand is finished, nothing more is taken."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before: dict[signal.Signals, Callable[..., Any] | int | None] = {}
    for number in (signal.SIGTERM, signal.SIGINT):
        before[number] = signal.signal(number, lambda _number, _frame: stop.set())
    try:
        yield stop
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)

"""Take, predict, write down, acknowledge: in this order, so that a kill at any point loses and doubles nothing.

The effects of a batch and the ids of its events are one transaction of the ledger; what goes to a broker waits there in
an outbox until the broker has it. Events come again after a kill; those whose id is in the ledger do nothing then. An
event that was being worked on when the process died is tried alone, so that only the guilty one is counted.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from modelwright.core.clock import Clock
from modelwright.core.errors import AdapterError
from modelwright.lifecycle.streaming.events import Event, PoisonError, dead_letter, decode, identify
from modelwright.lifecycle.streaming.suspects import Suspects
from modelwright.records.ports import Effects, Inlet, Ledger, Message, Outlet

_WAIT_S = 0.5
_OUTBOX_AT_ONCE = 1_000
_MOST_ROWS_AT_ONCE = 2_000
_LONGEST_DELAY_S = 60.0
_FORGET_EVERY_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    in_flight: int = 256
    attempts: int = 5
    retry_s: float = 0.5  # before the second try; doubled each time
    horizon_s: float = 7 * 86_400.0  # how long ids of finished events are kept


@dataclass(slots=True, kw_only=True)
class Counts:
    events: int = 0  # taken, again and again ones included
    answered: int = 0
    rows: int = 0
    duplicates: int = 0
    retried: int = 0
    reconnects: int = 0
    dead: Counter[str] = field(default_factory=Counter)  # by error code

    @property
    def finished(self) -> int:
        return self.answered + self.duplicates + sum(self.dead.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """What is open while a stream runs."""

    inlet: Inlet
    ledger: Ledger
    dead: Outlet
    outlet: Outlet | None = None  # None: the ledger itself keeps the answers

    def close(self) -> None:
        for each in (self.inlet, self.outlet, self.dead, self.ledger):
            if each is not None:
                each.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Whose stream it is, for answers and dead letters."""

    model: str
    group: str
    source: str  # address without secrets
    columns: frozenset[str]
    id_field: str = ""


#: answers by event, in their order; a PoisonError where no further try helps. Raises where all must be tried again
Score = Callable[[Sequence[Event]], list[Message | PoisonError]]


@dataclass(slots=True)
class _Batch:
    """What became of the messages that were taken together."""

    finished: list[Message] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    settled: list[str] = field(default_factory=list)  # ids of the same events without their replays
    answers: list[Message] = field(default_factory=list)
    letters: list[Message] = field(default_factory=list)


class Engine:
    """One stream in one thread. What it holds at once is bounded by `in_flight`: the rest waits at the broker."""

    def __init__(
        self, ends: Ends, score: Score, subject: Subject, limits: Limits, suspects: Suspects, clock: Clock
    ) -> None:
        self._ends, self._score, self._subject, self._limits = ends, score, subject, limits
        self._suspects, self._clock = suspects, clock
        self._positions = ends.ledger.positions()
        self._held: dict[str, set[int]] = {}  # partition -> positions that come again
        self._forgot_at = 0.0
        self.counts = Counts()
        self.working_since: float | None = None

    def turn(self, wait_s: float = _WAIT_S) -> int:
        """Take and finish one batch; returns how many messages it was. Raises AdapterError."""
        messages = list(self._ends.inlet.take(self._limits.in_flight, wait_s))
        if messages:
            self.counts.events += len(messages)
            self.working_since = time.monotonic()
            try:
                self._finish(self._work(messages))
            except AdapterError:
                self._suspects.rest()  # a broker or a log that is away is no event's fault
                raise
            finally:
                self.working_since = None
        return len(messages)

    def flush(self) -> None:
        """Send what waits in the outbox, also what an earlier process left there. Raises AdapterError."""
        while waiting := self._ends.ledger.outbox(_OUTBOX_AT_ONCE):
            answers = [message for _, dead, message in waiting if not dead]
            letters = [message for _, dead, message in waiting if dead]
            if answers and self._ends.outlet is not None:
                self._ends.outlet.send(answers)
            if letters:
                self._ends.dead.send(letters)
            self._ends.ledger.sent([number for number, _, _ in waiting])

    # ------------------------------------------------------------ inside

    def _work(self, messages: Sequence[Message]) -> _Batch:
        batch = _Batch()
        ids = [identify(message, self._subject.id_field) for message in messages]
        events = self._decoded(messages, ids, batch)
        known = self._ends.ledger.known([event.once for event in events])
        fresh: list[Event] = []
        for event in events:
            if event.once in known:
                self.counts.duplicates += 1
                batch.finished.append(event.message)
            else:
                known.add(event.once)
                fresh.append(event)
        together = [event for event in fresh if event.id not in self._suspects]
        alone = [event for event in fresh if event.id in self._suspects]
        for part in _parts(together):
            alone += self._together(part, batch)
        for event in alone:
            self._alone(event, batch)
        return batch

    def _decoded(self, messages: Sequence[Message], ids: Sequence[str], batch: _Batch) -> list[Event]:
        """Those that can be read; of a letter that was written before, only the acknowledgement is missing."""
        events, unread = [], []
        for message, event_id in zip(messages, ids, strict=True):
            try:
                events.append(decode(message, event_id, self._subject.columns, self._subject.id_field))
            except PoisonError as error:
                unread.append((Event(message=message, id=event_id, rows=(), many=False), error))
        if unread:
            known = self._ends.ledger.known([event.once for event, _ in unread])
            for event, poison in unread:
                if event.once in known:
                    self.counts.duplicates += 1
                    batch.finished.append(event.message)
                else:
                    known.add(event.once)
                    self._bury(event, poison.code, str(poison), 1, batch)
        return events

    def _together(self, events: Sequence[Event], batch: _Batch) -> list[Event]:
        """Answer all at once; returns them where that fails, to be tried one by one."""
        self._suspects.working([event.id for event in events])
        try:
            answers = self._score(events)
        except AdapterError:
            raise
        except Exception:  # noqa: BLE001 - which of them it was is found out one by one
            return list(events)
        for event, answer in zip(events, answers, strict=True):
            self._settle(event, answer, batch)
        return []

    def _alone(self, event: Event, batch: _Batch) -> None:
        """One try of one event. Tries that ended the process were counted when it began anew."""
        tries = self._suspects.tries(event.id)
        if tries >= self._limits.attempts:
            why = f"the process ended while it worked on this event, or the model failed, {tries} times"
            self._bury(event, "event.crashed", why, tries, batch)
            return
        self._suspects.working([event.id])
        try:
            answer = self._score([event])[0]
        except AdapterError:
            raise
        except Exception as error:  # noqa: BLE001 - a model may fail in any way; it is tried again, then kept apart
            tries = self._suspects.tried(event.id)
            self._suspects.rest()
            if tries >= self._limits.attempts:
                code = getattr(error, "code", "") or "event.failed"
                self._bury(event, code, f"{type(error).__name__}: {error}", tries, batch)
                return
            self._again(event.message, tries)
        else:
            self._settle(event, answer, batch)

    def _again(self, message: Message, tries: int) -> None:
        self.counts.retried += 1
        self._held.setdefault(message.partition, set()).add(message.position)
        self._ends.inlet.again(message, min(_LONGEST_DELAY_S, self._limits.retry_s * 2.0 ** (tries - 1)))

    def _settle(self, event: Event, answer: Message | PoisonError, batch: _Batch) -> None:
        if isinstance(answer, PoisonError):
            self._bury(event, answer.code, str(answer), 1 + self._suspects.tries(event.id), batch)
            return
        self.counts.answered += 1
        self.counts.rows += len(event.rows)
        batch.answers.append(answer)
        batch.seen.append(event.once)
        batch.settled.append(event.id)
        batch.finished.append(event.message)

    def _bury(self, event: Event, code: str, why: str, attempts: int, batch: _Batch) -> None:
        self.counts.dead[code] += 1
        batch.letters.append(
            dead_letter(
                event.message,
                event_id=event.id,
                code=code,
                why=why,
                attempts=attempts,
                model=self._subject.model,
                group=self._subject.group,
                source=self._subject.source,
                now=self._clock.now(),
            )
        )
        batch.seen.append(event.once)
        batch.settled.append(event.id)
        batch.finished.append(event.message)

    def _finish(self, batch: _Batch) -> None:
        """Effects first, then the outbox, then the acknowledgement."""
        for message in batch.finished:
            self._held.get(message.partition, set()).discard(message.position)
        if batch.seen:
            self._advance(batch.finished)
            self._ends.ledger.record(
                Effects(seen=batch.seen, answers=batch.answers, dead=batch.letters, positions=self._positions)
            )
            if self._ends.outlet is not None or batch.letters:
                self.flush()
        if batch.finished:
            self._ends.inlet.done(batch.finished)
        self._suspects.rest()
        self._suspects.cleared(batch.settled)
        self._forget()

    def _advance(self, finished: Sequence[Message]) -> None:
        """Everything up to the new positions is finished: they stop before what comes again."""
        for message in finished:
            if message.position >= 0:
                known = self._positions.get(message.partition, -1)
                self._positions[message.partition] = max(known, message.position)
        for partition, held in self._held.items():
            if held and partition in self._positions:
                self._positions[partition] = min(self._positions[partition], min(held) - 1)

    def _forget(self) -> None:
        now = time.monotonic()
        if now - self._forgot_at > _FORGET_EVERY_S:
            self._forgot_at = now
            self._ends.ledger.forget(self._clock.now().timestamp() - self._limits.horizon_s)


def _parts(events: Sequence[Event]) -> list[list[Event]]:
    """Neighbours, with no more rows in each part than one request may have."""
    parts: list[list[Event]] = []
    rows = 0
    for event in events:
        if not parts or rows + len(event.rows) > _MOST_ROWS_AT_ONCE:
            parts.append([])
            rows = 0
        parts[-1].append(event)
        rows += len(event.rows)
    return parts

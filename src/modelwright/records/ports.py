"""The seams of serving: where predictions are written down, and the streams that events come from and go to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from modelwright.core.errors import ModelwrightError
from modelwright.records.prediction import Schema

# ---------------------------------------------------------------- prediction logs


@runtime_checkable
class PredictionLog(Protocol):
    """An open log of one process. Not for several threads, but for what `when_synced` calls back."""

    @property
    def durability(self) -> str:
        """`group` (written before the reply, on the disk within 100 ms), `disk` (on the disk before the reply) or
        `buffered` (may be lost with the process); the reply says which."""
        ...

    def describe(self, schema: Schema) -> int:
        """Write the schema down where this segment does not have it yet; returns its number."""
        ...

    def append(self, record: bytes) -> None:
        """Take one encoded record; memory only. Raises AdapterError (`log.full`, `log.failed`) once the log cannot
        take any more: the caller then answers no request as logged."""
        ...

    def commit(self) -> int:
        """Hand everything appended to the operating system in one write; returns a position. A killed process loses
        none of it. Raises AdapterError (`log.failed`)."""
        ...

    def when_synced(
        self, position: int, call: Callable[[], None], failed: Callable[[ModelwrightError], None] | None = None
    ) -> None:
        """Call back, from another thread, once everything up to `position` is on the disk; or `failed`, where it
        never will be: exactly one of the two is called. Raises AdapterError (`log.failed`) where that is known."""
        ...

    def close(self) -> None: ...


# ---------------------------------------------------------------- streams


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One event of a stream. `position` is the source's own, unique within `partition` and in its order; -1 where
    the broker has none."""

    body: bytes
    key: str = ""  # the sender's own, unique name of this message; empty where it gave none
    partition: str = ""
    position: int = -1
    headers: dict[str, str] = field(default_factory=dict)
    attempts: int = 1  # deliveries so far, as the broker counts them
    handle: Any = None  # what the adapter needs to acknowledge it


@runtime_checkable
class Inlet(Protocol):
    """An open source of events. Not for several threads. Every method may raise AdapterError; a retryable one means
    that opening it anew may help."""

    def take(self, most: int, wait_s: float) -> Sequence[Message]:
        """Up to `most` messages, waiting for the first one at most `wait_s`; none is fine."""
        ...

    def done(self, messages: Iterable[Message]) -> None:
        """These never come again."""
        ...

    def again(self, message: Message, delay_s: float) -> None:
        """Deliver it again, not before `delay_s`."""
        ...

    def lag(self) -> int | None:
        """Messages that wait, or None where the broker does not tell."""
        ...

    def close(self) -> None:
        """What was taken and is not done comes again, to whoever opens the same group next."""
        ...


@runtime_checkable
class Outlet(Protocol):
    """An open destination of events."""

    def send(self, messages: Sequence[Message]) -> None:
        """Returns once the broker has them; the key tells duplicates apart. Raises AdapterError, retryable or not."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """What a batch of events changes, all of it or nothing."""

    seen: Sequence[str]  # event ids that are finished with
    answers: Sequence[Message]
    dead: Sequence[Message] = ()
    positions: Mapping[str, int] = field(default_factory=dict)  # by partition: everything up to here is finished


@runtime_checkable
class Ledger(Protocol):
    """Remembers, in one transaction each, what a group has done and where it stands."""

    def known(self, ids: Sequence[str]) -> set[str]:
        """Those that are finished with already."""
        ...

    def positions(self) -> dict[str, int]: ...

    def record(self, effects: Effects) -> None:
        """Answers go into the sink itself where there is one, else into the outbox; dead letters into the outbox."""
        ...

    def outbox(self, most: int) -> Sequence[tuple[int, bool, Message]]:
        """What has still to be sent, oldest first: number, whether it is a dead letter, message."""
        ...

    def sent(self, numbers: Sequence[int]) -> None: ...

    def forget(self, before_s: float) -> int:
        """Drop the ids of events finished before this moment (seconds since 1970); returns how many."""
        ...

    def close(self) -> None: ...


@runtime_checkable
class Broker(Protocol):
    """One file per broker."""

    @property
    def schemes(self) -> tuple[str, ...]: ...

    def inlet(self, url: str, group: str, start: Mapping[str, int]) -> Inlet:
        """`start`: positions that this group has finished with, by partition; they win over the broker's own."""
        ...

    def outlet(self, url: str) -> Outlet: ...


@runtime_checkable
class Sink(Protocol):
    """Optional on a Broker: a database that takes answers and the group's position in one transaction."""

    def ledger(self, url: str, group: str, source: str, *, keeps: bool) -> Ledger:
        """keeps: answers are stored in the table that the URL names; otherwise they wait in the outbox."""
        ...

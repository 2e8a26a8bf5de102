"""What journals have in common: a row as an event, a lost race, and reading on from what was read before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from modelwright.core.errors import StateError
from modelwright.core.nouns import Event

COLUMNS = "sequence, at, actor, kind, subject, payload"


def event_of(row: tuple[Any, ...]) -> Event:
    sequence, at, actor, kind, subject, payload = row
    return Event(
        sequence=sequence, at=at, actor=actor, kind=kind, subject=subject, payload=msgspec.json.decode(payload)
    )


def row_of(event: Event) -> tuple[Any, ...]:
    payload = msgspec.json.encode(event.payload).decode()
    return (event.sequence, event.at, event.actor, event.kind, event.subject, payload)


def lost_race(subject: str, last: int, expected: int) -> StateError:
    return StateError(
        f"Somebody else changed '{subject}' first (event {last}, expected {expected}).",
        code="journal.lost_race",
        hint="look at the present state and try again",
        subject=subject,
        retryable=True,
    )


def missing(held: list[Event], events: list[Event], where: str) -> list[Event]:
    """What a journal lacks of another one. Raises StateError (`journal.occupied`) where it holds anything else."""
    if held != events[: len(held)]:
        raise StateError(
            f"The journal in {where} holds other events already.",
            code="journal.occupied",
            hint="name a place that holds none",
            subject="journal",
        )
    return events[len(held) :]


def read_on(seen: list[Event], fetched: Callable[[int], list[Event]]) -> list[Event]:
    """All events, of which only those after `seen` are fetched: what was appended never changes."""
    fresh = fetched(seen[-1].sequence - 1 if seen else 0)
    if not seen:
        return fresh
    if fresh[:1] == seen[-1:]:
        return [*seen, *fresh[1:]]
    return fetched(0)  # another journal lies there now, as after a restore

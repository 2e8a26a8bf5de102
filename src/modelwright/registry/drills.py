"""Rehearsals of the way back, as the journal tells them: what a promotion over a living champion asks for."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from modelwright.core.clock import timestamp
from modelwright.core.nouns import Event
from modelwright.registry import reigns

DRILLED = "drill.finished"
FRESH_DAYS = 30


class Drill(msgspec.Struct, frozen=True, kw_only=True):
    """A drill as its event tells it."""

    at: str
    ok: bool
    version: int
    to: int
    pointer_s: float
    requests: int
    failed: int
    all_kinds_s: float | None = None
    why: str = ""


def last_drill(events: Iterable[Event], name: str) -> Drill | None:
    """The newest drill of a model, passed or not."""
    found = None
    for event in events:
        if event.kind == DRILLED and event.subject == f"model:{name}":
            known = {key: event.payload[key] for key in Drill.__struct_fields__ if key in event.payload}
            found = msgspec.convert({**known, "at": event.at}, Drill)
    return found


def is_fresh(drill: Drill | None, now: datetime, days: float = FRESH_DAYS) -> bool:
    """Whether it passed, and no longer ago than so many days."""
    return drill is not None and drill.ok and drill.at >= timestamp(now - timedelta(days=days))


def open_conditions(events: Iterable[Event], name: str, now: datetime) -> tuple[str, ...]:
    """What a promotion over a living champion is conditional on: that going back has been rehearsed lately."""
    events = list(events)
    if not reigns.past(events, name).titled or is_fresh(last_drill(events, name), now):
        return ()
    return (f"rehearse the way back (`modelwright drill {name}`): no drill has passed in the last {FRESH_DAYS:g} days",)

"""A journal that writes for the holder of a lease only: whoever lost it cannot append, promote or begin a rollout."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from modelwright.core.errors import StateError
from modelwright.core.nouns import Event
from modelwright.core.ports import Journal
from modelwright.lifecycle.leases import lost
from modelwright.monitoring import policy

_TRIES = 64


@dataclass(frozen=True, slots=True)
class FencedJournal:
    """Every append is compared with the journal as it stood when the token was still the newest, so no takeover can
    come between the look and the write."""

    journal: Journal
    model: str
    token: int

    def append(self, kind: str, subject: str, payload: Mapping[str, Any], *, expected: int | None = None) -> Event:
        """Raises StateError (`lease.lost`, and `journal.lost_race` as any journal does)."""
        if expected is not None:
            self._check([event for event in self.journal.read() if event.sequence <= expected])
            return self.journal.append(kind, subject, payload, expected=expected)
        for left in reversed(range(_TRIES)):
            events = list(self.journal.read())
            self._check(events)
            try:
                return self.journal.append(kind, subject, payload, expected=events[-1].sequence if events else 0)
            except StateError as error:
                if error.code != "journal.lost_race" or not left:
                    raise
        raise AssertionError("unreachable: the last try raises or returns")

    def read(self, after: int = 0) -> Iterable[Event]:
        return self.journal.read(after)

    def stage(self, kind: str, payload: Mapping[str, Any]) -> Event:
        """One event of the retraining itself, with the token."""
        return self.append(kind, f"retraining:{self.model}", {**payload, "token": self.token})

    def _check(self, events: Iterable[Event]) -> None:
        if policy.token_of(events, self.model) > self.token:
            raise lost(f"retraining:{self.model}")

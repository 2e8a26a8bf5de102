"""The journal in one SQLite file: append-only events with compare-and-append."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from modelwright.core.clock import Clock, SystemClock, timestamp
from modelwright.core.errors import AdapterError, StateError
from modelwright.core.nouns import Event

_SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
    sequence INTEGER PRIMARY KEY,
    at       TEXT NOT NULL,
    actor    TEXT NOT NULL,
    kind     TEXT NOT NULL,
    subject  TEXT NOT NULL,
    payload  TEXT NOT NULL
) STRICT;
CREATE TRIGGER IF NOT EXISTS events_are_final BEFORE UPDATE ON events
BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE TRIGGER IF NOT EXISTS events_are_kept BEFORE DELETE ON events
BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
"""
_LAID = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'events'"
_BUSY_TIMEOUT_S = 10.0


class SqliteJournal:
    """Rollback-journal mode with full synchronisation: SQLite before 3.51.3 can corrupt a write-ahead log
    that two connections reset at once, and events are far too few for that mode to pay."""

    def __init__(self, path: Path, *, actor: str = "local", clock: Clock | None = None) -> None:
        self._path = path
        self._actor = actor
        self._clock = clock or SystemClock()
        self._seen: list[Event] = []

    def append(self, kind: str, subject: str, payload: Mapping[str, Any], *, expected: int | None = None) -> Event:
        """Append durably. Raises StateError (`journal.lost_race`) when somebody else wrote first."""
        text = msgspec.json.encode(payload).decode()
        try:
            with closing(self._open(create=True)) as connection, connection:
                connection.execute("BEGIN IMMEDIATE")
                last = connection.execute("SELECT coalesce(max(sequence), 0) FROM events").fetchone()[0]
                if expected is not None and expected != last:
                    raise StateError(
                        f"Somebody else changed '{subject}' first (event {last}, expected {expected}).",
                        code="journal.lost_race",
                        hint="look at the present state and try again",
                        subject=subject,
                        retryable=True,
                    )
                event = Event(
                    sequence=last + 1,
                    at=timestamp(self._clock.now()),
                    actor=self._actor,
                    kind=kind,
                    subject=subject,
                    payload=dict(payload),
                )
                connection.execute(
                    "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)",
                    (event.sequence, event.at, event.actor, kind, subject, text),
                )
        except sqlite3.Error as error:
            raise self._failed(error) from error
        return event

    def read(self, after: int = 0) -> Iterator[Event]:
        """Events in order; none when the journal does not exist yet. What one journal object has read from the
        beginning it keeps, and reads only what came since."""
        if after:
            yield from self._fetched(after)
            return
        seen = self._seen
        fresh = self._fetched(seen[-1].sequence - 1 if seen else 0)
        if seen and fresh[:1] == seen[-1:]:
            fresh = [*seen, *fresh[1:]]
        elif seen:  # another file lies there now, as after a restore
            fresh = self._fetched(0)
        self._seen = fresh
        yield from fresh

    def _fetched(self, after: int) -> list[Event]:
        if not self._path.exists():
            return []
        try:
            with closing(self._open(create=False)) as connection:
                if not connection.execute(_LAID).fetchone():  # somebody else is just laying the file
                    return []
                rows = connection.execute(
                    "SELECT * FROM events WHERE sequence > ? ORDER BY sequence", (after,)
                ).fetchall()
        except sqlite3.Error as error:
            raise self._failed(error) from error
        return [
            Event(sequence=sequence, at=at, actor=actor, kind=kind, subject=subject,
                  payload=msgspec.json.decode(payload))
            for sequence, at, actor, kind, subject, payload in rows
        ]  # fmt: skip

    def _open(self, *, create: bool) -> sqlite3.Connection:
        if create:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self._path, timeout=_BUSY_TIMEOUT_S, isolation_level=None)
        connection.execute("PRAGMA synchronous = FULL")
        if create:
            connection.executescript(_SCHEMA)
        return connection

    def _failed(self, error: sqlite3.Error) -> AdapterError:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            return AdapterError(
                f"The disk that holds {self._path} is full.",
                code="disk.full",
                hint="make room, or use --workspace with a folder on another disk",
                subject=f"file:{self._path.name}",
            )
        return AdapterError(
            f"The journal {self._path.name} could not be used: {error}.",
            code="journal.unusable",
            hint="check free disk space and permissions; `modelwright doctor` looks at both",
            subject=f"file:{self._path.name}",
            retryable="locked" in str(error),
        )


PLUGIN = SqliteJournal

"""The journal in one SQLite file: append-only events with compare-and-append."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from modelwright.adapters.journals._shared import event_of, lost_race, missing, read_on, row_of
from modelwright.core.clock import Clock, SystemClock, timestamp
from modelwright.core.errors import AdapterError
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
_MOVED = """
CREATE TRIGGER IF NOT EXISTS journal_has_moved BEFORE INSERT ON events
BEGIN SELECT RAISE(ABORT, 'the journal has moved elsewhere'); END
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
        with self._writing() as connection:
            last = connection.execute("SELECT coalesce(max(sequence), 0) FROM events").fetchone()[0]
            if expected is not None and expected != last:
                raise lost_race(subject, last, expected)
            event = Event(
                sequence=last + 1,
                at=timestamp(self._clock.now()),
                actor=self._actor,
                kind=kind,
                subject=subject,
                payload=dict(payload),
            )
            connection.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)", row_of(event))
        return event

    def read(self, after: int = 0) -> Iterator[Event]:
        """Events in order; none when the journal does not exist yet. What one journal object has read from the
        beginning it keeps, and reads only what came since."""
        if after:
            yield from self._fetched(after)
            return
        self._seen = read_on(self._seen, self._fetched)
        yield from self._seen

    def adopt(self, events: Iterable[Event]) -> None:
        """Take over another journal, times and actors unchanged, all or nothing. Raises StateError
        (`journal.occupied`) where there is anything but its beginning."""
        with self._writing() as connection:
            held = connection.execute("SELECT * FROM events ORDER BY sequence").fetchall()
            connection.execute("DROP TRIGGER IF EXISTS journal_has_moved")
            lacking = missing(list(map(event_of, held)), list(events), self._path.name)
            connection.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)", map(row_of, lacking))

    def retire(self, last: int) -> None:
        """Take no event after this one: the journal goes on elsewhere. Raises StateError (`journal.lost_race`) where
        there is one already."""
        with self._writing() as connection:
            there = connection.execute("SELECT coalesce(max(sequence), 0) FROM events").fetchone()[0]
            if there != last:
                raise lost_race("journal", there, last)
            connection.execute(_MOVED)

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(self._open(create=True)) as connection, connection:
                connection.execute("BEGIN IMMEDIATE")
                yield connection
        except sqlite3.Error as error:
            raise self._failed(error) from error

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
        return [event_of(row) for row in rows]

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

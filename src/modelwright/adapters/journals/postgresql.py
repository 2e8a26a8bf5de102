"""The journal in PostgreSQL, for workspaces of more than one machine: append-only by trigger, compare-and-append."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urldefrag, urlsplit

from modelwright.adapters.journals._shared import COLUMNS, event_of, lost_race, missing, read_on, row_of
from modelwright.core.clock import Clock, SystemClock, timestamp
from modelwright.core.errors import AdapterError, SpecError
from modelwright.core.nouns import Event

_TABLE = "modelwright_events"
_NAME = re.compile(r"[a-z_][a-z0-9_]{0,40}")
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_WAIT_S = 10
#: the payload is text, so that it comes back as it was written; the trigger holds for the owner too
_SCHEMA = """
CREATE TABLE IF NOT EXISTS {table} (
    sequence BIGINT PRIMARY KEY,
    at       TEXT NOT NULL,
    actor    TEXT NOT NULL,
    kind     TEXT NOT NULL,
    subject  TEXT NOT NULL,
    payload  TEXT NOT NULL
);
CREATE OR REPLACE FUNCTION {table}_final() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'events are append-only'; END $$;
CREATE OR REPLACE TRIGGER {table}_are_final BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION {table}_final();
REVOKE ALL ON {table} FROM PUBLIC;
"""


class PostgresqlJournal:
    """A connection for each call, so that forks, threads and a server that restarts need no thought. Writers take turns
    by an advisory lock of the table, which needs no right but to insert; readers never wait."""

    def __init__(self, url: str, *, actor: str = "local", clock: Clock | None = None) -> None:
        address, self._table = urldefrag(url)
        self._table = self._table or _TABLE
        split = urlsplit(address)
        if not _NAME.fullmatch(self._table) or len(split.path) < 2:
            raise SpecError(
                "The journal's address names no database, or no table that we can use.",
                code="journal.url",
                hint="write postgresql://user@host:5432/database, with #table where the database holds several",
                subject="journal",
            )
        self._address = _VARIABLE.sub(lambda found: os.environ.get(found[1], ""), address)
        self._shown = f"{split.hostname or 'localhost'}{split.path}#{self._table}"
        self._actor = actor
        self._clock = clock or SystemClock()
        self._seen: list[Event] = []

    def append(self, kind: str, subject: str, payload: Mapping[str, Any], *, expected: int | None = None) -> Event:
        """Append durably. Raises StateError (`journal.lost_race`) when somebody else wrote first."""
        with self._writing() as (connection, last):
            if expected is not None and expected != last:
                raise lost_race(subject, last, expected)
            event = Event(
                sequence=last + 1, at=timestamp(self._clock.now()), actor=self._actor, kind=kind, subject=subject,
                payload=dict(payload),
            )  # fmt: skip
            self._insert(connection, [event])
        return event

    def read(self, after: int = 0) -> Iterator[Event]:
        """Events in order; none when the table does not exist yet. What one journal object has read from the beginning
        it keeps, and reads only what came since."""
        if after:
            yield from self._fetched(after)
            return
        self._seen = read_on(self._seen, self._fetched)
        yield from self._seen

    def adopt(self, events: Iterable[Event]) -> None:
        """Take over another journal, times and actors unchanged, all or nothing. Raises StateError
        (`journal.occupied`) where there is anything but its beginning."""
        with self._writing() as (connection, _):
            held = connection.execute(f"SELECT {COLUMNS} FROM {self._table} ORDER BY sequence").fetchall()  # noqa: S608
            connection.execute(f"DROP TRIGGER IF EXISTS {self._table}_moved ON {self._table}")
            self._insert(connection, missing(list(map(event_of, held)), list(events), self._shown))

    def retire(self, last: int) -> None:
        """Take no event after this one: the journal goes on elsewhere. Raises StateError (`journal.lost_race`) where
        there is one already."""
        with self._writing() as (connection, there):
            if there != last:
                raise lost_race("journal", there, last)
            connection.execute(
                f"CREATE OR REPLACE TRIGGER {self._table}_moved BEFORE INSERT ON {self._table} "
                f"FOR EACH STATEMENT EXECUTE FUNCTION {self._table}_final()"
            )

    def _insert(self, connection: Any, events: list[Event]) -> None:
        with connection.cursor() as cursor:
            cursor.executemany(
                f"INSERT INTO {self._table} ({COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s)",  # noqa: S608 - a checked name
                [row_of(event) for event in events],
            )

    def _fetched(self, after: int) -> list[Event]:
        with self._connected() as connection:
            if not self._laid(connection):
                return []
            rows = connection.execute(
                f"SELECT {COLUMNS} FROM {self._table} WHERE sequence > %s ORDER BY sequence",  # noqa: S608
                (after,),
            ).fetchall()
        return [event_of(row) for row in rows]

    @contextmanager
    def _writing(self) -> Iterator[tuple[Any, int]]:
        """One transaction that no other writer shares, and the last sequence number in it."""
        with self._connected() as connection:
            if not self._laid(connection):
                with connection.transaction():
                    connection.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (self._table,))
                    connection.execute(_SCHEMA.format(table=self._table))
            with connection.transaction():
                connection.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (self._table,))
                found = connection.execute(f"SELECT coalesce(max(sequence), 0) FROM {self._table}").fetchone()  # noqa: S608
                yield connection, int(found[0])

    def _laid(self, connection: Any) -> bool:
        return bool(connection.execute("SELECT to_regclass(%s) IS NOT NULL", (self._table,)).fetchone()[0])

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        import psycopg

        try:
            with psycopg.connect(
                self._address, connect_timeout=_WAIT_S, autocommit=True,
                options=f"-c lock_timeout={_WAIT_S}s -c synchronous_commit=on -c client_min_messages=error",
            ) as connection:  # fmt: skip
                yield connection
        except psycopg.errors.UniqueViolation as error:  # the last guard, should the lock ever not hold
            raise lost_race("journal", 0, 0) from error
        except psycopg.Error as error:
            full = isinstance(error, psycopg.errors.DiskFull)
            said = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise AdapterError(
                f"The journal in {self._shown} could not be used: {said}.",
                code="disk.full" if full else "journal.unusable",
                hint="look at the database server and the rights of its user; what serves goes on serving",
                subject="journal",
                retryable=isinstance(error, psycopg.OperationalError),
            ) from error


PLUGIN = PostgresqlJournal

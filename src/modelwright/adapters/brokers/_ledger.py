"""What a group has done, in a database: answers, ids and positions change together or not at all."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from modelwright.adapters.brokers._urls import Place, trouble
from modelwright.records.ports import Effects, Message

_Result = TypeVar("_Result")
_AT_ONCE = 500  # parameters of one statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How one database writes the few words in which they differ."""

    mark: str  # a parameter
    number: str  # a primary key that counts by itself
    blob: str
    begin: str
    failures: tuple[type[BaseException], ...]


def create(dialect: Dialect, table: str) -> tuple[str, ...]:
    """Statements that make the tables of a queue where they are not there yet. `table` is a checked name."""
    queue = "key TEXT NOT NULL UNIQUE, body {blob} NOT NULL, headers TEXT NOT NULL, at DOUBLE PRECISION NOT NULL"
    inbox = "grp TEXT NOT NULL, id TEXT NOT NULL, at DOUBLE PRECISION NOT NULL, PRIMARY KEY (grp, id)"
    positions = (
        "grp TEXT NOT NULL, source TEXT NOT NULL, part TEXT NOT NULL, position BIGINT NOT NULL, "
        "PRIMARY KEY (grp, source, part)"
    )
    outbox = "grp TEXT NOT NULL, dead INTEGER NOT NULL, key TEXT NOT NULL, body {blob} NOT NULL, headers TEXT NOT NULL"
    number, blob = dialect.number, dialect.blob
    return (
        f"CREATE TABLE IF NOT EXISTS {table} (position {number}, {queue.format(blob=blob)})",
        f"CREATE TABLE IF NOT EXISTS {table}_inbox ({inbox})",
        f"CREATE TABLE IF NOT EXISTS {table}_positions ({positions})",
        f"CREATE TABLE IF NOT EXISTS {table}_outbox (position {number}, {outbox.format(blob=blob)})",
    )


def insert_messages(dialect: Dialect, table: str) -> str:
    """A key that is there already adds nothing."""
    return (
        f"INSERT INTO {table} (key, body, headers, at) VALUES ({', '.join([dialect.mark] * 4)}) "  # noqa: S608
        "ON CONFLICT (key) DO NOTHING"
    )


def row_of(message: Message, at: float) -> tuple[Any, ...]:
    import secrets

    return (message.key or secrets.token_hex(16), message.body, json.dumps(message.headers), at)


class SqlLedger:
    """One connection, one group. `keeps`: answers are stored in the table itself."""

    def __init__(
        self, place: Place, connection: Any, dialect: Dialect, table: str, group: str, source: str, *, keeps: bool
    ) -> None:
        self._place, self._connection, self._dialect, self._keeps = place, connection, dialect, keeps
        self._table, self._group, self._source = table, group, source
        self._within("creating tables", lambda run: [run(statement) for statement in create(dialect, table)])

    def _within(self, doing: str, work: Callable[[Callable[..., Any]], _Result]) -> _Result:
        """One transaction, undone when anything fails."""
        cursor = None
        try:
            cursor = self._connection.cursor()
            cursor.execute(self._dialect.begin)
            found = work(cursor.execute)
            cursor.execute("COMMIT")
        except self._dialect.failures as error:
            with contextlib.suppress(*self._dialect.failures):
                if cursor is not None:
                    cursor.execute("ROLLBACK")
            raise trouble(self._place, doing, error) from error
        return found

    def known(self, ids: Sequence[str]) -> set[str]:
        def look(run: Callable[..., Any]) -> set[str]:
            found: set[str] = set()
            for start in range(0, len(ids), _AT_ONCE):
                part = ids[start : start + _AT_ONCE]
                marks = ", ".join([self._dialect.mark] * len(part))
                statement = f"SELECT id FROM {self._table}_inbox WHERE grp = {self._dialect.mark} AND id IN ({marks})"  # noqa: S608
                found |= {row[0] for row in run(statement, (self._group, *part)).fetchall()}
            return found

        return self._within("looking for events", look) if ids else set()

    def positions(self) -> dict[str, int]:
        statement = (
            f"SELECT part, position FROM {self._table}_positions "  # noqa: S608
            f"WHERE grp = {self._dialect.mark} AND source = {self._dialect.mark}"
        )
        rows = self._within("reading positions", lambda run: run(statement, (self._group, self._source)).fetchall())
        return {part: int(position) for part, position in rows}

    def record(self, effects: Effects) -> None:
        mark, table, now = self._dialect.mark, self._table, time.time()
        outgoing = [(1, each) for each in effects.dead]
        if not self._keeps:
            outgoing = [(0, each) for each in effects.answers] + outgoing

        def write(_run: Callable[..., Any]) -> None:
            cursor = self._connection.cursor()
            if self._keeps and effects.answers:
                rows = [row_of(each, now) for each in effects.answers]
                cursor.executemany(insert_messages(self._dialect, table), rows)
            if outgoing:
                cursor.executemany(
                    f"INSERT INTO {table}_outbox (grp, dead, key, body, headers) VALUES ({', '.join([mark] * 5)})",  # noqa: S608
                    [(self._group, dead, each.key, each.body, json.dumps(each.headers)) for dead, each in outgoing],
                )
            if effects.seen:
                cursor.executemany(
                    f"INSERT INTO {table}_inbox (grp, id, at) VALUES ({mark}, {mark}, {mark}) ON CONFLICT DO NOTHING",  # noqa: S608
                    [(self._group, each, now) for each in effects.seen],
                )
            if effects.positions:
                cursor.executemany(
                    f"INSERT INTO {table}_positions (grp, source, part, position) "  # noqa: S608
                    f"VALUES ({', '.join([mark] * 4)}) "
                    "ON CONFLICT (grp, source, part) DO UPDATE SET position = excluded.position",
                    [(self._group, self._source, part, at) for part, at in effects.positions.items()],
                )

        self._within("writing answers", write)

    def outbox(self, most: int) -> Sequence[tuple[int, bool, Message]]:
        mark = self._dialect.mark
        statement = (
            f"SELECT position, dead, key, body, headers FROM {self._table}_outbox "  # noqa: S608
            f"WHERE grp = {mark} ORDER BY position LIMIT {mark}"
        )
        rows = self._within("reading the outbox", lambda run: run(statement, (self._group, most)).fetchall())
        return [
            (number, bool(dead), Message(key=key, body=bytes(body), headers=json.loads(headers)))
            for number, dead, key, body, headers in rows
        ]

    def sent(self, numbers: Sequence[int]) -> None:
        statement = f"DELETE FROM {self._table}_outbox WHERE position = {self._dialect.mark}"  # noqa: S608
        rows = [(number,) for number in numbers]
        self._within("emptying the outbox", lambda _run: self._connection.cursor().executemany(statement, rows))

    def forget(self, before_s: float) -> int:
        mark = self._dialect.mark
        statement = f"DELETE FROM {self._table}_inbox WHERE grp = {mark} AND at < {mark}"  # noqa: S608
        return int(self._within("forgetting", lambda run: run(statement, (self._group, before_s)).rowcount))

    def close(self) -> None:
        with contextlib.suppress(*self._dialect.failures):
            self._connection.close()


def send(place: Place, connection: Any, dialect: Dialect, table: str, messages: Iterable[Message]) -> None:
    """Append to a table as to a queue, in one transaction."""
    now = time.time()
    rows = [row_of(each, now) for each in messages]
    cursor = connection.cursor()
    try:
        cursor.execute(dialect.begin)
        cursor.executemany(insert_messages(dialect, table), rows)
        cursor.execute("COMMIT")
    except dialect.failures as error:
        with contextlib.suppress(*dialect.failures):
            cursor.execute("ROLLBACK")
        raise trouble(place, "writing", error) from error

"""SQLite as queue and sink: sqlite:///queue.sqlite#name (four slashes for an absolute path); no server needed."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from modelwright.adapters.brokers._ledger import Dialect, SqlLedger, create, send
from modelwright.adapters.brokers._urls import Place, named, parse, trouble, wrong
from modelwright.records.ports import Broker, Inlet, Ledger, Message, Outlet

_Result = TypeVar("_Result")
_DIALECT = Dialect(
    mark="?",
    number="INTEGER PRIMARY KEY AUTOINCREMENT",
    blob="BLOB",
    begin="BEGIN IMMEDIATE",
    failures=(sqlite3.Error,),
)
#: a consumer on another machine that does not finish within this time is taken for dead
_LEASE_S = 300.0
_POLL_S = 0.05


class _Sqlite:
    schemes = ("sqlite",)

    def inlet(self, url: str, group: str, start: Mapping[str, int]) -> Inlet:
        return _Inlet(_place(url), group)

    def outlet(self, url: str) -> Outlet:
        return _Outlet(_place(url))

    def ledger(self, url: str, group: str, source: str, *, keeps: bool) -> Ledger:
        place = _place(url)
        return SqlLedger(place, _connect(place), _DIALECT, named(place), group, source, keeps=keeps)


def _place(url: str) -> Place:
    place = parse(url)
    if place.host or not place.raw_path.strip("/"):
        raise wrong(
            "An SQLite address is a path.",
            "write sqlite:///relative.sqlite#queue or sqlite:////absolute/path.sqlite#queue",
            place.shown,
        )
    return place


def _connect(place: Place) -> sqlite3.Connection:
    """Rollback-journal mode: SQLite before 3.51.3 can corrupt a write-ahead log that two connections reset at once."""
    path = Path(place.raw_path[1:])
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.touch(mode=0o600)
        connection = sqlite3.connect(path, timeout=30.0, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA synchronous = FULL")
    except (sqlite3.Error, OSError) as error:
        raise trouble(place, "opening", error, retryable=False) from error
    return connection


class _Inlet:
    """Everything taken is written down with its owner, so that what a dead process took comes again at once."""

    def __init__(self, place: Place, group: str) -> None:
        self._place, self._table, self._group = place, named(place), group
        self._connection = _connect(place)
        self._owner = _identity()
        table = self._table
        self._within(
            "creating tables",
            lambda run: [
                *(run(statement) for statement in create(_DIALECT, table)),
                run(f"CREATE TABLE IF NOT EXISTS {table}_groups (grp TEXT PRIMARY KEY, upto INTEGER NOT NULL)"),
                run(
                    f"CREATE TABLE IF NOT EXISTS {table}_pending (grp TEXT NOT NULL, position INTEGER NOT NULL, "
                    "attempts INTEGER NOT NULL, due REAL NOT NULL, owner TEXT NOT NULL, PRIMARY KEY (grp, position))"
                ),
                run(f"INSERT OR IGNORE INTO {table}_groups VALUES (?, 0)", (group,)),  # noqa: S608
            ],
        )

    def _within(self, doing: str, work: Callable[[Callable[..., Any]], _Result]) -> _Result:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            found = work(self._connection.execute)
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
            raise trouble(self._place, doing, error) from error
        return found

    def take(self, most: int, wait_s: float) -> Sequence[Message]:
        until = time.monotonic() + wait_s
        while True:
            if self._something():
                found = self._within("reading", lambda run: self._claim(run, most))
                if found:
                    return found
            left = until - time.monotonic()
            if left <= 0:
                return []
            time.sleep(min(_POLL_S, left))

    def _something(self) -> bool:
        """A look without a lock, so that waiting disturbs no writer."""
        statement = (
            f"SELECT EXISTS(SELECT 1 FROM {self._table}_pending WHERE grp = ?1) OR "  # noqa: S608
            f"(SELECT coalesce(max(position), 0) FROM {self._table}) > "
            f"(SELECT upto FROM {self._table}_groups WHERE grp = ?1)"
        )
        try:
            return bool(self._connection.execute(statement, (self._group,)).fetchone()[0])
        except sqlite3.Error as error:
            raise trouble(self._place, "reading", error) from error

    def _claim(self, run: Callable[..., Any], most: int) -> list[Message]:
        table, group, now = self._table, self._group, time.time()
        owners = run(f"SELECT DISTINCT owner FROM {table}_pending WHERE grp = ?", (group,)).fetchall()  # noqa: S608
        for (owner,) in owners:
            if owner and owner != self._owner and _dead(owner):
                run(f"UPDATE {table}_pending SET owner = '', due = 0 WHERE grp = ? AND owner = ?", (group, owner))  # noqa: S608
        rows = run(
            f"SELECT q.position, key, body, headers, attempts + 1 FROM {table}_pending p "  # noqa: S608
            f"JOIN {table} q ON q.position = p.position WHERE grp = ? AND due <= ? ORDER BY q.position LIMIT ?",
            (group, now, most),
        ).fetchall()
        if len(rows) < most:
            upto = run(f"SELECT upto FROM {table}_groups WHERE grp = ?", (group,)).fetchone()[0]  # noqa: S608
            fresh = run(
                f"SELECT position, key, body, headers, 1 FROM {table} WHERE position > ? ORDER BY position LIMIT ?",  # noqa: S608
                (upto, most - len(rows)),
            ).fetchall()
            if fresh:
                run(f"UPDATE {table}_groups SET upto = ? WHERE grp = ?", (fresh[-1][0], group))  # noqa: S608
            rows += fresh
        for position, *_, attempts in rows:
            run(
                f"INSERT OR REPLACE INTO {table}_pending VALUES (?, ?, ?, ?, ?)",  # noqa: S608
                (group, position, attempts, now + _LEASE_S, self._owner),
            )
        return [self._message(row) for row in rows]

    def _message(self, row: tuple[Any, ...]) -> Message:
        position, key, body, headers, attempts = row
        return Message(
            key=key,
            body=bytes(body),
            partition=self._table,
            position=position,
            headers=json.loads(headers),
            attempts=attempts,
            handle=position,
        )

    def done(self, messages: Iterable[Message]) -> None:
        rows = [(self._group, message.handle) for message in messages]
        statement = f"DELETE FROM {self._table}_pending WHERE grp = ? AND position = ?"  # noqa: S608
        self._within("acknowledging", lambda _run: self._connection.executemany(statement, rows))

    def again(self, message: Message, delay_s: float) -> None:
        statement = f"UPDATE {self._table}_pending SET due = ?, owner = '' WHERE grp = ? AND position = ?"  # noqa: S608
        self._within("giving back", lambda run: run(statement, (time.time() + delay_s, self._group, message.handle)))

    def lag(self) -> int | None:
        table = self._table
        statement = (
            f"SELECT (SELECT count(*) FROM {table} WHERE position > "  # noqa: S608
            f"(SELECT upto FROM {table}_groups WHERE grp = ?1)) + (SELECT count(*) FROM {table}_pending WHERE grp = ?1)"
        )
        return int(self._within("counting", lambda run: run(statement, (self._group,)).fetchone()[0]))

    def close(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            self._connection.execute(
                f"UPDATE {self._table}_pending SET owner = '', due = min(due, ?) WHERE grp = ? AND owner = ?",  # noqa: S608
                (time.time(), self._group, self._owner),
            )
            self._connection.close()


def _identity() -> str:
    import psutil

    return f"{socket.gethostname()}:{os.getpid()}:{psutil.Process().create_time():.2f}"


def _dead(owner: str) -> bool:
    """A process of this machine that is gone. Of others nothing is known: their lease runs out."""
    import psutil

    host, pid, begun = owner.rsplit(":", 2)
    if host != socket.gethostname():
        return False
    try:
        process = psutil.Process(int(pid))
        return f"{process.create_time():.2f}" != begun or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


class _Outlet:
    def __init__(self, place: Place) -> None:
        self._place, self._table = place, named(place)
        self._connection = _connect(place)
        try:
            for statement in create(_DIALECT, self._table):
                self._connection.execute(statement)
        except sqlite3.Error as error:
            self.close()
            raise trouble(place, "creating tables", error) from error

    def send(self, messages: Sequence[Message]) -> None:
        send(self._place, self._connection, _DIALECT, self._table, messages)

    def close(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()


PLUGIN: Broker = _Sqlite()

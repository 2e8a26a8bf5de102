"""The manifest of the prediction log: which sealed files there are, and which segments they hold. One writer.

SQLite with a rollback journal, in the log's folder; a change is one transaction on the disk. Paths are relative to
the folder, so that it can be copied.
"""

from __future__ import annotations

import contextlib
import fcntl
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import msgspec

from modelwright.core.errors import StateError
from modelwright.records.prediction import Schema, encode

FORMAT = 1
NAME = "manifest.sqlite"
PREDICTIONS, LABELS = "predictions", "labels"
LIVE, REPLACED = "live", "replaced"
_WAIT_S = 30.0

_TABLES = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS files (
    path TEXT PRIMARY KEY, sha256 TEXT NOT NULL, bytes INTEGER NOT NULL, kind TEXT NOT NULL, schema TEXT NOT NULL,
    model TEXT NOT NULL, version INTEGER NOT NULL, rows INTEGER NOT NULL, min_us INTEGER NOT NULL,
    max_us INTEGER NOT NULL, state TEXT NOT NULL, changed_us INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS segments (
    id TEXT PRIMARY KEY, sealed_us INTEGER NOT NULL, records INTEGER NOT NULL, rows INTEGER NOT NULL,
    torn_bytes INTEGER NOT NULL, damage TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS schemas (number TEXT PRIMARY KEY, content BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS erasures (subject TEXT PRIMARY KEY, until_us INTEGER NOT NULL);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedFile:
    path: str
    sha256: str
    bytes: int
    kind: str  # predictions or labels
    schema: str  # of predictions: the schema's number in hexadecimal
    model: str
    version: int
    rows: int
    min_us: int  # earliest and latest time of a row: of a prediction, or of a label's arrival
    max_us: int
    state: str = LIVE
    changed_us: int = 0  # when it got into this state


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedSegment:
    id: str
    sealed_us: int
    records: int
    rows: int
    torn_bytes: int
    damage: str  # what of it could not be read; empty where it was whole


_FILE_FIELDS = ", ".join(field.name for field in fields(SealedFile))
_SEGMENT_FIELDS = ", ".join(field.name for field in fields(SealedSegment))


class Manifest:
    """Reading is free for all; whoever writes holds `only_writer`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / NAME

    # ------------------------------------------------------------ reading

    def files(self, *, kind: str | None = None, state: str = LIVE) -> list[SealedFile]:
        """By time."""
        found = self._rows(f"SELECT {_FILE_FIELDS} FROM files WHERE state = ? ORDER BY min_us, path", (state,))  # noqa: S608
        names = [field.name for field in fields(SealedFile)]
        files = [SealedFile(**dict(zip(names, row, strict=True))) for row in found]
        return files if kind is None else [file for file in files if file.kind == kind]

    def segments(self) -> dict[str, SealedSegment]:
        found = self._rows(f"SELECT {_SEGMENT_FIELDS} FROM segments ORDER BY sealed_us, id")  # noqa: S608
        names = [field.name for field in fields(SealedSegment)]
        return {str(row[0]): SealedSegment(**dict(zip(names, row, strict=True))) for row in found}

    def erasures(self) -> dict[str, int]:
        """Until when the rows of a person (by hash) are to be gone."""
        return {str(subject): int(until) for subject, until in self._rows("SELECT subject, until_us FROM erasures")}

    def schema(self, number: str) -> Schema:
        found = self._rows("SELECT content FROM schemas WHERE number = ?", (number,))
        return msgspec.msgpack.decode(found[0][0], type=Schema)

    def _rows(self, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        if not self._path.is_file():
            return []
        uri = f"{self._path.absolute().as_uri()}?mode=ro"
        with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=_WAIT_S)) as connection:
            try:
                return connection.execute(query, tuple(values)).fetchall()
            except sqlite3.OperationalError as error:
                if "no such table" in str(error):  # a kill between the file and its tables
                    return []
                raise self._damaged(error) from error
            except sqlite3.DatabaseError as error:
                raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> StateError:
        return StateError(
            f"The manifest of the prediction log in {self._folder} cannot be read: {error}.",
            code="log.manifest",
            hint="restore it with the log's folder from a copy; the Parquet files beside it are whole",
            subject="log:predictions",
        )

    # ------------------------------------------------------------ writing

    @contextlib.contextmanager
    def only_writer(self, wait_s: float = _WAIT_S) -> Iterator[None]:
        """Hold the log for sealing, compacting or erasing; dies with the process. Raises StateError (`log.busy`)."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self._folder / "lock").open("a+") as handle:
            give_up_s = time.monotonic() + wait_s
            while not _locked(handle.fileno()):
                if time.monotonic() >= give_up_s:
                    raise StateError(
                        f"Another process is sealing the prediction log in {self._folder}.",
                        code="log.busy",
                        hint="try again in a moment",
                        subject="log:predictions",
                        retryable=True,
                    )
                time.sleep(0.02)
            yield

    @contextlib.contextmanager
    def change(self) -> Iterator[Change]:
        """One transaction: all of it is on the disk afterwards, or nothing."""
        with contextlib.closing(sqlite3.connect(self._path, timeout=_WAIT_S, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode = DELETE")
            connection.execute("PRAGMA synchronous = EXTRA")
            connection.execute("BEGIN IMMEDIATE")
            for statement in _TABLES.split(";"):
                connection.execute(statement)
            connection.execute("INSERT OR IGNORE INTO facts VALUES ('format', ?)", (str(FORMAT),))
            try:
                yield Change(connection)
                connection.execute("COMMIT")
            except BaseException:
                connection.execute("ROLLBACK")
                raise


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class Change:
    """What can be done to a manifest in one transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def add_file(self, file: SealedFile) -> None:
        values = tuple(getattr(file, field.name) for field in fields(SealedFile))
        self._connection.execute(f"INSERT INTO files ({_FILE_FIELDS}) VALUES ({_marks(values)})", values)  # noqa: S608

    def add_segment(self, segment: SealedSegment) -> None:
        values = tuple(getattr(segment, field.name) for field in fields(SealedSegment))
        self._connection.execute(f"INSERT INTO segments ({_SEGMENT_FIELDS}) VALUES ({_marks(values)})", values)  # noqa: S608

    def add_schema(self, schema: Schema) -> None:
        self._connection.execute(
            "INSERT OR IGNORE INTO schemas VALUES (?, ?)", (f"{schema.number:016x}", encode(schema))
        )

    def replace(self, paths: Iterable[str], now_us: int) -> None:
        """These files are read no more; they stay for whoever is reading them now."""
        self._connection.executemany(
            "UPDATE files SET state = ?, changed_us = ? WHERE path = ?", [(REPLACED, now_us, path) for path in paths]
        )

    def forget_files(self, paths: Iterable[str]) -> None:
        self._connection.executemany("DELETE FROM files WHERE path = ?", [(path,) for path in paths])

    def forget_segments(self, ids: Iterable[str]) -> None:
        self._connection.executemany("DELETE FROM segments WHERE id = ?", [(one,) for one in ids])

    def erase(self, subjects: Iterable[str], until_us: int) -> None:
        self._connection.executemany(
            "INSERT INTO erasures VALUES (?, ?) ON CONFLICT (subject) DO UPDATE SET until_us = excluded.until_us",
            [(subject, until_us) for subject in subjects],
        )


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))

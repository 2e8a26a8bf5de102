"""SQLite files copied while others write, checked, and put back without anything that belonged to an older file."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path
from typing import Any

from modelwright.core.errors import AdapterError
from modelwright.records.segments import sync_folder

#: files that belong to one state of a database and never to a copy of it
SIDES = ("-wal", "-shm", "-journal")
_WAIT_S = 10.0


def copy_online(source: Path, target: Path) -> None:
    """A consistent copy by SQLite's own backup, whole and checked. Raises AdapterError (`database.unusable`)."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with (
            contextlib.closing(_opened(source)) as ours,
            contextlib.closing(sqlite3.connect(target, timeout=_WAIT_S)) as copy,
        ):
            ours.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error as error:
        target.unlink(missing_ok=True)
        raise AdapterError(
            f"The database {source.name} could not be copied: {error}.",
            code="database.unusable",
            hint="`modelwright doctor` looks at the disk; a locked database is free again in a moment",
            subject=f"file:{source.name}",
            retryable="locked" in str(error),
        ) from error
    wrong = problem(target)
    if wrong:
        raise AdapterError(
            f"The database {source.name} is damaged: {wrong}.",
            code="database.damaged",
            hint="go back to a snapshot or a backup that holds it",
            subject=f"file:{source.name}",
        )


def copy_journal(root: Path, target: Path) -> None:
    """A workspace's journal as one SQLite file, wherever it is kept. Raises AdapterError."""
    from modelwright.lifecycle.workspace import journal_url, open_journal

    url = journal_url(root)
    if not url:
        copy_online(root / "journal.sqlite", target)
        return
    copy: Any = open_journal(target)
    copy.adopt(open_journal(url).read())


def _opened(path: Path) -> sqlite3.Connection:
    """For reading and recovering: what a killed writer left half done is taken back first. Nothing is created."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=_WAIT_S)


def problem(path: Path) -> str:
    """What SQLite's integrity check says is wrong; empty where it is whole."""
    try:
        with contextlib.closing(_opened(path)) as one:
            found = [str(row[0]) for row in one.execute("PRAGMA integrity_check(5)")]
    except sqlite3.Error as error:
        return str(error)
    return "" if found == ["ok"] else "; ".join(found)[:300]


def repair(journal: Path, snapshot: Path, aside: Path) -> tuple[int, int]:
    """Rebuild a damaged journal: the snapshot's events, then every later one that can still be read.

    The damaged file is moved to `aside`, with what belonged to it. Returns the last event of the snapshot and of the
    rebuilt journal. Raises AdapterError (`disk.full`) with nothing changed.
    """
    fresh = journal.with_name(f".{journal.name}.rebuilt")
    for old in (fresh, *(fresh.with_name(fresh.name + side) for side in SIDES)):
        old.unlink(missing_ok=True)
    copy_online(snapshot, fresh)
    with contextlib.closing(sqlite3.connect(fresh, isolation_level=None)) as target:
        target.execute("PRAGMA synchronous = FULL")
        first = int(target.execute("SELECT coalesce(max(sequence), 0) FROM events").fetchone()[0])
        last = first
        for row in _readable(journal, first):
            if row[0] != last + 1:
                break  # a hole: what follows cannot be trusted to be all
            target.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)", row)
            last = int(row[0])
    aside.unlink(missing_ok=True)
    if journal.exists():
        os.link(journal, aside)  # a second name: there is never a moment without a journal
    for side in SIDES:
        stale = journal.with_name(journal.name + side)
        if stale.exists():
            stale.replace(aside.with_name(aside.name + side))
    fresh.replace(journal)
    sync_folder(journal.parent)
    return first, last


def _readable(journal: Path, after: int) -> list[tuple[object, ...]]:
    """Events one by one, as far as they can be read."""
    found: list[tuple[object, ...]] = []
    if not journal.exists():
        return found
    with (
        contextlib.suppress(sqlite3.Error),
        contextlib.closing(
            sqlite3.connect(f"{journal.absolute().as_uri()}?mode=ro", uri=True, timeout=_WAIT_S)
        ) as damaged,
    ):
        for row in damaged.execute("SELECT * FROM events WHERE sequence > ? ORDER BY sequence", (after,)):
            found.append(tuple(row))  # noqa: PERF401 - what came before the damage is kept
    return found

"""One at a time: leases with fencing tokens, in a table of the workspace.

A lease ends when its holder is silent for `ttl_s`, or at once when its holder's process is gone from this machine.
Durations are read from the monotonic clock, which all processes of one boot share, so that a wall clock that jumps
neither ends nor prolongs a lease; only a holder of another boot is judged by the wall clock. A token is never given
twice: whoever writes on behalf of a lease says its token, and the journal refuses one that is no longer the newest.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from modelwright.core.clock import Clock, SystemClock
from modelwright.core.errors import AdapterError, StateError

_SCHEMA = """CREATE TABLE IF NOT EXISTS leases (
    name TEXT PRIMARY KEY, token INTEGER NOT NULL, holder TEXT NOT NULL, boot TEXT NOT NULL,
    pid INTEGER NOT NULL, born TEXT NOT NULL, until_s REAL NOT NULL, until_at REAL NOT NULL
) STRICT"""
_BUSY_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Lease:
    name: str
    token: int
    ttl_s: float


@dataclass(slots=True)
class Leases:
    """The table of one workspace. `alive` says whether a process of this boot is there, told apart by its start."""

    path: Path
    clock: Clock = field(default_factory=SystemClock)
    boot: str = field(default_factory=lambda: boot_id())
    alive: Callable[[int, str], bool] = field(default=lambda pid, born: process_start(pid) == born)

    def acquire(self, name: str, ttl_s: float) -> Lease:
        """Raises StateError (`lease.held`, retryable) naming the holder; AdapterError where the table is unusable."""
        with self._changing() as connection:
            row = connection.execute("SELECT token, holder, boot, pid, born, until_s, until_at FROM leases "
                                     "WHERE name = ?", (name,)).fetchone()  # fmt: skip
            if row is not None and self._holds(*row[2:]):
                raise StateError(
                    f"'{name}' is in the hands of {row[1]}.",
                    code="lease.held",
                    hint="wait for it, or stop it: its lease ends with its process",
                    subject=f"lease:{name}",
                    retryable=True,
                )
            token = 1 if row is None else row[0] + 1
            connection.execute("INSERT OR REPLACE INTO leases VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                               (name, token, *self._me(), *self._until(ttl_s)))  # fmt: skip
        return Lease(name, token, ttl_s)

    def renew(self, lease: Lease) -> None:
        """Raises StateError (`lease.lost`) when somebody else has it by now."""
        with self._changing() as connection:
            changed = connection.execute(
                "UPDATE leases SET until_s = ?, until_at = ? WHERE name = ? AND token = ?",
                (*self._until(lease.ttl_s), lease.name, lease.token),
            ).rowcount
        if not changed:
            raise lost(lease.name)

    def release(self, lease: Lease) -> None:
        """Let go; the token stays used. Does nothing where somebody else has it by now."""
        with self._changing() as connection:
            connection.execute(
                "UPDATE leases SET until_s = 0, until_at = 0 WHERE name = ? AND token = ?", (lease.name, lease.token)
            )

    def holder(self, name: str) -> str | None:
        """Who holds it now."""
        if not self.path.exists():
            return None
        with self._changing() as connection:
            row = connection.execute(
                "SELECT holder, boot, pid, born, until_s, until_at FROM leases WHERE name = ?", (name,)
            ).fetchone()
        return row[0] if row is not None and self._holds(*row[1:]) else None

    @contextlib.contextmanager
    def held(self, name: str, ttl_s: float) -> Iterator[Lease]:
        """Hold a lease and renew it from a thread of its own until the block ends."""
        lease, over = self.acquire(name, ttl_s), threading.Event()
        thread = threading.Thread(target=self._beat, args=(lease, over), name=f"lease {name}", daemon=True)
        thread.start()
        try:
            yield lease
        finally:
            over.set()
            thread.join()
            with contextlib.suppress(AdapterError):  # it ends by itself, and an error above matters more
                self.release(lease)

    def _beat(self, lease: Lease, over: threading.Event) -> None:
        while not over.wait(lease.ttl_s / 3):
            try:
                self.renew(lease)
            except StateError:
                return  # the next commit is refused by its token
            except AdapterError:
                continue  # locked or full: tried again, and the token guards

    def _holds(self, boot: str, pid: int, born: str, until_s: float, until_at: float) -> bool:
        if boot == self.boot:
            return self.clock.monotonic_s() < until_s and self.alive(pid, born)
        return self.clock.now().timestamp() < until_at

    def _me(self) -> tuple[str, str, int, str]:
        pid = os.getpid()
        return f"process {pid}", self.boot, pid, process_start(pid)

    def _until(self, ttl_s: float) -> tuple[float, float]:
        return self.clock.monotonic_s() + ttl_s, self.clock.now().timestamp() + ttl_s

    @contextlib.contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path, timeout=_BUSY_TIMEOUT_S, isolation_level=None)) as connection:
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute(_SCHEMA)
                connection.execute("BEGIN IMMEDIATE")
                with connection:
                    yield connection
        except (sqlite3.Error, OSError) as error:
            full = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
            raise AdapterError(
                f"The leases in {self.path.name} could not be used: {error}.",
                code="disk.full" if full else "lease.unusable",
                hint="check free disk space and permissions; what serves goes on serving",
                subject=f"file:{self.path.name}",
                retryable=True,
            ) from error


def lost(name: str) -> StateError:
    return StateError(
        f"The lease on '{name}' went to somebody else.",
        code="lease.lost",
        hint="nothing of this attempt counts any more; the new holder goes on from the last finished stage",
        subject=f"lease:{name}",
    )


def boot_id() -> str:
    """What tells this boot of this machine from any other."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return os.uname().nodename if hasattr(os, "uname") else "this machine"


def process_start(pid: int) -> str:
    """When a process began, in ticks since the boot: a pid that was given again is another process. Empty: gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return "" if Path("/proc/self").exists() else "unknown"  # without /proc only time ends a lease
    return "" if fields[0] in "ZX" else fields[19]

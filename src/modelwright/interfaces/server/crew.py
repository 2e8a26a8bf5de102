"""The processes that answer: forked, watched, replaced when they die, hang or grow, and drained at the end."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from modelwright.interfaces.server.link import Link
from modelwright.serving.counters import DRAINING, GONE, READY, Board, Counters

if TYPE_CHECKING:
    from modelwright.interfaces.server.worker import Post

_PAGE = os.sysconf("SC_PAGE_SIZE")
#: a process that dies this soon has not really lived
_QUICK_S = 10.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S, _MOST_QUICK = 0.1, 5.0, 6
_START_S = 120.0  # until it must be ready
#: a worker that is too large from the start is not replaced again and again
_WEIGH_EVERY_S = 30.0
DRAIN_S = 24.0  # until a drained process must be gone


@dataclass(slots=True, kw_only=True, eq=False)
class Child:
    slot: int
    pid: int
    link: Link
    started: float
    why: str = ""  # in place of which it was started
    drains_until: float = 0.0
    reason: str = ""  # what it said before it died
    killed_for: str = ""

    def heard(self) -> list[dict[str, Any]]:
        """What it has said since the last time; why it could not live is kept."""
        lines = list(self.link.lines())
        for line in lines:
            if line.get("said") == "failed":
                self.reason = str(line.get("message", ""))
        return lines


@dataclass(slots=True, kw_only=True, eq=False)
class Station:
    """A place for one process, with a socket that stays. It has two slots on the board, so that the next process can
    start before the last one is gone."""

    number: int
    door: str
    sock: socket.socket | None
    slots: tuple[int, int]
    current: Child | None = None
    leaving: list[Child] = field(default_factory=list)
    quick_deaths: int = 0
    next_start: float = 0.0
    next_weighing: float = 0.0
    last_reason: str = ""


class Crew:
    def __init__(
        self,
        stations: list[Station],
        board: Board,
        post: Callable[[Station, int, Link], Post],
        *,
        hang_s: float,
        memory_bytes: int,
        announce: Callable[[str], None],
        foreign: Callable[[], list[socket.socket]],
    ) -> None:
        self.stations, self.board, self._post = stations, board, post
        self._hang_s, self._memory_bytes, self._announce, self._foreign = hang_s, memory_bytes, announce, foreign
        self.counters = Counters(board, 0)
        self.draining = False
        self.broken = ""  # why there is no point in going on

    # ------------------------------------------------------------ starting

    def start(self, station: Station, why: str = "") -> Child:
        """Fork a process for a station. In the child this never returns."""
        busy = {child.slot for child in self._of(station)}
        slot = next(one for one in station.slots if one not in busy)
        self.board.clear_life(slot)
        ours, theirs = Link.pair()
        post = self._post(station, slot, theirs)
        if gc.isenabled():  # at the very start it is not, and there is next to nothing to find
            gc.collect()
        gc.freeze()  # what was loaded stays shared with the child: no collection touches it
        pid = os.fork()
        if pid == 0:
            self._become_child(station, ours, post)
        gc.unfreeze()
        theirs.close()
        station.current = Child(slot=slot, pid=pid, link=ours, started=time.monotonic(), why=why)
        if why:
            self.counters.count("worker_restarts", (why,))
        return station.current

    def _become_child(self, station: Station, ours: Link, post: Post) -> None:
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            ours.close()
            for other in self.stations:
                for child in self._of(other):
                    child.link.close()
                if other is not station and other.sock is not None:
                    other.sock.close()
            for sock in self._foreign():
                sock.close()
            from modelwright.interfaces.server.worker import run

            code = run(post)
        except BaseException:  # noqa: BLE001 - whatever it was, the supervisor sees a death and its reason on stderr
            sys.excepthook(*sys.exc_info())
        finally:
            with contextlib.suppress(Exception):
                self.board.set_state(post.slot, GONE)
                sys.stderr.flush()
            os._exit(code)

    # ------------------------------------------------------------ watching

    def children(self) -> Iterator[Child]:
        for station in self.stations:
            yield from self._of(station)

    def _of(self, station: Station) -> list[Child]:
        return [*([station.current] if station.current else []), *station.leaving]

    @property
    def ready(self) -> bool:
        return all(s.current is not None and self.board.state_of(s.current.slot) == READY for s in self.stations)

    def say(self, **line: Any) -> None:
        for child in self.children():
            child.link.say(**line)

    def tick(self, now: float) -> None:
        """Bury the dead, kill the hung, drain the fat, start what is missing."""
        for station in self.stations:
            self._bury(station, now)
            for child in self._of(station):
                self._judge(station, child, now)
            if station.current is None and not self.draining and not self.broken and now >= station.next_start:
                self.start(station, why="crashed" if not station.last_reason else station.last_reason)

    def _bury(self, station: Station, now: float) -> None:
        for child in self._of(station):
            code = _exit_code(child.pid)
            if code is None:
                continue
            child.heard()
            child.link.close()
            self.board.clear_life(child.slot)
            self.board.set_state(child.slot, GONE)
            if child is not station.current:
                station.leaving.remove(child)
                continue
            station.current = None
            if not self.draining:
                self._died(station, child, code, now)

    def _died(self, station: Station, child: Child, code: int, now: float) -> None:
        how = child.killed_for or child.reason or (f"ended with status {code}" if code >= 0 else _signal_name(-code))
        self._announce(f"worker {station.number} (process {child.pid}) is gone: {how}; another takes its place")
        station.last_reason = child.killed_for or "crashed"
        station.quick_deaths = station.quick_deaths + 1 if now - child.started < _QUICK_S else 0
        pause = 0.0
        if station.quick_deaths > 1:
            pause = min(_FIRST_PAUSE_S * 2.0 ** (station.quick_deaths - 2), _LONGEST_PAUSE_S)
        station.next_start = now + pause
        if station.quick_deaths >= _MOST_QUICK:
            self.broken = f"worker {station.number} died {station.quick_deaths} times in a row at once: {how}"

    def _judge(self, station: Station, child: Child, now: float) -> None:
        state = self.board.state_of(child.slot)
        silent = now - self.board.beat_of(child.slot)
        if child.drains_until:
            if now > child.drains_until:
                self._kill(child, "did not end in time")
        elif state == READY and silent > self._hang_s:
            self._kill(child, "hung")
        elif state not in (READY, DRAINING) and now - child.started > _START_S:
            self._kill(child, "never started")
        elif state == READY and station.current is child and now >= station.next_weighing and self._is_fat(child):
            station.next_weighing = now + _WEIGH_EVERY_S
            self._announce(f"worker {station.number} (process {child.pid}) has grown beyond its memory")
            self.replace(station, "memory")

    def _is_fat(self, child: Child) -> bool:
        return _resident(child.pid) > self._memory_bytes

    def _kill(self, child: Child, why: str) -> None:
        if not child.killed_for:
            child.killed_for = why
            with contextlib.suppress(OSError):
                os.kill(child.pid, signal.SIGKILL)

    # ------------------------------------------------------------ replacing and ending

    def replace(self, station: Station, why: str) -> None:
        """Start the next process of a station; the last one goes once the next one is ready (`retire`)."""
        old = station.current
        if old is None:
            return
        station.leaving.append(old)
        station.current = None
        self.start(station, why=why)

    def retire(self) -> bool:
        """Drain those whose successors are ready; whether any has still to go."""
        waiting = False
        for station in self.stations:
            for child in station.leaving:
                waiting = True
                new = station.current
                if not child.drains_until and new is not None and self.board.state_of(new.slot) == READY:
                    self.drain(child)
        return waiting

    def drain(self, child: Child) -> None:
        if not child.drains_until:
            child.drains_until = time.monotonic() + DRAIN_S
            if not child.link.say(do="drain"):
                self._kill(child, "took no order")

    def kill_all(self) -> None:
        for child in self.children():
            self._kill(child, "the end")


def _exit_code(pid: int) -> int | None:
    try:
        found, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return 1
    return os.waitstatus_to_exitcode(status) if found else None


def _signal_name(number: int) -> str:
    try:
        return f"killed by {signal.Signals(number).name}"
    except ValueError:
        return f"killed by signal {number}"


def _resident(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/statm", "rb") as facts:  # noqa: PTH123
            return int(facts.read().split()[1]) * _PAGE
    except (OSError, ValueError, IndexError):
        return 0

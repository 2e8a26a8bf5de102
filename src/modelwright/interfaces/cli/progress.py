"""Progress on standard error: a live table on a terminal, a few plain lines elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from modelwright.lifecycle.operation import Progress

_PLAIN_EVERY_S = 1.0
_LIVE_PER_S = 8


def sentence(event: Progress) -> str:
    """One line that says what runs, the best so far and the time left."""
    parts = [f"{event.step}: {event.message}" if event.message else event.step]
    if event.total:
        parts.append(f"{event.done or 0}/{event.total}")
    if event.best:
        parts.append(f"best {event.best}")
    if event.time_left_s is not None:
        parts.append(f"{duration(event.time_left_s)} left")
    return " · ".join(parts)


def duration(seconds: float) -> str:
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    return (
        f"{whole // 60} min {whole % 60:02d} s" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    )


@contextlib.contextmanager
def shown(*, live: bool, quiet: bool) -> Iterator[Callable[[Progress], None]]:
    """A callback for operations, drawn while the block lasts."""
    if quiet:
        yield lambda _event: None
    elif live:
        with _live() as callback:
            yield callback
    else:
        yield _Plain().show


class _Plain:
    """Lines: the first of each step, then at most one a second, and never the same twice."""

    def __init__(self) -> None:
        self._step, self._last, self._at = "", "", 0.0

    def show(self, event: Progress) -> None:
        now = time.monotonic()
        text = sentence(event)
        if text == self._last or (event.step == self._step and now - self._at < _PLAIN_EVERY_S):
            return
        self._step, self._last, self._at = event.step, text, now
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(text.replace("·", "-") + "\n")
            sys.stderr.flush()


class _Board:
    """What the live view draws: finished steps with their seconds, and the one at work."""

    def __init__(self) -> None:
        from rich.spinner import Spinner

        self._spinner = Spinner("dots")  # one for all frames, or it would never turn
        self.done: list[tuple[str, float]] = []
        self.current: Progress | None = None
        self._since = self._heard = time.monotonic()

    def show(self, event: Progress) -> None:
        if self.current is not None and self.current.step != event.step:
            now = time.monotonic()
            self.done.append((self.current.step, now - self._since))
            self._since = now
        self.current, self._heard = event, time.monotonic()

    def now(self) -> str:
        """The step at work; the time left runs down between two events as well."""
        if self.current is None:
            return ""
        left = self.current.time_left_s
        if left is not None:
            left = max(0.0, left - (time.monotonic() - self._heard))
        return sentence(replace(self.current, time_left_s=left))

    def __rich_console__(self, console: Any, options: Any) -> Iterator[Any]:
        from rich.text import Text

        for step, seconds in self.done[-12:]:
            yield Text(f"  ✓ {step}  {seconds:.1f} s", style="dim")
        if self.current is not None:
            line = Text(self.now())
            line.truncate(max(1, options.max_width - 2), overflow="ellipsis")  # a long one would break into two
            self._spinner.update(text=line)
            yield self._spinner


@contextlib.contextmanager
def _live() -> Iterator[Callable[[Progress], None]]:
    from rich.console import Console
    from rich.live import Live

    board = _Board()
    with Live(board, console=Console(stderr=True), refresh_per_second=_LIVE_PER_S, transient=True):
        yield board.show

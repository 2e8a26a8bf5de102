"""One process and all it starts: bounded in time, its memory measured from outside, ended whole. And busy loops."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_EVERY_S = 0.2
_PAGE = os.sysconf("SC_PAGE_SIZE")
#: a loop that ends by itself, so that none outlives a benchmark that was killed
_BUSY = """
import os, sys, time
end, parent = time.monotonic() + float(sys.argv[1]), os.getppid()
while time.monotonic() < end and os.getppid() == parent:
    sum(range(20_000))
"""


@dataclass(frozen=True)
class Ended:
    """How a process ended; `memory_bytes` is the peak of its tree: all private memory and the
    largest shared part.
    """

    code: int
    wall_s: float
    memory_bytes: int
    late: bool


def _children() -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, IndexError, ValueError):
                stat = (entry / "stat").read_text(encoding="utf-8", errors="replace")
                found.setdefault(int(stat.rsplit(")", 1)[1].split()[1]), []).append(int(entry.name))
    return found


def _tree(root: int) -> list[int]:
    children, found, left = _children(), [], [root]
    while left:
        found.append(left.pop())
        left += children.get(found[-1], [])
    return found


def _memory(root: int) -> int:
    private, shared = 0, 0
    for number in _tree(root):
        with contextlib.suppress(OSError, IndexError, ValueError):
            words = Path(f"/proc/{number}/statm").read_text(encoding="utf-8").split()
            private += (int(words[1]) - int(words[2])) * _PAGE
            shared = max(shared, int(words[2]) * _PAGE)
    return private + shared


def _end(process: subprocess.Popen[bytes]) -> None:
    """End what the process has started, by ids: some lead sessions of their own. First asked, then made to."""
    tree = _tree(process.pid)
    for how in (signal.SIGTERM, signal.SIGKILL):
        for number in tree if process.poll() is None else ():
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, how)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=10)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # the session that it led; it holds nothing else


def watched(command: list[str], log: Path, limit_s: float, folder: Path) -> Ended:
    """Run to the end or to the limit in `folder`, with all output in `log`."""
    environment = {name: value for name, value in os.environ.items() if name not in ("OMP_NUM_THREADS", "PYTHONPATH")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    peak, over, started = [0], threading.Event(), time.monotonic()
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=subprocess.STDOUT, cwd=folder, env=environment, start_new_session=True
        )

        def sample() -> None:
            while not over.wait(_EVERY_S):
                peak[0] = max(peak[0], _memory(process.pid))

        sampler = threading.Thread(target=sample, daemon=True)
        sampler.start()
        late = False
        try:
            code = process.wait(timeout=limit_s)
        except subprocess.TimeoutExpired:
            late, code = True, -1
        finally:
            wall_s = time.monotonic() - started
            over.set()
            sampler.join()
            _end(process)
    return Ended(code=code, wall_s=wall_s, memory_bytes=peak[0], late=late)


@contextlib.contextmanager
def busy(n: int, at_most_s: float) -> Iterator[None]:
    """`n` processes that only burn a core each, ended by their ids."""
    loops = [subprocess.Popen([sys.executable, "-c", _BUSY, str(at_most_s)]) for _ in range(n)]
    try:
        yield
    finally:
        for loop in loops:
            loop.terminate()
            loop.wait(timeout=10)

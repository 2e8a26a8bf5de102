"""Try an ensemble's scorers in a second process while this one judges the model on the sealed rows.

    python -P -m modelwright.lifecycle.stages.trying SPLIT TRAINED

Neither needs what the other finds, and once training is over a core is free. Single rows are timed afterwards, when
nothing else is at work. The process ends when its input ends, also in the middle of its work, so that it never
outlives its parent; where it dies, or is not worth its start, packaging tries the scorers itself.
"""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import msgspec

from modelwright.lifecycle.stages import learn, partition
from modelwright.training.capacity import cores

if TYPE_CHECKING:
    import polars as pl

    from modelwright.registry.gate import Gate
    from modelwright.registry.sandbox import WaitingProbe

#: rows of the development part that the parity gate and the reference statistics are made from
_SAMPLE_ROWS = 2_000
_TIMEOUT_S = 600.0
#: runnable processes for each core, over the last minute; our own workers are one for each
_CROWDED = 2.0


def sample_of(parts: partition.Partition) -> pl.DataFrame:
    """Validation rows, or where there are none the development rows; none of the test part."""
    validation = parts.frame.filter(parts.part == 1)
    return (validation if validation.height else parts.frame).head(_SAMPLE_ROWS)


class Trial:
    """The second process and a waiting probe beside it. A context manager: leaving kills both."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._probe: WaitingProbe | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.__exit__(kind, error, trace)
        if self._probe is not None:
            self._probe.__exit__(kind, error, trace)

    def begin(self, split: Path, trained: Path, learned: learn.Learned, workers: int | None) -> None:
        """Start, where it pays: a single model is tried in less time than a process starts in."""
        from modelwright.registry.sandbox import WaitingProbe

        hooks = [*learned.model.hooks, *(learned.fast.hooks if learned.fast else ())]
        if len(learned.model.members) == 1 or hooks or min(workers or cores(), cores()) < 2 or _crowded():
            return
        root = str(Path(__file__).parents[3])
        path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH", "")]))
        command = [sys.executable, "-P", "-m", "modelwright.lifecycle.stages.trying", str(split), str(trained)]
        with contextlib.suppress(OSError):
            self._child = subprocess.Popen(  # noqa: S603 - our own interpreter and module, no shell
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": path},
            )
            self._probe = WaitingProbe()

    def gates(self, choose: str | None) -> dict[str, Gate]:
        """What was found of `best` and `fast`; empty where nothing was begun or the process has died."""
        from modelwright.registry.gate import Gate

        if self._child is None:
            return {}
        try:
            found, _ = self._child.communicate(msgspec.json.encode(choose) + b"\n", timeout=_TIMEOUT_S)
            return msgspec.msgpack.decode(found, type=dict[str, Gate]) if self._child.returncode == 0 else {}
        except (OSError, subprocess.TimeoutExpired, msgspec.DecodeError):
            return {}

    def probe(self, hooks: tuple[str, ...]) -> WaitingProbe:
        """The waiting probe, begun now where it was not before."""
        from modelwright.registry.sandbox import WaitingProbe

        self._probe = self._probe or WaitingProbe(hooks)
        return self._probe


def _crowded() -> bool:
    """Whether others hold the machine's cores: a second process then takes its time from the first."""
    return hasattr(os, "getloadavg") and os.getloadavg()[0] > _CROWDED * (os.cpu_count() or 1)


def main(split: Path, trained: Path) -> None:
    answer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # libraries that print must not garble the answer
    asked: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(asked,), daemon=True).start()
    from modelwright.registry import gate

    learned = learn.read(trained)
    sample = sample_of(partition.read(split))
    models = {"best": learned.model} | ({} if learned.fast is None else {"fast": learned.fast})
    tried = {name: gate.tried(model, sample) for name, model in models.items()}
    choose = msgspec.json.decode(asked.get(), type=str | None)
    gates = {name: gate.timed(one, choose=choose) for name, one in tried.items()}
    with answer:
        answer.write(msgspec.msgpack.encode(gates))


def _listen(asked: queue.SimpleQueue[bytes]) -> None:
    line = sys.stdin.buffer.readline()
    if not line:
        os._exit(1)
    asked.put(line)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

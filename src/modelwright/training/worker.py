"""A worker process: reads units as JSON lines on standard input, fits them, writes their folders, says so.

    python -m modelwright.training.worker FOLDER

FOLDER holds what `bench.lay` wrote by the time of the first unit. Each input line is `{"unit": ...}`; each output line
`{"event": ...}`. The process ends when its input ends, also in the middle of a fit, so that no worker
outlives its parent.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import queue
import sys
import threading
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from modelwright.core.errors import ModelwrightError


class _Move(msgspec.Struct, frozen=True, kw_only=True):
    """The line `{"bench": FOLDER}`: the units that follow belong to another bench."""

    bench: str = ""


def main(folder: Path) -> None:
    replies = _private_output()
    _die_with_parent()
    units = _read_units()
    from modelwright.training import bench, fitting
    from modelwright.training.units import UnitStore

    def at(place: Path) -> fitting.Fitter:
        return fitting.Fitter(bench=bench.read(place), store=UnitStore(place.parent / "units"))

    _import_ahead()
    _say(replies, {"event": "ready"})
    work: fitting.Fitter | None = None
    while (order := units.get()) is not None:
        if isinstance(order, Path):
            folder, work = order, None
            continue
        work = work or at(folder)
        _say(replies, _run(work, order))


def _import_ahead() -> None:
    """What the first units need, while the table is still being written."""
    for name in ("polars", "modelwright.features.pipeline", "modelwright.features.planner", "sklearn.linear_model"):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def _run(work: Any, unit: Any) -> dict[str, Any]:
    refused = _too_large(work, unit)
    if refused:
        return {"event": "failed", "name": unit.name, "message": refused, "code": "memory"}
    try:
        result = work.run(unit)
    except ModelwrightError as error:
        return {"event": "failed", "name": unit.name, "message": error.message, "code": error.code}
    except MemoryError:
        return {"event": "failed", "name": unit.name, "message": "out of memory", "code": "memory"}
    except Exception as error:  # noqa: BLE001 - any failure of a fit is that unit's result, not the worker's end
        message = f"{type(error).__name__}: {error}"[:500]
        return {"event": "failed", "name": unit.name, "message": message, "code": "fit.failed"}
    return {"event": "done", "name": unit.name, "key": result.key}


def _too_large(work: Any, unit: Any) -> str:
    """Why the unit is not even begun: its matrix alone would outgrow what this worker may hold."""
    from modelwright.training.capacity import unit_bytes, worker_share_bytes

    share = worker_share_bytes()
    if share is None or unit.narrow or unit.change is not None:
        return ""
    bench = work.bench
    n_columns = max(1, len(bench.job.schema.features))
    needed = unit_bytes(unit.family, len(bench.learn_rows(unit.fold)), n_columns)
    if needed <= share:
        return ""
    return (
        f"would need at least {needed >> 20:,} MB, and a worker may hold {share >> 20:,} MB "
        "(training.memory_share gives more, data.sample_rate needs less)"
    )


def _read_units() -> queue.SimpleQueue[Any]:
    """Read input in a thread, so that its end is noticed during a fit as well."""
    from modelwright.training.units import Unit

    units: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def read() -> None:
        for line in sys.stdin.buffer:
            moved = msgspec.json.decode(line, type=_Move).bench
            units.put(Path(moved) if moved else msgspec.json.decode(line, type=Unit))
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    return units


def _private_output() -> BinaryIO:
    """Keep standard output for replies alone: whatever a library prints goes to standard error."""
    private = os.dup(1)
    os.dup2(2, 1)
    return os.fdopen(private, "wb", buffering=0)


def _say(replies: BinaryIO, message: dict[str, Any]) -> None:
    replies.write(msgspec.json.encode(message) + b"\n")


def _die_with_parent() -> None:
    """Ask Linux to kill this process with its parent, for fits that never let the reading thread run."""
    if not sys.platform.startswith("linux"):
        return
    import ctypes
    import signal

    parent_death_signal = 1  # PR_SET_PDEATHSIG, prctl(2)
    ctypes.CDLL(None).prctl(parent_death_signal, signal.SIGKILL)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

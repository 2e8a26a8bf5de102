"""Which events were being worked on when a process died: they are tried one at a time, and counted."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec


class Suspects:
    """Small files in one folder; they need to outlive a killed process, not a power cut, so nothing is flushed."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder
        self._own = folder / f"working-{os.getpid()}.json"
        self._suspected: set[str] = set()
        self._tries: dict[str, int] = _tries(folder / "tries.json")
        for file in folder.glob("working-*.json"):
            if file != self._own and _alive(file):
                continue
            ids = _ids(file)
            self._suspected.update(ids)
            file.unlink(missing_ok=True)
            if len(ids) == 1:  # it was alone: it is what the process died of, or died with
                self.tried(ids[0])

    def __contains__(self, event_id: str) -> bool:
        return event_id in self._suspected or event_id in self._tries

    def working(self, ids: Sequence[str]) -> None:
        """Write down what is about to be tried."""
        draft = self._own.with_suffix(".draft")
        draft.write_bytes(msgspec.json.encode(ids))
        draft.replace(self._own)

    def tried(self, event_id: str) -> int:
        """Count one failed try; returns how many there were."""
        self._tries[event_id] = self._tries.get(event_id, 0) + 1
        self._keep()
        return self._tries[event_id]

    def tries(self, event_id: str) -> int:
        return self._tries.get(event_id, 0)

    def cleared(self, ids: Iterable[str]) -> None:
        """These are finished with."""
        kept = len(self._tries)
        for each in ids:
            self._suspected.discard(each)
            self._tries.pop(each, None)
        if len(self._tries) != kept:
            self._keep()

    def rest(self) -> None:
        """Nothing is being worked on."""
        self._own.unlink(missing_ok=True)

    def _keep(self) -> None:
        draft = self._folder / f"tries-{os.getpid()}.draft"
        draft.write_bytes(msgspec.json.encode(self._tries))
        draft.replace(self._folder / "tries.json")


def _tries(file: Path) -> dict[str, int]:
    with contextlib.suppress(OSError, msgspec.DecodeError):
        return msgspec.json.decode(file.read_bytes(), type=dict[str, int])
    return {}


def _ids(file: Path) -> list[str]:
    with contextlib.suppress(OSError, msgspec.DecodeError):
        return msgspec.json.decode(file.read_bytes(), type=list[str])
    return []


def _alive(file: Path) -> bool:
    """Whether the process that wrote it still runs, and is not a later one with the same number."""
    import psutil

    try:
        process = psutil.Process(int(file.stem.removeprefix("working-")))
        return process.create_time() <= file.stat().st_mtime + 1.0 and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.NoSuchProcess, ValueError, OSError):
        return False

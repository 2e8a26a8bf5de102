"""Score a large table chunk by chunk: constant memory, every core, and a killed run goes on where it was."""

from __future__ import annotations

import fcntl
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import msgspec
import polars as pl

from modelwright.core.errors import DataError, StateError
from modelwright.lifecycle.batch.chunks import Chunks
from modelwright.lifecycle.batch.crew import Alone, Crew
from modelwright.lifecycle.batch.targets import Target
from modelwright.lifecycle.batch.worker import Done, Order, Scorer, Setup
from modelwright.lifecycle.operation import Progress

if TYPE_CHECKING:
    from modelwright.registry.bundle import LoadedBundle

_STATE = "state.json"
_COPIED_BYTES = 8 << 20


@dataclass(slots=True)
class Scored:
    rows: int = 0
    resumed: int = 0  # rows that an earlier run had finished
    columns: list[str] = field(default_factory=list)
    coercions: dict[str, int] = field(default_factory=dict)


def score(
    chunks: Chunks,
    target: Target,
    setup: Setup,
    bundle: LoadedBundle,
    *,
    identity: dict[str, Any],
    workers: int,
    total: int | None,
    tell: Callable[[Progress], None],
) -> Scored:
    """Parts into `target.work`, then all of them into `target.path`. Raises ModelwrightError; what is finished by
    then is kept for the next run with the same `identity`."""
    with _working_in(target.work, identity) as parts:
        run = _Run(parts, setup, total, tell)
        crew: Crew | Alone | None = None
        try:
            number = -1
            for number, frame in enumerate(chunks):
                if run.finished_before(number, frame.height):
                    continue
                if crew is None:
                    crew = Alone(Scorer(setup, bundle)) if workers == 1 else Crew(setup, workers)
                run.note(crew.give(run.order(number, frame)))
            if crew is not None:
                run.note(crew.rest())
        finally:
            if crew is not None:
                crew.close()
        if number < 0:
            raise _nothing(chunks)
        tell(Progress(step="write", message=f"joining {number + 1:,} parts into {target.shown}"))
        _join([run.part(each) for each in range(number + 1)], target.path, setup.suffix)
        target.quarantine.unlink(missing_ok=True)
        if chunks.quarantined:
            shutil.move(chunks.bad_rows, target.quarantine)
    shutil.rmtree(target.work)
    return run.scored


class _Run:
    def __init__(self, parts: Path, setup: Setup, total: int | None, tell: Callable[[Progress], None]) -> None:
        self._parts, self._setup, self._total, self._tell = parts, setup, total, tell
        self._begun = time.monotonic()
        self.scored = Scored()

    def part(self, number: int) -> Path:
        return self._parts / f"part-{number:06d}{self._setup.suffix}"

    def finished_before(self, number: int, rows: int) -> bool:
        """Whether an earlier run wrote this part whole; its note is written last."""
        note = self.part(number).with_name(f"{self.part(number).name}.json")
        try:
            done = msgspec.json.decode(note.read_bytes(), type=Done)
        except (OSError, msgspec.DecodeError):
            return False
        if done.rows != rows or not self.part(number).is_file():
            return False
        self.scored.resumed += rows
        self.note([done])
        return True

    def order(self, number: int, frame: pl.DataFrame) -> Order:
        table = self._parts / f"chunk-{number:06d}.arrow"
        frame.write_ipc(table)
        return Order(number=number, table=str(table), part=str(self.part(number)))

    def note(self, finished: Sequence[Done]) -> None:
        for done in finished:
            (self._parts / f"chunk-{done.number:06d}.arrow").unlink(missing_ok=True)
            self.scored.rows += done.rows
            self.scored.columns = list(done.columns)
            for column, count, _ in done.coercions:
                self.scored.coercions[column] = self.scored.coercions.get(column, 0) + count
        if finished:
            self._progress()

    def _progress(self) -> None:
        done, fresh = self.scored.rows, self.scored.rows - self.scored.resumed
        rate = fresh / max(1e-9, time.monotonic() - self._begun)
        total = None if self._total is None else max(self._total, done)
        left = (total - done) / rate if total is not None and rate > 0 else None
        self._tell(
            Progress(
                step="predict", message=f"{done:,} rows, {rate:,.0f} rows/s", done=done, total=total, time_left_s=left
            )
        )


@contextmanager
def _working_in(folder: Path, identity: dict[str, Any]) -> Iterator[Path]:
    """The folder of parts, for this process alone; emptied where it belongs to other work."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("wb") as lock:
        _lock(lock, folder)
        state = folder / _STATE
        wanted = msgspec.json.encode(identity, order="sorted")
        if not state.is_file() or state.read_bytes() != wanted:
            for file in folder.iterdir():
                if file.name.startswith((".part-", "part-", "chunk-")) or file == state:
                    file.unlink()
            state.write_bytes(wanted)
        yield folder


def _lock(lock: IO[bytes], folder: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise StateError(
            f"Another process is writing to {folder.name.removesuffix('.progress')} already.",
            code="batch.running",
            hint="wait for it, or write to another file",
            subject=f"file:{folder.name}",
        ) from None


def _join(parts: list[Path], path: Path, suffix: str) -> None:
    """One file in the order of the rows, under its name only when it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.draft")
    if suffix == ".parquet":
        pl.scan_parquet(parts, glob=False).sink_parquet(draft)
    elif suffix == ".arrow":
        pl.scan_ipc(parts, glob=False).sink_ipc(draft)
    else:
        with draft.open("wb") as whole:
            for part in parts:
                with part.open("rb") as piece:
                    shutil.copyfileobj(piece, whole, _COPIED_BYTES)
    draft.replace(path)


def _nothing(chunks: Chunks) -> DataError:
    if chunks.first_bad:
        first = chunks.first_bad[0]
        return DataError(
            f"No row can be read; line {first.line:,}: {first.reason}.",
            code="data.all_quarantined",
            hint="check the delimiter and the header",
            subject=f"line:{first.line}",
        )
    return DataError("There are no rows to predict.", code="data.empty", hint="check the path", subject="data")

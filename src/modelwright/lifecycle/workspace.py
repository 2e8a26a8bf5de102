"""The workspace: one folder that holds runs, cached steps and the journal. Copy it and it still works.

Nothing is created before there is something to keep, so a refused file leaves no trace.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import msgspec

from modelwright.core.clock import Clock, SystemClock
from modelwright.core.errors import NotFoundError, StateError, did_you_mean
from modelwright.core.plugins import load
from modelwright.core.ports import Journal
from modelwright.core.run import RunRecord

_RECORD = "run.json"
#: a file with one line, where the journal is kept elsewhere
JOURNAL_URL = "journal.url"


class Workspace:
    """Paths and the few verbs on them. `root` need not exist."""

    def __init__(self, root: Path, *, actor: str = "local", clock: Clock | None = None) -> None:
        self.root = root.absolute()
        self._actor = actor
        self._clock = clock or SystemClock()
        self._journal: tuple[str, Journal] | None = None

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    @property
    def steps(self) -> Path:
        return self.root / "cache" / "steps"

    @property
    def units(self) -> Path:
        return self.root / "cache" / "units"

    @property
    def datasets(self) -> Path:
        return self.root / "data"

    def journal(self) -> Journal:
        """In `journal.sqlite`, or where `journal.url` says. One object as long as that is so: it reads on."""
        url = journal_url(self.root)
        if self._journal is None or self._journal[0] != url:
            self._journal = (url, open_journal(url or self.root / "journal.sqlite", self._actor, self._clock))
        return self._journal[1]

    def run_folder(self, run_id: str) -> Path:
        return self.runs / run_id

    def run_ids(self) -> list[str]:
        """Oldest first."""
        if not self.runs.is_dir():
            return []
        return sorted(folder.name for folder in self.runs.iterdir() if (folder / _RECORD).is_file())

    def resolve_run(self, wanted: str) -> str:
        """A run id from an id, a unique beginning of one, or `latest`. Raises NotFoundError (`run.unknown`)."""
        ids = self.run_ids()
        if wanted == "latest" and ids:
            return ids[-1]
        found = [run_id for run_id in ids if run_id == wanted] or [i for i in ids if i.startswith(wanted)]
        if len(found) == 1:
            return found[0]
        problem = "is ambiguous" if found else "does not exist"
        hint = did_you_mean(wanted, found or ids) if ids else "train one with `modelwright run pipeline.yaml`"
        raise NotFoundError(
            f"Run '{wanted}' {problem} in {self.root.name}.", code="run.unknown", hint=hint, subject=f"run:{wanted}"
        )

    def read_run(self, wanted: str) -> RunRecord:
        return self.read_record(self.run_folder(self.resolve_run(wanted)))

    def read_record(self, folder: Path) -> RunRecord:
        try:
            return msgspec.json.decode((folder / _RECORD).read_bytes(), type=RunRecord)
        except (msgspec.DecodeError, OSError) as error:
            raise StateError(
                f"The record of run {folder.name} cannot be read: {error}.",
                code="run.damaged",
                hint="delete that run's folder, or restore it; other runs are not affected",
                subject=f"run:{folder.name}",
            ) from error

    def readable_runs(self) -> Iterator[RunRecord]:
        """Newest first; a damaged record does not stand in the way of the others."""
        for run_id in reversed(self.run_ids()):
            with contextlib.suppress(StateError):
                yield self.read_record(self.run_folder(run_id))

    def write_record(self, record: RunRecord) -> None:
        write_atomically(self.run_folder(record.run_id) / _RECORD, pretty_json(record))

    @contextlib.contextmanager
    def only_writer(self) -> Iterator[None]:
        """Hold the workspace for one run. The lock dies with the process, so a kill leaves nothing behind.

        Raises StateError (`workspace.busy`) naming the process that holds it.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / "lock").open("a+") as handle:
            if not _try_lock(handle):
                handle.seek(0)
                holder = handle.read().strip() or "unknown"
                raise StateError(
                    f"Another run is at work in {self.root} (process {holder}).",
                    code="workspace.busy",
                    hint="wait for it, stop it, or use --workspace with another folder",
                    subject=f"workspace:{self.root.name}",
                    retryable=True,
                )
            handle.seek(0)
            handle.truncate()
            handle.write(str(os.getpid()))
            handle.flush()
            yield


def journal_url(root: Path) -> str:
    """The address of a journal that is not kept in the workspace; empty where it is."""
    try:
        return (root / JOURNAL_URL).read_text().strip()
    except FileNotFoundError:
        return ""


def open_journal(place: Path | str, actor: str = "local", clock: Clock | None = None) -> Journal:
    """A file by its path, anything else by its URL, whose scheme names the plugin. Raises NotFoundError
    (`plugin.unknown`)."""
    kind = "sqlite" if isinstance(place, Path) else place.partition("://")[0]
    journal: Journal = load("journals", kind)(place, actor=actor, clock=clock)
    return journal


def _try_lock(handle: IO[str]) -> bool:
    if os.name == "nt":
        import msvcrt

        try:
            msvcrt.locking(handle.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


_PASSWORD = re.compile(r"(://[^\s:/@'\"]*):[^\s/@'\"]+@")


def without_passwords(text: str) -> str:
    """Addresses keep the user and lose the password: what is stored may be shown to anybody."""
    return _PASSWORD.sub(r"\1@", text)


def pretty_json(value: Any) -> bytes:
    """JSON for people: indented, stable, NaN written as null, ending with a newline."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"


def write_atomically(path: Path, data: bytes) -> None:
    """The file is the old one or the new one, never half of either, also after a kill or power loss."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def replace_folder(source: Path, target: Path) -> None:
    """Move a finished folder into place; an older one of the same name goes away."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        shutil.rmtree(target)
    source.replace(target)

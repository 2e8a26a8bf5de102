"""Back a workspace up while it is used, and restore it into a folder that does not exist yet.

DEST/objects holds each content once (SHA-256), DEST/backups/<id>.json names the files of one backup: a later backup
into the same place adds what is new. Not in it: the cache, which is made again; incidents; the secret that hashes
personal data (`redaction.key`), unless asked for; and what belonged to an open database (-wal, -shm, -journal).

The consistent point is the journal's: it is copied first, so every bundle and run it names is there already. The log
is held still while its manifest and sealed files are listed; segments that are being written are copied up to their
last whole block, so that nothing acknowledged before the backup is missing.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from modelwright.core.clock import new_run_id, timestamp
from modelwright.core.errors import AdapterError, ModelwrightError, NotFoundError, StateError, did_you_mean
from modelwright.lifecycle.copying_databases import SIDES, copy_journal, copy_online, problem
from modelwright.lifecycle.failpoints import reached
from modelwright.records.keys import NAME as SECRET
from modelwright.registry.snapshots import Kept, Objects

if TYPE_CHECKING:
    from modelwright.lifecycle.operation import Context
    from modelwright.lifecycle.workspace import Workspace

MADE = "backup.made"
FORMAT = 1
_MARK = "modelwright-backup"
_LEFT_OUT = ("cache", "incidents", "environments")
_OPEN = ".open"


class Backup(msgspec.Struct, frozen=True, kw_only=True):
    format: int = FORMAT
    id: str
    workspace: str
    created_at: str
    sequence: int
    files: tuple[Kept, ...]
    secrets: bool = False
    notes: tuple[str, ...] = ()

    @property
    def size_bytes(self) -> int:
        return sum(kept.size_bytes for kept in self.files)


def back_up(
    space: Workspace, dest: Path, context: Context, *, secrets: bool = False, verify: bool = True
) -> dict[str, Any]:
    """Raises StateError (`backup.dest`, `backup.empty`, `log.busy`), AdapterError (`database.*`, `disk.failed`)."""
    began = time.monotonic()
    _require_ours(dest, space.root)
    store = Objects(dest / "objects")
    identity = new_run_id(context.clock)
    new_bytes = 0
    files: list[Kept] = []
    notes: list[str] = []
    try:
        for kept, fresh in _contents(space.root, store, dest, secrets=secrets, notes=notes):
            files.append(kept)
            new_bytes += kept.size_bytes if fresh else 0
            reached("backup.file")
        made = Backup(
            id=identity, workspace=space.root.parent.name, created_at=timestamp(context.clock.now()),
            files=tuple(files), sequence=_last_event(space, store, files, dest), secrets=secrets, notes=tuple(notes),
        )  # fmt: skip
        _write(dest, made)
    except OSError as error:
        raise no_room(error) from error
    copied_s = time.monotonic() - began
    told: dict[str, Any] = {
        "id": identity, "dest": str(dest), "files": len(files), "size_bytes": made.size_bytes,
        "new_bytes": new_bytes, "sequence": made.sequence, "copied_s": round(copied_s, 3), "notes": list(notes),
    }  # fmt: skip
    if verify:
        told["verified"] = _rehearse(dest, identity)
    space.journal().append(MADE, f"backup:{identity}", told)
    return {**told, "seconds": round(time.monotonic() - began, 3)}


def restore(source: Path, into: Path, wanted: str = "latest") -> dict[str, Any]:
    """Write a backup into a folder that must not exist; it appears whole and checked or not at all.

    Raises NotFoundError (`backup.unknown`), StateError (`backup.damaged`, `restore.taken`), AdapterError.
    """
    began = time.monotonic()
    if os.path.lexists(into) and (not into.is_dir() or any(into.iterdir())):
        raise StateError(
            f"There is something at {into} already, and nothing is ever restored over it.",
            code="restore.taken", hint="name a folder that does not exist", subject=f"folder:{into.name}",
        )  # fmt: skip
    made = read(source, wanted)
    into.parent.mkdir(parents=True, exist_ok=True)
    draft = into.parent / f".{into.name}.restoring"
    shutil.rmtree(draft, ignore_errors=True)
    store = Objects(source / "objects")
    try:
        draft.mkdir(mode=0o700)
        for kept in made.files:
            store.take(kept, _inside(draft, kept.path))
            reached("restore.file")
        copied_s = time.monotonic() - began
        checked = _check(draft, made)
        if into.is_dir():
            into.rmdir()
        draft.replace(into)
    except OSError as error:
        raise no_room(error) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    seconds = time.monotonic() - began
    return {
        "id": made.id, "into": str(into), "files": len(made.files), "size_bytes": made.size_bytes,
        "sequence": made.sequence, "copied_s": round(copied_s, 3), "seconds": round(seconds, 3),
        "seconds_per_gb": round(copied_s / max(made.size_bytes, 1) * 1e9, 3), "secrets": made.secrets, **checked,
    }  # fmt: skip


def read(source: Path, wanted: str) -> Backup:
    known = sorted(path.stem for path in (source / "backups").glob("*.json"))
    found = [one for one in known if one == wanted] or (known[-1:] if wanted == "latest" else [])
    if not found:
        raise NotFoundError(
            f"There is no backup '{wanted[:80]}' in {source}.",
            code="backup.unknown", hint=did_you_mean(wanted, known) if known else "`modelwright backup DEST` makes one",
            subject=f"folder:{source.name}",
        )  # fmt: skip
    try:
        return msgspec.json.decode((source / "backups" / f"{found[0]}.json").read_bytes(), type=Backup)
    except (OSError, msgspec.DecodeError) as error:
        raise _damaged(f"{found[0]}.json", str(error)) from error


# ---------------------------------------------------------------- what goes in


def _contents(
    root: Path, store: Objects, dest: Path, *, secrets: bool, notes: list[str]
) -> Iterator[tuple[Kept, bool]]:
    """The journal first, then the log while nobody seals it, then everything else."""
    from modelwright.lifecycle.prediction_log import log_folder
    from modelwright.lifecycle.workspace import JOURNAL_URL
    from modelwright.records.manifest import Manifest

    if not (root / "journal.sqlite").is_file():
        raise StateError(
            "There is no journal in this workspace, so there is nothing to back up.",
            code="backup.empty", hint="say --workspace", subject="workspace",
        )  # fmt: skip
    with tempfile.TemporaryDirectory(dir=dest, prefix=".") as scratch:
        copy_journal(root, Path(scratch) / "journal.sqlite")
        kept, fresh = store.put(Path(scratch) / "journal.sqlite", "journal.sqlite")
    yield msgspec.structs.replace(kept, mode=(root / "journal.sqlite").stat().st_mode & 0o777), fresh
    reached("backup.journal")
    log = log_folder(root)
    if log.is_dir():
        with Manifest(log).only_writer():
            for file in _walk(log, notes, ()):
                path = file.relative_to(root).as_posix()
                if file.name == SECRET and not secrets:
                    notes.append(f"left out: {path}, the secret that hashes personal data; keep it by other means")
                elif file.name != "lock":
                    yield _kept(file, path, store, dest)
    skip = (log, dest.absolute(), *(root / name for name in _LEFT_OUT))
    for file in _walk(root, notes, skip):
        path = file.relative_to(root).as_posix()
        if path not in ("journal.sqlite", JOURNAL_URL, "lock", "rollback.lock") and not path.startswith(
            "serving/live/"
        ):
            with contextlib.suppress(FileNotFoundError):  # a draft that was renamed meanwhile is no part of anything
                yield _kept(file, path, store, dest)


def _walk(root: Path, notes: list[str], skip: tuple[Path, ...]) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        here = Path(folder)
        folders[:] = sorted(name for name in folders if here / name not in skip)
        for name in sorted(names):
            file = here / name
            if file.is_symlink() or not file.is_file():
                notes.append(f"left out: {file.relative_to(root)}, no plain file")
            elif not name.endswith((*SIDES, ".new")):
                yield file


def _kept(file: Path, path: str, store: Objects, dest: Path) -> tuple[Kept, bool]:
    if file.suffix == ".sqlite":
        return _database(file, path, store, dest)
    if file.suffix == _OPEN:
        return store.put(file, path, size=_whole_blocks(file))
    return store.put(file, path)


def _database(file: Path, path: str, store: Objects, dest: Path) -> tuple[Kept, bool]:
    with tempfile.TemporaryDirectory(dir=dest, prefix=".") as scratch:
        copy_online(file, Path(scratch) / file.name)
        kept, fresh = store.put(Path(scratch) / file.name, path)
    return msgspec.structs.replace(kept, mode=file.stat().st_mode & 0o777), fresh


def _whole_blocks(file: Path) -> int:
    """The length of a segment up to its last whole block: what was acknowledged before now."""
    from modelwright.records.segments import scan

    content = file.read_bytes()
    return len(content) - scan(content).torn_bytes


def _last_event(space: Workspace, store: Objects, files: list[Kept], dest: Path) -> int:
    from modelwright.core.plugins import load

    with tempfile.TemporaryDirectory(dir=dest, prefix=".") as scratch:
        copy = Path(scratch) / "journal.sqlite"
        store.take(files[0], copy)
        return max((event.sequence for event in load("journals", "sqlite")(copy).read()), default=0)


def _write(dest: Path, made: Backup) -> None:
    from modelwright.lifecycle.workspace import write_atomically

    target = dest / "backups" / f"{made.id}.json"
    if target.exists():
        raise StateError(f"There is a backup {made.id} already.", code="backup.exists", subject="backup")
    write_atomically(target, msgspec.json.encode(made))
    reached("backup.written")


def _require_ours(dest: Path, root: Path) -> None:
    """A place of earlier backups, or an empty one: nothing else is ever written into."""
    inside = dest.absolute().resolve()
    if inside == root.resolve() or root.resolve() in inside.parents:
        raise StateError(
            "A backup inside the workspace would be lost with it.",
            code="backup.dest", hint="name a folder elsewhere, best on another disk", subject=f"folder:{dest.name}",
        )  # fmt: skip
    if os.path.lexists(dest) and not (dest / _MARK).is_file() and (not dest.is_dir() or any(dest.iterdir())):
        raise StateError(
            f"{dest} holds something that is no backup of ours, and nothing is overwritten.",
            code="backup.dest", hint="name an empty folder, or one that holds earlier backups",
            subject=f"folder:{dest.name}",
        )  # fmt: skip
    try:
        (dest / "backups").mkdir(parents=True, exist_ok=True, mode=0o700)
        (dest / _MARK).touch()
    except OSError as error:
        raise no_room(error) from error


# ---------------------------------------------------------------- what comes out


def _rehearse(dest: Path, identity: str) -> dict[str, Any]:
    """Restore it into a scratch folder and look at everything; the folder goes away again."""
    with tempfile.TemporaryDirectory(prefix="modelwright-restore-") as scratch:
        told = restore(dest, Path(scratch) / "workspace", identity)
    return {
        key: told[key]
        for key in ("seconds", "seconds_per_gb", "databases", "bundles", "golden_rows", "events", "missing")
    }


def _check(root: Path, made: Backup) -> dict[str, Any]:
    """Databases whole, every bundle in use verified and asked its golden rows in a child. Raises `backup.damaged`."""
    from modelwright.core.plugins import load
    from modelwright.lifecycle.rolling_back import check
    from modelwright.lifecycle.snapshotting.taking import pointers
    from modelwright.registry import versions
    from modelwright.registry.manifest import decode
    from modelwright.registry.reading import read_verified

    databases = [kept.path for kept in made.files if kept.path.endswith(".sqlite")]
    for path in databases:
        if wrong := problem(root / path):
            raise _damaged(path, wrong)
    events = list(load("journals", "sqlite")(root / "journal.sqlite").read())
    if (events[-1].sequence if events else 0) != made.sequence:
        raise _damaged("journal.sqlite", "it holds another number of events than were backed up")
    live = {(name, state.live) for name, state in pointers(events).items()}
    bundles, rows, missing = 0, 0, []
    for version in versions.fold(events):
        folder = root / version.bundle_path
        if not (folder / "manifest.json").is_file():
            missing.append(f"{version.name}:{version.version}")
            if (version.name, version.version) in live:
                raise _damaged(version.bundle_path, f"the bundle of {version.name}, which is live, is not in it")
            continue
        try:
            read_verified(folder, expected=version.bundle_digest)
            if (version.name, version.version) in live:
                check(folder, version)
                rows += decode((folder / "manifest.json").read_bytes()).golden_rows
        except ModelwrightError as error:
            raise _damaged(version.bundle_path, error.message) from error
        bundles += 1
    return {
        "databases": len(databases),
        "events": made.sequence,
        "bundles": bundles,
        "golden_rows": rows,
        "missing": missing,
    }


def _inside(root: Path, path: str) -> Path:
    """Raises StateError for a name that would leave the folder: a backup's list may come from anywhere."""
    parts = Path(path).parts
    if Path(path).is_absolute() or ".." in parts or not parts or "\0" in path:
        raise _damaged(path[:80], "its name leads out of the folder")
    return root / path


def _damaged(what: str, how: str) -> StateError:
    return StateError(
        f"The backup's file {what} is not what was backed up: {how}",
        code="backup.damaged",
        hint="nothing was restored; use an earlier backup",
        subject=f"file:{what}",
    )


def no_room(error: OSError) -> AdapterError:
    return AdapterError(
        f"The disk did not take what has to be written: {error.strerror or error}.",
        code="disk.failed",
        hint="nothing that was there has changed; make room, or name another place",
        subject="backup",
    )

"""Snapshots: what a workspace and its project were at a moment, as references and files kept by content.

WORKSPACE/snapshots/<id>.json says it, WORKSPACE/snapshots/objects holds each content once. Keys and secrets are read
from no snapshot: who may ask stands in the present journal only.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from modelwright.core.digests import digest, digest_of
from modelwright.core.errors import NotFoundError, StateError, did_you_mean
from modelwright.core.nouns import Event
from modelwright.records.segments import sync_folder
from modelwright.registry.routes import RouteState

TAKEN = "snapshot.taken"
FORMAT = 1
_CHUNK_BYTES = 1 << 20


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A file by content. The path is relative to what it was taken from; the digest is SHA-256 in hexadecimal."""

    path: str
    sha256: str
    size_bytes: int
    mode: int = 0o644


class CodeState(msgspec.Struct, frozen=True, kw_only=True):
    commit: str = ""  # empty: no git, and `why` says so
    branch: str = ""
    uncommitted: bool = False  # the commit was made for this snapshot, of the working tree as it was
    why: str = ""


class BundleState(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    version: int
    digest: str
    path: str  # relative to the workspace
    files: tuple[Kept, ...]


class PointerState(msgspec.Struct, frozen=True, kw_only=True):
    live: int
    aliases: dict[str, int]
    route: RouteState


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    format: int = FORMAT
    id: str
    name: str = ""
    created_at: str
    actor: str = ""
    code: CodeState
    packages: dict[str, str]
    locks: tuple[Kept, ...]
    sequence: int  # the last event that it knows
    history: str  # digest of every event up to there
    journal: Kept
    bundles: tuple[BundleState, ...]
    pointers: dict[str, PointerState]
    configuration: tuple[Kept, ...]

    @property
    def package_digest(self) -> str:
        return digest_of(self.packages)


class Objects:
    """Contents by digest, each written once and whole; reading one checks it."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def _place(self, sha256: str) -> Path:
        return self._root / sha256[:2] / sha256[2:]

    def put(self, file: Path, path: str, *, size: int | None = None) -> tuple[Kept, bool]:
        """Keep a file (its first `size` bytes) as it is now; whether it was new."""
        self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = self._root / f".{secrets.token_hex(8)}"
        hasher, written = hashlib.sha256(), 0
        try:
            with file.open("rb") as source, draft.open("xb") as target:
                mode = os.fstat(source.fileno()).st_mode & 0o777
                while chunk := source.read(_CHUNK_BYTES if size is None else min(_CHUNK_BYTES, size - written)):
                    hasher.update(chunk)
                    target.write(chunk)
                    written += len(chunk)
                kept = Kept(path=path, sha256=hasher.hexdigest(), size_bytes=written, mode=mode)
                place = self._place(kept.sha256)
                if place.is_file() and place.stat().st_size == written:
                    return kept, False
                target.flush()
                os.fsync(target.fileno())
            place.parent.mkdir(exist_ok=True, mode=0o700)
            draft.replace(place)
            sync_folder(place.parent)
            return kept, True
        finally:
            draft.unlink(missing_ok=True)

    def take(self, kept: Kept, target: Path) -> None:
        """Write a content to a file that appears whole or not at all. Raises StateError (`snapshot.damaged`)."""
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.parent / f".{target.name}.{secrets.token_hex(4)}"
        hasher = hashlib.sha256()
        try:
            with self._place(kept.sha256).open("rb") as source, draft.open("xb") as copy:
                while chunk := source.read(_CHUNK_BYTES):
                    hasher.update(chunk)
                    copy.write(chunk)
                copy.flush()
                os.fsync(copy.fileno())
            if hasher.hexdigest() != kept.sha256:
                raise _damaged(kept.path, "is not what was kept")
            draft.chmod(kept.mode)
            draft.replace(target)
        except FileNotFoundError as error:
            raise _damaged(kept.path, "is missing") from error
        finally:
            draft.unlink(missing_ok=True)

    def check(self, kept: Kept) -> None:
        """Raise StateError (`snapshot.damaged`) unless the content is there and is what was kept."""
        place = self._place(kept.sha256)
        if not place.is_file():
            raise _damaged(kept.path, "is missing")
        with place.open("rb") as handle:
            if hashlib.file_digest(handle, "sha256").hexdigest() != kept.sha256:
                raise _damaged(kept.path, "is not what was kept")


def folder(workspace: Path) -> Path:
    return workspace / "snapshots"


def objects(workspace: Path) -> Objects:
    return Objects(folder(workspace) / "objects")


def same(file: Path, kept: Kept) -> bool:
    """Whether a file has this very content now."""
    try:
        with file.open("rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest() == kept.sha256
    except OSError:
        return False


def encode(snapshot: Snapshot) -> bytes:
    return msgspec.json.format(msgspec.json.encode(snapshot), indent=2) + b"\n"


def read(workspace: Path, wanted: str) -> Snapshot:
    """By id, by name (the newest of that name), or `latest`. Raises NotFoundError (`snapshot.unknown`), StateError."""
    known = every(workspace)
    found = [one for one in known if wanted in (one.id, one.name)] or (known[-1:] if wanted == "latest" else [])
    if not found:
        names = [one.id for one in known] + [one.name for one in known if one.name]
        raise NotFoundError(
            f"There is no snapshot '{wanted[:80]}'.",
            code="snapshot.unknown",
            hint=did_you_mean(wanted, names) if names else "`modelwright snapshot` takes one",
            subject="snapshot",
        )
    return found[-1]


def every(workspace: Path) -> list[Snapshot]:
    """Oldest first. Raises StateError (`snapshot.damaged`) for one that cannot be read."""
    found = []
    for path in sorted(folder(workspace).glob("*.json")):
        try:
            found.append(msgspec.json.decode(path.read_bytes(), type=Snapshot))
        except (msgspec.DecodeError, OSError) as error:
            raise _damaged(path.name, f"cannot be read ({error})") from error
    return sorted(found, key=lambda one: one.id)


def require_as_taken(workspace: Path, snapshot: Snapshot, events: Iterable[Event]) -> None:
    """Raise StateError (`snapshot.damaged`) unless it is what the journal saw taken and every content is whole."""
    said = [e.payload.get("digest") for e in events if e.kind == TAKEN and e.subject == f"snapshot:{snapshot.id}"]
    if said and said[-1] != digest((folder(workspace) / f"{snapshot.id}.json").read_bytes()):
        raise _damaged(f"{snapshot.id}.json", "was changed since it was taken")
    store = objects(workspace)
    files = [
        *snapshot.locks,
        *snapshot.configuration,
        snapshot.journal,
        *(f for b in snapshot.bundles for f in b.files),
    ]
    for kept in files:
        store.check(kept)


def history_digest(events: Iterable[Event], until: int) -> str:
    """Of every event up to `until`, in order: whether the past is the one that was."""
    told: list[Any] = [msgspec.to_builtins(event) for event in events if event.sequence <= until]
    return digest_of(told)


def _damaged(what: str, how: str) -> StateError:
    return StateError(
        f"The snapshot's file {what} {how}.",
        code="snapshot.damaged",
        hint="nothing has been changed; use another snapshot or a backup",
        subject=f"file:{what}",
    )

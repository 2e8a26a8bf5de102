"""Read a bundle's files once, and only as the manifest names them: bytes that were hashed are the bytes parsed."""

from __future__ import annotations

import hashlib
import itertools
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from modelwright.core.errors import NotFoundError
from modelwright.registry.manifest import (
    MANIFEST,
    MAX_FILES,
    MAX_MANIFEST_BYTES,
    Manifest,
    decode,
    digest_of_manifest,
    refused,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """A bundle whose digests hold; nothing of it has been interpreted yet but the manifest."""

    manifest: Manifest
    digest: str
    files: dict[str, bytes]

    def under(self, folder: str) -> dict[str, bytes]:
        """The files of one folder, by their names inside it."""
        return {
            name.removeprefix(f"{folder}/"): data for name, data in self.files.items() if name.startswith(f"{folder}/")
        }


def read_verified(folder: Path, *, expected: str = "") -> Verified:
    """Every listed file, hashed. Raises ModelError (`bundle.*`) naming the file that is not as it was written."""
    if not os.path.lexists(folder):
        raise NotFoundError(
            f"There is no bundle at '{folder.name}'.",
            code="bundle.missing",
            hint="`modelwright runs list` shows the bundles of finished runs",
            subject="bundle",
        )
    if folder.is_symlink() or not folder.is_dir():
        raise refused("folder", "it is not a plain folder")
    content = _read(folder, MANIFEST, MAX_MANIFEST_BYTES)
    digest = digest_of_manifest(content)
    if expected and digest != expected:
        raise refused("digest", f"its digest is {digest[:19]}… and {expected[:19]}… was expected", MANIFEST)
    manifest = decode(content)
    found = set(_walk(folder))
    listed = {MANIFEST, *manifest.files}
    for name in sorted(found - listed):
        raise refused("extra_file", f"the file {name!r} is not in its manifest", name)
    for name in sorted(listed - found):
        raise refused("missing_file", f"the file {name} is missing", name)
    files = {}
    for name, entry in sorted(manifest.files.items()):
        data = _read(folder, name, entry.size_bytes)
        if len(data) != entry.size_bytes or hashlib.sha256(data).hexdigest() != entry.sha256:
            raise refused("digest", f"the file {name} has been changed since it was written", name)
        files[name] = data
    return Verified(manifest=manifest, digest=digest, files=files)


def _walk(root: Path) -> Iterator[str]:
    """Relative names of regular files; anything that is neither file nor folder is refused."""
    waiting, seen = [root], 0
    while waiting:
        folder = waiting.pop()
        with os.scandir(folder) as listing:
            entries = list(itertools.islice(listing, 2 * MAX_FILES + 1))
        seen += len(entries)
        if seen > 2 * MAX_FILES:
            raise refused("extra_file", f"it holds more than {2 * MAX_FILES:,} files")
        for entry in entries:
            name = Path(entry.path).relative_to(root).as_posix()
            kind = entry.stat(follow_symlinks=False).st_mode
            if stat.S_ISLNK(kind):
                raise refused("link", f"{name!r} is a symbolic link", name)
            if stat.S_ISDIR(kind):
                waiting.append(Path(entry.path))
            elif stat.S_ISREG(kind):
                yield name
            else:
                raise refused("link", f"{name!r} is not a plain file", name)
        if not entries and folder != root:
            name = folder.relative_to(root).as_posix()
            raise refused("extra_file", f"the empty folder {name!r} is not in its manifest", name)


def _read(root: Path, name: str, limit: int) -> bytes:
    """The bytes of one plain file, never through a link, never more than `limit` and one."""
    flags = os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        handle = os.open(root / name, flags)
    except FileNotFoundError as error:
        raise refused("missing_file", f"the file {name} is missing", name) from error
    except OSError as error:
        raise refused("unreadable", f"the file {name} cannot be read ({error.strerror})", name) from error
    with os.fdopen(handle, "rb") as file:
        facts = os.fstat(file.fileno())
        if not stat.S_ISREG(facts.st_mode):
            raise refused("link", f"{name} is not a plain file", name)
        if facts.st_nlink != 1:
            raise refused("link", f"{name} has {facts.st_nlink} names on this disk (a hard link)", name)
        if facts.st_size > limit:
            raise refused("digest", f"the file {name} has been changed since it was written (it is larger)", name)
        return file.read(limit + 1)

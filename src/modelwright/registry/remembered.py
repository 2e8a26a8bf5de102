"""Which bundles have passed a probe in a workspace, so that nobody waits for what is known.

What is remembered is the digest together with the versions of everything installed: another library may crash where
this one did not.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Collection
from pathlib import Path

from modelwright.core.digests import digest_of

_MOST = 256


class Remembered:
    """The probes of one workspace that were passed with these hooks."""

    def __init__(self, workspace: Path, hooks: Collection[str] = ()) -> None:
        self._file = workspace / "serving" / "probes.json"
        self._hooks = sorted(hooks)
        self._key = ""

    def holds(self, digest: str) -> bool:
        """Whether exactly this bundle passed with exactly these libraries."""
        return self._name(digest) in self._read()

    def add(self, digest: str) -> None:
        """Where the workspace cannot be written, the next start probes again."""
        known = [*self._read(), self._name(digest)][-_MOST:]
        with contextlib.suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            draft = self._file.with_suffix(f".{os.getpid()}")
            draft.write_text(json.dumps(known))
            draft.chmod(0o600)
            draft.replace(self._file)

    def _read(self) -> list[str]:
        try:
            facts = self._file.stat()
            if facts.st_uid != os.getuid() or facts.st_mode & 0o022:
                return []  # somebody else could have written it
            known = json.loads(self._file.read_bytes())
        except (OSError, ValueError):
            return []
        return [name for name in known if isinstance(name, str)] if isinstance(known, list) else []

    def _name(self, digest: str) -> str:
        if not self._key:
            from modelwright._version import VERSION

            self._key = digest_of([VERSION, sys.version, installed(), self._hooks])
        return f"{digest} {self._key}"


def installed() -> list[str]:
    """Names and versions of all that could be imported, from the names of folders: a hundredth of what it takes to
    read what they say of themselves."""
    found: set[str] = set()
    for place in sys.path:
        with contextlib.suppress(OSError):
            found |= {name for name in os.listdir(place or ".") if name.endswith((".dist-info", ".egg-info"))}  # noqa: PTH208
    return sorted(found)

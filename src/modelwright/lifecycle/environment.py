"""What the result depends on besides data and parameters: our code, the user's code, versions, the machine."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

from modelwright._version import VERSION
from modelwright.core.digests import digest, digest_of

_PACKAGE = Path(__file__).parents[1]
_SOURCE_SUFFIXES = {".py", ".j2", ".css", ".js", ".json"}


@lru_cache(maxsize=1)
def code_digest() -> str:
    """Digest of every source file of this package: any edit of it makes every step run again."""
    return _tree_digest(_PACKAGE)


def plugins_digest() -> str:
    """Digest of the plugin folders named in MODELWRIGHT_PLUGINS; empty text when there are none."""
    roots = [part for part in os.environ.get("MODELWRIGHT_PLUGINS", "").split(os.pathsep) if part]
    return digest_of([_tree_digest(Path(root)) for root in roots]) if roots else ""


def packages() -> dict[str, str]:
    """Installed distributions, name -> version, read from folder names: a tenth of the cost of their metadata."""
    found: dict[str, str] = {}
    for entry in sys.path:
        folder = Path(entry or ".")
        if not folder.is_dir():
            continue
        for info in folder.glob("*.dist-info"):
            name, _, version = info.name.removesuffix(".dist-info").partition("-")
            found.setdefault(name.lower().replace("_", "-"), version)
    return dict(sorted(found.items()))


def environment() -> dict[str, Any]:
    """Recorded with every run; part of every step's key."""
    return {
        "modelwright": VERSION,
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "system": platform.system(),
        "machine": platform.machine(),
        "packages": packages(),
    }


def hardware() -> dict[str, Any]:
    """Recorded, but no part of any key: results do not depend on it (last bits across processors may)."""
    import psutil

    return {"cores": os.cpu_count(), "memory_bytes": psutil.virtual_memory().total, "processor": platform.processor()}


def lock_digest() -> str:
    """Digest of the exact set of installed versions."""
    return digest_of(packages())


def commit_of(folder: Path) -> str:
    """The git commit of the folder that holds the pipeline, `+changes` when it is dirty, empty outside git."""
    head = _git(folder, "rev-parse", "HEAD")
    if not head:
        return ""
    return head + ("+changes" if _git(folder, "status", "--porcelain", "--untracked-files=no", "--", ".") else "")


def _git(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - fixed program, fixed verbs, no shell
            ["git", "-C", str(folder), *arguments],  # noqa: S607
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _tree_digest(root: Path) -> str:
    files = sorted(
        file for file in root.rglob("*") if file.suffix in _SOURCE_SUFFIXES and "__pycache__" not in file.parts
    )
    return digest_of([[str(file.relative_to(root)), digest(file.read_bytes())] for file in files])

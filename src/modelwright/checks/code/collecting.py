"""Which files a review reads: folders are walked, files that are named are always taken."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from modelwright.checks.code.finding_models import Skipped

SUFFIXES = (".py", ".ipynb")
#: folders that hold other people's code, or what a build has made
_LEFT_OUT = frozenset(
    {"__pycache__", "node_modules", "site-packages", "build", "dist", "venv", "env", "virtualenv", "__pypackages__"}
)
_LEFT_OUT_ENDINGS = (".egg-info", ".dist-info", ".egg")


@dataclass(frozen=True, slots=True)
class Found:
    path: Path
    shown: str  # relative to the root where it lies below, with `/`


@dataclass(frozen=True, slots=True)
class Collected:
    files: tuple[Found, ...]
    skipped: tuple[Skipped, ...]


def collect_configs(paths: Iterable[str], root: Path) -> Collected:
    """Configurations as `collect` finds code."""
    return collect(paths, root, suffixes=(".yaml", ".yml", ".toml", ".json"))


def collect(
    paths: Iterable[str], root: Path, exclude: Sequence[str] = (), suffixes: tuple[str, ...] = SUFFIXES
) -> Collected:
    """The files in one fixed order, each once, whatever the order of the arguments."""
    files: dict[str, Path] = {}
    skipped: dict[str, str] = {}
    for given in paths:
        path = Path(given)
        try:
            if path.is_dir():
                for file in walk(path, root, exclude, skipped, suffixes):
                    files.setdefault(shown(file, root), file)
            elif path.is_file():
                files[shown(path, root)] = path
            else:
                skipped[shown(path, root)] = "not a regular file" if path.exists() else "there is no such file"
        except (OSError, ValueError) as error:
            skipped[str(given)] = _why(error)
    found = tuple(Found(files[name], name) for name in sorted(files))
    return Collected(found, tuple(Skipped(path=name, reason=skipped[name]) for name in sorted(skipped)))


def walk(
    folder: Path, root: Path, exclude: Sequence[str], skipped: dict[str, str], suffixes: tuple[str, ...] = SUFFIXES
) -> Iterator[Path]:
    """Files below a folder with one of the suffixes (all where there are none); each real folder is entered once."""
    seen: set[str] = set()
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        real = os.path.realpath(here)
        if real in seen:
            continue
        seen.add(real)
        try:
            with os.scandir(here) as entries:
                listed = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            skipped[shown(here, root)] = _why(error)
            continue
        below = []
        for entry in listed:
            path = Path(entry.path)
            if excluded(shown(path, root), exclude):
                continue
            if path.is_dir():
                if not _left_out(entry.name, path):
                    below.append(path)
            elif suffixes and not entry.name.endswith(suffixes):
                continue
            elif path.is_file():  # unlike the entry's own answer, no error for a link to itself
                yield path
            else:
                skipped[shown(path, root)] = "not a regular file"
        waiting += reversed(below)


def _left_out(name: str, path: Path) -> bool:
    if name.startswith(".") or name in _LEFT_OUT or name.endswith(_LEFT_OUT_ENDINGS):
        return True
    return (path / "pyvenv.cfg").exists()


def excluded(name: str, patterns: Sequence[str]) -> bool:
    """A pattern names a path, a folder on the way, or is a glob of either."""
    if not patterns:
        return False
    parts = name.split("/")
    ways = ["/".join(parts[: end + 1]) for end in range(len(parts))]
    for pattern in patterns:
        plain = pattern.strip("/").removeprefix("./")
        if any(fnmatch.fnmatchcase(way, plain) for way in ways):
            return True
        if "/" not in plain and any(fnmatch.fnmatchcase(part, plain) for part in parts):
            return True
    return False


def shown(path: Path, root: Path) -> str:
    """Relative to the root where it lies below it."""
    whole = os.path.normpath(os.path.join(root, path))  # noqa: PTH118 - links stay as they are written
    try:
        return Path(whole).relative_to(os.path.normpath(root)).as_posix()
    except ValueError:
        return Path(whole).as_posix()


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__

"""Modules beside a reviewed file that it imports: found on disk by the import's own words, read once, bounded."""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from modelwright.checks.code import loading
from modelwright.checks.code.collecting import shown
from modelwright.checks.code.names import Names
from modelwright.checks.code.nouns import Source

#: modules kept read, of all files of a review, and characters of one that is followed
_KEPT = 64
_LONGEST = 200_000
#: libraries that nobody's folder holds
_LIBRARIES = frozenset(
    """pandas numpy polars sklearn torch keras tensorflow xgboost lightgbm catboost imblearn statsmodels scipy
    transformers torchvision lightning joblib matplotlib seaborn""".split()  # noqa: SIM905
)
#: modules that handle rows import one of these; others are not followed
_ROWS = _LIBRARIES - {"matplotlib", "seaborn"} | {"datasets"}
#: a file in which no such word stands judges nothing
_WORDS = ("fit", "split", "score", "predict", "backward", "evaluate", "train")


@dataclass(frozen=True, slots=True, eq=False)
class Neighbour:
    """One module that was read."""

    source: Source
    names: Names
    near: Neighbours
    is_package: bool


class Neighbours:
    """What a file in a folder may import from the folders it lies in, up to the root or repository."""

    def __init__(
        self, folders: tuple[Path, ...], root: Path, listed: Callable[[Path], frozenset[str]], kept: Kept
    ) -> None:
        """`folders`: the file's own first; `listed`: names in a folder."""
        self._folders = folders
        self._root = root
        self._listed = listed
        self._kept = kept

    def find(self, module: str) -> Neighbour | None:
        """The module of a dotted name, `..pkg.part` with its dots; None where it lies elsewhere or holds no rows."""
        plain = module.lstrip(".")
        level = len(module) - len(plain)
        parts = plain.split(".") if plain else []
        if not level and (not parts or parts[0] in sys.stdlib_module_names or parts[0] in _LIBRARIES):
            return None
        for folder in self._folders[level - 1 : level] if level else self._folders:
            path = self._below(folder, parts)
            if path is not None:
                return self._read(path)
        return None

    def _below(self, folder: Path, parts: list[str]) -> Path | None:
        for number, part in enumerate(parts):
            listed = self._listed(folder)
            if number == len(parts) - 1 and f"{part}.py" in listed:
                return folder / f"{part}.py"
            if part not in listed:
                return None
            folder = folder / part
        return folder / "__init__.py" if "__init__.py" in self._listed(folder) else None

    def _read(self, path: Path) -> Neighbour | None:
        if path in self._kept:
            self._kept.move_to_end(path)
            return self._kept[path]
        loaded = loading.load(path, shown(path, self._root))
        found = None
        if isinstance(loaded, Source) and len(loaded.text) <= _LONGEST:
            found = self._told(loaded, path)
        self._kept[path] = found
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return found

    def _told(self, source: Source, path: Path) -> Neighbour | None:
        try:
            names = Names.of(source.tree)
        except (RecursionError, ValueError):
            return None
        package = path.name == "__init__.py"
        if not package and not names.modules & _ROWS:
            return None
        folders = self._folders
        if path.parent in folders:
            folders = folders[folders.index(path.parent) :]
        else:
            between = [up for up in (path.parent, *path.parent.parents) if up not in folders and _under(up, folders)]
            folders = (*between, *(up for up in folders if path.is_relative_to(up)))
        return Neighbour(source, names, Neighbours(folders, self._root, self._listed, self._kept), package)


Kept = OrderedDict[Path, Neighbour | None]


def _under(path: Path, folders: tuple[Path, ...]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)


def may_follow(source: Source, names: Names) -> bool:
    """Does the file import something that may lie beside it, and do something with rows?"""
    unknown = names.modules - _LIBRARIES - sys.stdlib_module_names
    return bool(unknown) and any(word in source.text for word in _WORDS)

"""Read a table from wherever `data.source` points: a path, a glob, an object store, a database, a function."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from modelwright.core import plugins
from modelwright.core.errors import DataError, did_you_mean
from modelwright.core.ports import ReadOptions, Source
from modelwright.core.tables import RawTable
from modelwright.data.detect import format_of
from modelwright.spec.model import HOOK_PATTERN

_SCHEME = re.compile(r"^([a-z][a-z0-9+.-]*)://", re.I)
_GLOB = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class _Found:
    sources: dict[str, Any]
    broken: dict[str, Exception]

    def by_scheme(self, scheme: str) -> Source | None:
        for source in self.sources.values():
            if scheme in source.schemes:
                found: Source = source
                return found
        return None

    @property
    def schemes(self) -> list[str]:
        return sorted({scheme for source in self.sources.values() for scheme in source.schemes})


def read_table(source: str, options: ReadOptions, *, base_dir: Path, cache_dir: Path) -> RawTable:
    """Resolve the store and the source plugin by scheme and suffix, and read.

    Relative paths start at `base_dir`; remote objects are brought to `cache_dir` first. Raises DataError,
    AdapterError or NotFoundError, each with the place and the fix.
    """
    good, bad = plugins.load_all("sources")
    found = _Found(good, dict(bad))
    scheme = _SCHEME.match(source)
    if scheme is None:
        short = source.partition(":")[0].lower()
        if ":" in source and found.by_scheme(short) is not None and short != "python":
            return found.by_scheme(short).read([source], options)  # type: ignore[union-attr]
        if re.match(HOOK_PATTERN, source) and not (base_dir / source).exists():
            raw: RawTable = plugins.load("sources", "python").read([source, str(base_dir)], options)
            return raw
        return _named(_read_files(_local(source, base_dir), options, found), source)
    name = scheme[1].lower()
    direct = found.by_scheme(name.partition("+")[0])
    if direct is not None:
        return direct.read([_absolute(source, base_dir)], options)
    return _fetched(source, name, options, base_dir, cache_dir, found)


def files_of(source: str, base_dir: Path, cache_dir: Path, max_bytes: int) -> list[Path] | None:
    """The local files that a path, glob or object means, remote ones brought to `cache_dir`; None for anything else
    (a database, a function). Raises as `read_table` does."""
    scheme = _SCHEME.match(source)
    if scheme is None:
        return None if ":" in source and not (base_dir / source).exists() else _local(source, base_dir)
    for store in plugins.load_all("stores")[0].values():
        if scheme[1].lower() in store.schemes:
            if scheme[1].lower() == "file":
                return _local(source.split("://", 1)[1], base_dir)
            return _tables(store.fetch(source, cache_dir, max_bytes), source)
    return None


def _absolute(source: str, base_dir: Path) -> str:
    """sqlite:///relative.db starts at `base_dir` like any other path."""
    head, mark, path = source.partition(":///")
    if head.lower().startswith("sqlite") and mark and path and not Path(path).is_absolute():
        return f"{head}:///{(base_dir / Path(path).expanduser()).resolve()}"
    return source


def _fetched(
    source: str, scheme: str, options: ReadOptions, base_dir: Path, cache_dir: Path, found: _Found
) -> RawTable:
    stores, _ = plugins.load_all("stores")
    for store in stores.values():
        if scheme in store.schemes:
            if scheme == "file":
                return _named(_read_files(_local(source.split("://", 1)[1], base_dir), options, found), source)
            paths = store.fetch(source, cache_dir, options.max_bytes)
            return _named(_read_files(_tables(paths, source), options, found), redacted(source))
    known = sorted({*found.schemes, *(each for store in stores.values() for each in store.schemes)})
    raise DataError(
        f"'{scheme}://' is not a kind of source that can be read.",
        code="data.unknown_scheme",
        hint=did_you_mean(scheme, known),
        subject="data.source",
    )


def redacted(source: str) -> str:
    """A URL without user, password, query and fragment, any of which may hold a secret."""
    return re.sub(r"(://)[^/@]*@", r"\1", re.split(r"[?#]", source, maxsplit=1)[0])


def _local(source: str, base_dir: Path) -> list[Path]:
    """The files that a path, folder or glob means, in name order."""
    pattern = Path(source).expanduser()
    path = pattern if pattern.is_absolute() else base_dir / pattern
    if path.is_dir():
        return _tables(sorted(_files_below(path)), source)
    if path.exists():
        return [path]
    if _GLOB.search(source):
        anchor = Path(path.anchor) if path.is_absolute() else Path()
        matches = sorted(file for file in anchor.glob(str(path.relative_to(anchor))) if file.is_file())
        if matches:
            return _tables(matches, source)
    raise _missing(source, path)


def _files_below(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file()]


def _tables(paths: Sequence[Path], source: str) -> list[Path]:
    """Data files only; a Delta table is its folder. Raises DataError when nothing or several formats are there."""
    for path in paths:
        if "_delta_log" in path.parts:
            return [Path(*path.parts[: path.parts.index("_delta_log")])]
    kept = [path for path in paths if not path.name.startswith((".", "_"))]
    kept = [path for path in kept if path.suffix not in (".dvc", ".crc", ".md5")]
    if len(kept) > 1 and len(formats := {format_of(path) for path in kept}) > 1:
        raise DataError(
            f"{redacted(source)} holds files of several formats: {', '.join(sorted(map(str, formats)))}.",
            code="data.mixed_formats",
            hint="narrow it to one format, for example with a glob such as folder/*.parquet",
            subject="data.source",
        )
    if not kept:
        raise DataError(
            f"{redacted(source)} holds no data files.",
            code="data.not_found",
            hint="check the path or the glob",
            subject="data.source",
        )
    return kept


def _read_files(paths: Sequence[Path], options: ReadOptions, found: _Found) -> RawTable:
    name = "delta" if paths[0].is_dir() else format_of(paths[0])
    if name not in found.sources:
        if name in found.broken:
            raise found.broken[name]
        known = ", ".join(sorted(suffix for plugin in found.sources.values() for suffix in plugin.suffixes))
        with paths[0].open("rb") as handle:
            database = handle.read(16).startswith(b"SQLite format 3")
        raise DataError(
            f"{paths[0].name} {'is a database' if database else 'has a format that is not known here'}.",
            code="data.unknown_format",
            hint=f"write sqlite:///{paths[0].name} and name the table in data.table"
            if database
            else f"use one of {known}",
            subject=f"file:{paths[0].name}",
        )
    source: Source = found.sources[name]
    return source.read([str(path) for path in paths], options)


def _named(raw: RawTable, source: str) -> RawTable:
    return replace(raw, source=source)


def _missing(source: str, path: Path) -> DataError:
    folder = path.parent
    beside = sorted(file.name for file in folder.iterdir()) if folder.is_dir() else []
    hint = did_you_mean(path.name, beside) if beside else f"the folder {folder} does not exist"
    return DataError(
        f"There is no file {source}." if not _GLOB.search(source) else f"No file matches {source}.",
        code="data.not_found",
        hint=hint,
        subject="data.source",
    )

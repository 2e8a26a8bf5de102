"""Tell a file's format by its suffix, or by its first bytes when the suffix says nothing."""

from __future__ import annotations

from pathlib import Path

from modelwright.core import plugins

_MAGIC = ((b"PAR1", "parquet"), (b"ARROW1", "arrow"), (b"PK\x03\x04", "excel"), (b"\xd0\xcf\x11\xe0", "excel"))


def format_of(path: Path) -> str | None:
    """Name of the source plugin that reads the file, or None."""
    name = path.name.lower()
    by_suffix = {
        suffix: plugin for plugin, source in plugins.load_all("sources")[0].items() for suffix in source.suffixes
    }
    for suffix in sorted(by_suffix, key=len, reverse=True):
        if name.endswith(suffix):
            return by_suffix[suffix]
    return _by_content(path)


def _by_content(path: Path) -> str | None:
    try:
        with path.open("rb") as handle:
            head = handle.read(4096)
    except OSError:
        return None
    for mark, plugin in _MAGIC:
        if head.startswith(mark):
            return plugin
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text[:1] in (b"{", b"["):
        return "json"
    if not text or b"\0" in text:
        return None
    first = text.splitlines()[0]
    return "csv" if path.suffix == "" or any(mark in first for mark in (b",", b";", b"\t", b"|")) else None

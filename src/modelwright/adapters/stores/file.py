"""Local files by URI (file:///absolute/path): nothing is copied."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlparse

from modelwright.core.errors import AdapterError
from modelwright.core.ports import Store


class _File:
    schemes = ("file",)

    def fetch(self, uri: str, into: Path, max_bytes: int) -> list[Path]:
        """`into` and `max_bytes` are for stores that copy."""
        path = Path(unquote(urlparse(uri).path)).expanduser()
        found = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
        if not path.exists():
            raise AdapterError(
                f"There is no {path}.", code="store.not_found", hint="check the path", subject=f"file:{path}"
            )
        return found


PLUGIN: Store = _File()

"""A request that works: one row with values that training saw, from the bundle's own reference."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from modelwright.core.nouns import ColumnType, SignatureField
from modelwright.registry.manifest import decode
from modelwright.serving.swapping import Wanted


def curl(url: str, wanted: Wanted, *, key: bool, certificate: Path | None) -> str:
    """A line that works as it stands but for the key."""
    place = next(place for place in wanted.places if place.version == wanted.live[0])
    url = url.replace("//0.0.0.0:", "//localhost:").replace("//[::]:", "//localhost:")
    secure = f" --cacert {certificate}" if certificate is not None else ""
    shown = " -H 'authorization: Bearer KEY'" if key else ""
    return (
        f"curl -s{secure} {url}/v1/models/{wanted.name}/predict -H 'content-type: application/json'{shown} "
        f"-d '{example_body(Path(place.folder))}'"
    )


def example_body(folder: Path) -> str:
    """JSON without a quote that a shell would trip over."""
    manifest = decode((folder / "manifest.json").read_bytes())
    columns = msgspec.json.decode((folder / "reference.json").read_bytes())["columns"]
    row = {field.name: _value(field, columns.get(field.name, {})) for field in manifest.signature.inputs}
    return msgspec.json.encode({"rows": [row]}).decode().replace("'", "\\u0027")


def _value(field: SignatureField, seen: dict[str, Any]) -> Any:
    if field.type is ColumnType.NUMBER:
        edges = seen.get("edges") or [0.0]
        middle = edges[len(edges) // 2]
        return int(middle) if float(middle).is_integer() else middle
    if field.type is ColumnType.BOOLEAN:
        return True
    if field.type is ColumnType.CATEGORY:
        return next(iter(seen.get("categories") or {}), None) or next(iter(field.categories or ()), None)
    return None if field.type is ColumnType.DATETIME else "text"

"""The JSON schema of pipeline.yaml, for editors: keys, types, ranges and descriptions from the structs."""

from __future__ import annotations

from typing import Any

import msgspec

from modelwright.core.plugins import listings
from modelwright.spec.model import Spec


def json_schema() -> dict[str, Any]:
    """A self-contained JSON Schema (2020-12). Families' own parameters are allowed beside `model.type`."""
    (reference,), components = msgspec.json.schema_components([Spec], ref_template="#/$defs/{name}")
    model = components["ModelSpec"]
    model.pop("additionalProperties", None)  # a family's own parameters stand beside `type`
    families = [{"const": one.name, "description": one.summary} for one in listings("families")]
    model["properties"]["type"]["examples"] = ["auto", *(one["const"] for one in families)]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Modelwright pipeline",
        **reference,
        "$defs": components,
    }

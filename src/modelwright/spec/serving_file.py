"""Read the section `serving:` alone: of a run's pipeline.yaml, or of a file of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from modelwright.core.errors import SpecError
from modelwright.spec import strict_yaml
from modelwright.spec.check_types import Checker, struct_type
from modelwright.spec.load import raise_all
from modelwright.spec.serving import ServingSpec
from modelwright.spec.source import Node


def load_serving(path: Path) -> ServingSpec:
    """The section under `serving:`, or the whole file where there is no such key and it describes no pipeline.

    Raises SpecError with line and column, and NotFoundError.
    """
    root = strict_yaml.parse(strict_yaml.read(path))
    entry = root.get("serving")
    if entry is not None:
        return _section(entry.node)
    if root.get("data") is not None or (root.kind == "scalar" and root.value is None):
        return ServingSpec()
    return _section(root)


def _section(node: Node) -> ServingSpec:
    if node.kind == "scalar" and node.value is None:
        return ServingSpec()
    checker = Checker()
    checker.struct(node, struct_type(ServingSpec), "serving")
    raise_all(checker.errors)
    try:
        return msgspec.convert(_without_empty(node.plain()), ServingSpec)
    except msgspec.ValidationError as error:
        raise SpecError(
            f"The serving section does not fit: {error}.",
            hint="correct this key; `modelwright schema` prints every key with its range",
            file=node.source.name,
            line=node.line,
        ) from error


def _without_empty(plain: dict[str, Any]) -> dict[str, Any]:
    """An empty section (`log:` with nothing below) means its defaults."""
    return {key: value for key, value in plain.items() if value is not None or key == "constant"}

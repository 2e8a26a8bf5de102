"""What every exported model says of itself: its inputs by name, and rows with the answers they had."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from modelwright.records.exporting import Exported


def describe(model: Exported) -> dict[str, Any]:
    """signature.json: enough to ask the graph without this product."""
    return {
        "name": model.name,
        "bundle": model.digest,
        "task": model.signature.task.value,
        "target": model.signature.target,
        "classes": list(model.labels),
        "inputs": [
            {
                "column": field.name,
                "tensor": model.inputs[field.name],
                "type": field.type.value,
                "low": field.low,
                "high": field.high,
                "categories": None if field.categories is None else list(field.categories[:50]),
            }
            for field in model.signature.inputs
            if field.name in model.inputs
        ],
        "outputs": ["label", "probabilities"] if model.signature.task.is_classification else ["value"],
        "tensors": "numbers, booleans (0 and 1) and datetimes (microseconds since 1970, UTC): float64 (n, 1), "
        "missing = NaN; categories and texts: string (n, 1), missing = the empty text",
    }


def write_graph(model: Exported, folder: Path) -> None:
    """model.onnx, signature.json and golden.json."""
    (folder / "model.onnx").write_bytes(model.graph)
    (folder / "signature.json").write_text(json.dumps(describe(model), indent=1) + "\n")
    (folder / "golden.json").write_bytes(model.golden)

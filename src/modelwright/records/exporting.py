"""What leaves the house with a model that runs elsewhere, and the seam of those who write it down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from modelwright.core.nouns import Signature


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """A verified and probed bundle, as far as other places need it."""

    name: str
    digest: str
    folder: Path
    signature: Signature
    labels: tuple[Any, ...]  # classes in the type of the target column
    graph: bytes = b""  # one ONNX graph of the whole path; empty where none passed the parity gate
    no_graph: str = ""  # why
    inputs: Mapping[str, str] = field(default_factory=dict)  # column -> input tensor of the graph
    golden: bytes = b""  # JSON: rows, and the answers they had when the bundle was written
    version: str = ""  # of this product


@runtime_checkable
class Exporter(Protocol):
    """One file per place that a model can go to."""

    @property
    def needs_graph(self) -> bool: ...

    def write(self, model: Exported, folder: Path, runtime: Path | None) -> str:
        """Fill an empty folder; returns what to do with it, as a sentence. `runtime`: files of somebody else's that
        the place needs beside the model. Raises ModelwrightError."""
        ...

"""One ONNX file with its signature, golden rows and a script that needs onnxruntime and numpy alone."""

from __future__ import annotations

from pathlib import Path

from modelwright.adapters.exporters import _shared
from modelwright.records.exporting import Exported, Exporter

_SCRIPT = Path(__file__).with_name("_onnx") / "predict.py.txt"


class _Onnx:
    needs_graph = True

    def write(self, model: Exported, folder: Path, runtime: Path | None) -> str:
        _shared.write_graph(model, folder)
        (folder / "predict.py").write_bytes(_SCRIPT.read_bytes())
        return "python predict.py --check  (needs onnxruntime and numpy), then python predict.py rows.json"


PLUGIN: Exporter = _Onnx()

"""A page that answers in the browser: the graph runs in onnxruntime-web, nothing is sent anywhere."""

from __future__ import annotations

import html
import shutil
from pathlib import Path

from modelwright.adapters.exporters import _shared
from modelwright.core.errors import NotFoundError
from modelwright.records.exporting import Exported, Exporter

_PAGE = Path(__file__).with_name("_web")
#: what the runtime's distribution calls the files that the page loads; two others belong to its first one
_RUNTIME = ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
_HOW = "npm pack onnxruntime-web, unpack it, and copy " + ", ".join(_RUNTIME) + " from its dist/ into the folder"


class _Web:
    needs_graph = True

    def write(self, model: Exported, folder: Path, runtime: Path | None) -> str:
        _shared.write_graph(model, folder)
        page = (_PAGE / "index.html").read_text().replace("{{name}}", html.escape(model.name))
        (folder / "index.html").write_text(page)
        for name in ("model.mjs", "page.mjs"):
            shutil.copyfile(_PAGE / name, folder / name)
        serve = "serve the folder over HTTP (python -m http.server) and open index.html"
        if runtime is None:
            return f"{_HOW}; then {serve}"
        for name in _RUNTIME:
            if not (runtime / name).is_file():
                raise NotFoundError(
                    f"There is no {name} in '{runtime}'.",
                    code="export.runtime",
                    hint="give the folder dist/ of the unpacked package onnxruntime-web",
                    subject=f"file:{name}",
                )
            shutil.copyfile(runtime / name, folder / name)
        return serve


PLUGIN: Exporter = _Web()

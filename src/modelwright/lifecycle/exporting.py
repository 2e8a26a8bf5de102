"""Hand a verified bundle to an exporter, whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path
from typing import Any

from modelwright._version import VERSION
from modelwright.core import plugins
from modelwright.core.errors import ModelError, StateError
from modelwright.lifecycle.operation import Context, Progress
from modelwright.records.exporting import Exported


def export(folder: Path, kind: str, output: Path, runtime: Path | None, context: Context) -> dict[str, Any]:
    """Raises NotFoundError (`plugin.unknown`), StateError (`export.exists`), ModelError (`export.no_graph`)."""
    exporter = plugins.load("exporters", kind)
    if os.path.lexists(output):
        raise StateError(
            f"There is something at '{output}' already.",
            code="export.exists",
            hint="name another folder with -o",
            subject=f"folder:{output.name}",
        )
    context.progress(Progress(step="load", message="verifying and probing the bundle"))
    model = _exported(folder)
    if exporter.needs_graph and not model.graph:
        raise ModelError(
            f"This model has no ONNX graph that answers as the model does: {model.no_graph.rstrip('.')}.",
            code="export.no_graph",
            hint="export it as a function, or train without the part that is named",
            subject=f"model:{model.name}",
        )
    output.parent.mkdir(parents=True, exist_ok=True)
    draft = output.parent / f".{output.name}.{secrets.token_hex(4)}"
    draft.mkdir()
    try:
        context.progress(Progress(step="export", message=f"writing {kind}"))
        next_step = exporter.write(model, draft, runtime)
        draft.rename(output)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    files = {str(path.relative_to(output)): path.stat().st_size for path in sorted(output.rglob("*")) if path.is_file()}
    return {
        "kind": kind,
        "bundle_digest": model.digest,
        "files": files,
        "size_bytes": sum(files.values()),
        "next": next_step,
        "paths": {"output": str(output)},
    }


def _exported(folder: Path) -> Exported:
    from modelwright.registry.answers import written_classes
    from modelwright.registry.bundle import load
    from modelwright.registry.golden import FILE
    from modelwright.registry.reading import read_verified

    bundle = load(folder)
    files = read_verified(folder, expected=bundle.digest).files
    scorers = bundle.manifest.scorers
    why = scorers.evidence["onnx"].reason if "onnx" in scorers.evidence else "none was tried"
    return Exported(
        name=bundle.manifest.name,
        digest=bundle.digest,
        folder=folder,
        signature=bundle.signature,
        labels=tuple(written_classes(bundle.signature)),
        graph=files.get("model.onnx", b""),
        no_graph=why,
        inputs=scorers.onnx_inputs,
        golden=files[FILE],
        version=VERSION,
    )

"""Write a model down for another place: one ONNX file, a page for browsers, or a serverless function."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    bundle: Annotated[
        str, Meta(description="a bundle folder, NAME, NAME:VERSION or NAME@ALIAS", extra={"positional": True})
    ]
    kind: Annotated[str, Meta(description="onnx, web or function, or a plugin's name", extra={"name": "--as"})] = "onnx"
    output: Annotated[str | None, Meta(description="the new folder; NAME-KIND by default", extra={"flag": "-o"})] = None
    runtime: Annotated[
        str | None,
        Meta(description="web: the folder dist/ of an unpacked onnxruntime-web, to be copied beside the page"),
    ] = None


def perform(request: Request, context: Context) -> dict[str, Any]:
    from pathlib import Path

    from modelwright.lifecycle.exporting import export
    from modelwright.lifecycle.scoring import find_bundle

    folder = find_bundle(request.bundle, context.workspace)
    plain = request.bundle.rstrip("/").replace("@", "-").replace(":", "-")
    return export(
        folder,
        request.kind,
        Path(request.output or f"{Path(plain).name}-{request.kind}"),
        Path(request.runtime) if request.runtime else None,
        context,
    )


PLUGIN: Operation = Operation(request=Request, perform=perform)

"""List the parts that can be named in a pipeline file or added as one file: families, metrics, checks and so on."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    seam: Annotated[str | None, Meta(description="one kind, such as families", extra={"positional": True})] = None


def perform(request: Request, context: Context) -> dict[str, Any]:
    from modelwright.core.plugins import SEAMS, listings

    seams = [request.seam] if request.seam else [seam for seam in SEAMS if seam != "operations"]
    return {
        "plugins": [
            {"seam": seam, "name": one.name, "summary": one.summary, "origin": one.origin}
            for seam in seams
            for one in listings(seam)
        ]
    }


PLUGIN: Operation = Operation(request=Request, perform=perform)

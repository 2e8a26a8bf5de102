"""Print the JSON schema of pipeline.yaml, for editors that complete and check while one types."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    output: Annotated[str | None, Meta(description="write it to this file instead", extra={"flag": "-o"})] = None


def perform(request: Request, context: Context) -> dict[str, Any]:
    from pathlib import Path

    from modelwright.lifecycle.workspace import pretty_json, write_atomically
    from modelwright.spec.json_schema import json_schema

    schema = json_schema()
    if request.output is None:
        return {"schema": schema}
    write_atomically(Path(request.output), pretty_json(schema))
    return {
        "path": request.output,
        "next": f"put `# yaml-language-server: $schema={request.output}` on the first line of pipeline.yaml",
    }


PLUGIN: Operation = Operation(request=Request, perform=perform)

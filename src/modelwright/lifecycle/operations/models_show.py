"""Show one registered model: its versions, aliases and verdicts."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    model: Annotated[str, Meta(description="NAME, NAME:VERSION or NAME@ALIAS", extra={"positional": True})]


def perform(request: Request, context: Context) -> dict[str, Any]:
    from modelwright.lifecycle.scoring import find_version
    from modelwright.lifecycle.workspace import Workspace
    from modelwright.registry.versions import list_versions

    journal = Workspace(context.workspace).journal()
    version = find_version(journal, request.model)
    shown: dict[str, Any] = msgspec.to_builtins(version)
    others = [msgspec.to_builtins(each) for each in list_versions(journal, version.name)]
    return {**shown, "versions": others}


PLUGIN: Operation = Operation(request=Request, perform=perform)

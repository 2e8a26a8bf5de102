"""List the registered models and their latest versions."""

from __future__ import annotations

from typing import Any

import msgspec

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    pass


def perform(request: Request, context: Context) -> dict[str, Any]:
    from modelwright.lifecycle.workspace import Workspace
    from modelwright.registry.versions import list_versions

    versions = list_versions(Workspace(context.workspace).journal())
    latest = {version.name: version for version in versions}
    return {
        "models": [
            {**msgspec.to_builtins(version), "versions": sum(each.name == name for each in versions)}
            for name, version in sorted(latest.items())
        ]
    }


PLUGIN: Operation = Operation(request=Request, perform=perform)

"""Examine this machine and workspace: versions, memory, disk, optional parts, locks, and what to do about each."""

from __future__ import annotations

from typing import Any

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    pass


def perform(request: Request, context: Context) -> dict[str, Any]:
    from modelwright.lifecycle.diagnosis import diagnose

    items = diagnose(context.workspace)
    return {"ok": all(item["status"] != "fail" for item in items), "items": items}


PLUGIN: Operation = Operation(request=Request, perform=perform)

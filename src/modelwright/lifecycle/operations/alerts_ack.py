"""Say that you know of an alert: it goes no further."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    alert: Annotated[str, Meta(description="its id, or the beginning of it", extra={"positional": True})]
    note: Annotated[str, Meta(description="what you will do", max_length=2_000)] = ""


def perform(request: Request, context: Context) -> dict[str, Any]:
    import msgspec

    from modelwright.lifecycle.alerting import acknowledge, workspace_of

    found = acknowledge(workspace_of(context).journal(), request.alert, request.note)
    return dict(msgspec.to_builtins(found))


PLUGIN: Operation = Operation(request=Request, perform=perform)

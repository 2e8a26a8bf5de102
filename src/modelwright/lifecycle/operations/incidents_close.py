"""Close an incident and write its summary down."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    incident: Annotated[str, Meta(description="its id", extra={"positional": True})]
    note: Annotated[str, Meta(description="what it was and what was done", min_length=1, max_length=20_000)]


def perform(request: Request, context: Context) -> dict[str, Any]:
    from modelwright.lifecycle.alerting import close_incident

    return close_incident(context, request.incident, request.note)


PLUGIN: Operation = Operation(request=Request, perform=perform)

"""Tell how many labels of a model have arrived, how long they take, what they say so far, and how audits stand."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    model: Annotated[str, Meta(description="the model's name", extra={"positional": True})]


def perform(request: Request, context: Context) -> dict[str, Any]:
    from modelwright.lifecycle.labelling_status import status

    return status(context.workspace, request.model, context.clock)


PLUGIN: Operation = Operation(request=Request, perform=perform)

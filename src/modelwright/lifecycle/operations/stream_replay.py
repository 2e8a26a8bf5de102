"""Send the dead letters of a stream again, after their reason is mended."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    dead_letter: Annotated[str, Meta(description="where the dead letters are")]
    to: Annotated[str, Meta(description="the stream that they are sent to, as `stream --from` names it")]
    code: Annotated[tuple[str, ...], Meta(description="only letters with this error code; repeatable")] = ()
    most: Annotated[Annotated[int, Meta(ge=1)] | None, Meta(description="how many to send at most")] = None
    allow_open: Annotated[bool, Meta(description="accept a broker elsewhere without encryption or without a user")] = (
        False
    )


def perform(request: Request, context: Context) -> dict[str, Any]:
    from modelwright.lifecycle.streaming.replay import replay

    return replay(request.dead_letter, request.to, codes=request.code, most=request.most, allow_open=request.allow_open)


PLUGIN: Operation = Operation(request=Request, perform=perform)

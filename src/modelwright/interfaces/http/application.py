"""The door as a plain ASGI application: it runs under any ASGI server, and under ours beside the fast lane."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from modelwright.interfaces.http.exchange import too_large
from modelwright.interfaces.http.outbox import Outbox, Turn
from modelwright.interfaces.http.replies import Reply
from modelwright.interfaces.http.request import Request
from modelwright.interfaces.http.routing import build
from modelwright.interfaces.http.service import Service
from modelwright.serving.asking import Refused

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

#: refusals after which the rest of the body is not worth reading
UNREAD = frozenset({"request.size", "request.timeout", "request.length", "request.media_type"})


def make(service: Service) -> Application:
    """The application of one process. One event loop at a time may run it."""
    return Application(service)


class Application:
    def __init__(self, service: Service, *, traced: bool = True) -> None:
        self.service = service
        self.exchange = build(service, traced=traced)
        self._outbox: Outbox | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def outbox(self) -> Outbox:
        """The outbox of the loop that runs now."""
        loop = asyncio.get_running_loop()
        if self._outbox is None or self._loop is not loop:
            self._outbox, self._loop = Outbox(self.service, loop), loop
        return self._outbox

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "websocket":  # none is served, so none is let in, whatever its key or origin
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        else:
            reply = await self._http(scope, receive)
            if reply is not None:
                await send({"type": "http.response.start", "status": reply.status, "headers": reply.header_list()})
                body = b"" if scope["method"] == "HEAD" else reply.body
                await send({"type": "http.response.body", "body": body})

    async def _http(self, scope: Scope, receive: Receive) -> Reply | None:
        """The reply, or None where the client has gone."""
        exchange = self.exchange
        try:
            request = exchange.begin(scope["method"], target_of(scope), scope["headers"], _client(scope))
            body = await self._body(request, receive)
        except Refused as refused:
            return exchange.refuse(refused, target_of(scope), close=refused.code in UNREAD or _has_body(scope))
        except Exception as error:  # noqa: BLE001 - the last net, as in `Exchange.finish`
            return exchange.incident(error)
        if body is None:
            return None
        request.body, request.received = body, time.monotonic()
        late = await self._turn(request)
        if late is not None:
            return exchange.refuse(late, target_of(scope))
        reply = exchange.finish(request, body)
        return await self.settled(reply) if reply.logged else reply

    async def _turn(self, request: Request) -> Refused | None:
        """Wait until it is this request's turn; why not, where it never will be."""
        shedder = self.service.shedder
        if shedder is None or request.head.method != "POST" or shedder.inline(request.received):
            return None
        turn = Turn(asyncio.get_running_loop())
        try:
            shedder.defer(
                lambda: turn.release(None, None),
                lambda refused: turn.release(None, refused),
                deadline=self.exchange.deadline(request),
                size=len(request.body),
            )
        except Refused as busy:
            return busy
        return await turn.future

    async def settled(self, reply: Reply) -> Reply:
        """The reply once the record of it is safe; else the one that says that it is not."""
        outbox = self.outbox()
        turn = Turn(asyncio.get_running_loop())
        outbox.hold(turn, reply)
        failed = await turn.future
        return reply if failed is None else self.exchange.refuse(failed)

    async def _body(self, request: Request, receive: Receive) -> bytes | None:
        """The whole body, counted as it arrives. Raises Refused: request.size, request.timeout."""
        if request.head.method != "POST":
            return b""
        loop = asyncio.get_running_loop()
        ends = loop.time() + self.service.wire.body_timeout_s
        parts: list[bytes] = []
        size = 0
        while True:
            try:
                async with asyncio.timeout_at(ends):
                    message = await receive()
            except TimeoutError:
                raise Refused("The body did not arrive in time.", code="request.timeout") from None
            if message["type"] == "http.disconnect":
                return None
            part = message.get("body", b"")
            size += len(part)
            if size > request.cap:
                raise too_large(request.cap)
            if part:
                parts.append(part)
            if not message.get("more_body", False):
                return parts[0] if len(parts) == 1 else b"".join(parts)


def target_of(scope: Scope) -> bytes:
    """The target as it was sent. Servers that hand over only the decoded path have lost what was escaped in it."""
    raw = scope.get("raw_path")
    path: bytes = raw if raw is not None else scope["path"].encode("utf-8", "surrogateescape")
    query = scope.get("query_string", b"")
    return path.partition(b"?")[0] + b"?" + query if query else path


def _client(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""


def _has_body(scope: Scope) -> bool:
    return any(name in (b"content-length", b"transfer-encoding") and value != b"0" for name, value in scope["headers"])


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return

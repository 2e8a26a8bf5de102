"""The fast lane: hot POSTs are answered inside the parser's callbacks, without ASGI's scope, messages and tasks.

A subclass of uvicorn's protocol, which keeps its parser, its flow control and its way into ASGI for everything else.
It leans on attributes that uvicorn does not promise; `proof` checks them at the start, and the server does without
the lane where they are not what they were.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from types import SimpleNamespace
from typing import Any, cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from modelwright.interfaces.http.application import UNREAD
from modelwright.interfaces.http.crowd import Courteous
from modelwright.interfaces.http.exchange import too_large
from modelwright.interfaces.http.heads import checked_path
from modelwright.interfaces.http.lane import BODY, CLOSING, HEAD, IDLE, Lane
from modelwright.interfaces.http.replies import Reply
from modelwright.interfaces.http.request import Request
from modelwright.serving.asking import Refused

#: of uvicorn's protocol, besides asyncio's own methods
LEANS_ON = (
    "_start_asgi_task", "_unset_keepalive_if_required", "client", "connections", "cycle", "expect_100_continue",
    "flow", "headers", "loop", "parser", "pipeline", "server_state", "timeout_keep_alive_task", "transport",
)  # fmt: skip

_HOT = (b"/predict", b"/infer")
_OWED = 64  # replies of one connection that may wait before it is read no further
_LINGER_BYTES = 256 << 20  # what a refused client may still send before it is cut off
_OCCUPIED: Any = SimpleNamespace(response_complete=False)


class FastLane(HttpToolsProtocol):
    """One connection."""

    lane: Lane

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.peer = self.client[0] if self.client else ""
        self.phase = IDLE
        self.since = self.lane.now  # when the phase began
        self.taken = 0  # bytes of this message so far
        self.hot = False  # this message is ours, not ASGI's
        self.request: Request | None = None
        #: the last request and its head as it was sent: most clients send the same one again and again
        self.like: Request = None  # type: ignore[assignment]
        self.like_url, self.like_headers = b"", [(b"", b"")]
        self.fresh: tuple[Request, bytes] | None = None  # the first request with this head, and its body
        self.refused: Refused | None = None
        self.chunks: bytes | bytearray = b""
        self.owed = 0  # replies that are still to leave
        self.deferred = False  # a request waits for its turn
        self.behind: deque[Request | Refused] = deque()  # what came after it
        self.parked = False  # a request of the other lane waits for them
        self.farewell: Reply | None = None
        self.served = 0
        if len(self.connections) > self.lane.wire.connections:
            self.turn_away(Refused("Too many connections.", code="serving.busy", retry_after_s=1.0))

    def connection_lost(self, exc: Exception | None) -> None:
        self.phase = CLOSING
        self.request = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        phase = self.phase
        if phase == IDLE:
            if self.cycle is None and self._is_known(data):
                return
            self.taken = len(data)
        else:
            self.taken += len(data)
            if phase == CLOSING:
                if self.taken > _LINGER_BYTES:
                    self.transport.abort()
                return
            if self.taken > (self.lane.head_bytes if phase == HEAD else self.lane.wire_bytes):
                code = "request.head_size" if phase == HEAD else "request.size"
                self.turn_away(Refused("The request is larger than one may be.", code=code))
                return
        if self.timeout_keep_alive_task is not None:
            self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # no other protocol is spoken: what was asked has been answered in this one
        except httptools.HttpParserError:
            self.turn_away(Refused("That is not HTTP as it is spoken here.", code="request.http"))
        if self.phase == HEAD and self.taken > self.lane.head_bytes:
            self.turn_away(Refused("The headers are larger than they may be.", code="request.head_size"))
        if self.fresh is not None:
            request, body = self.fresh
            self.fresh = None
            if phase == IDLE and self.phase == IDLE:
                self.lane.known.learn(self.peer, data, request, self.like_url, body)

    def _is_known(self, data: bytes) -> bool:
        """Take one whole request whose head was seen before."""
        lane, end = self.lane, data.find(b"\r\n\r\n") + 4
        known = lane.known.find((self.peer, data[:end]))
        if known is None or len(data) != end + known.length or lane.stopping or self.flow.write_paused:
            return False
        if self.timeout_keep_alive_task is not None:
            self._unset_keepalive_if_required()
        self.since, self.url = lane.now, known.url
        self.owed += 1
        if self.owed > _OWED:
            self.flow.pause_reading()
        received = time.monotonic()
        try:
            caller = lane.check(known.key, known.scope, self.peer)
        except Refused as refused:
            self._then(refused)
            return True
        body, quick, shedder = data[end:], known.quick, lane.shedder
        if quick and not self.deferred and (shedder is None or shedder.inline(received)):
            given = lane.quick(known.model, body, received, caller)
            if given is not None:
                if shedder is not None:
                    shedder.answered(given[2] - received)
                lane.outbox.hold(self, given)
                return True
            quick = False
        elif not self.deferred and (told := lane.crowd.refused(known, received, len(data))) is not None:
            lane.outbox.hold(self, told)
            return True
        like = known.like
        request = Request(like.head, like.route, like.names, caller, like.cap, known.key)
        request.body, request.received, request.quick = body, received, quick
        self._then(request)
        return True

    def eof_received(self) -> bool:  # type: ignore[override]
        """Keeps the connection until what was asked on it is answered."""
        if self.quiet or self.phase == CLOSING:
            return False
        if self.cycle is not None:
            self.cycle.keep_alive = False
        self.phase = CLOSING
        return not self.lane.tls

    @property
    def quiet(self) -> bool:
        """Nothing is being answered."""
        return self.owed == 0 and not self.pipeline and (self.cycle is None or self.cycle.response_complete)

    # ------------------------------------------------------------ the parser's callbacks

    def on_message_begin(self) -> None:
        if self.phase == CLOSING:
            return
        self.url = b""
        self.headers = []
        self.phase, self.since = HEAD, self.lane.now

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.phase == HEAD:  # what comes later is a trailer, and none means anything here
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        lane = self.lane
        if self.phase == CLOSING:
            return
        self.phase, self.since = BODY, lane.now
        if self.taken > lane.head_bytes and sum(len(n) + len(v) for n, v in self.headers) > lane.head_bytes:
            self.turn_away(Refused("The headers are larger than they may be.", code="request.head_size"))
            return
        parser = self.parser
        self.hot = (
            self.url.endswith(_HOT)
            and parser.get_method() == b"POST"
            and parser.should_keep_alive()
            and parser.get_http_version() == "1.1"
            and not parser.should_upgrade()
            and (self.cycle is None or self.cycle.response_complete)
            and not self.pipeline
            and not self.flow.write_paused
        )
        if not self.hot:
            self._to_asgi()
            return
        self.chunks = b""
        try:
            if self.headers == self.like_headers and self.url == self.like_url:
                self.request = lane.exchange.again(self.like)
                return
            self.request = lane.exchange.begin("POST", self.url, self.headers, self.peer)
            if not self.request.head.expect:
                self.like, self.like_url, self.like_headers = self.request, self.url, self.headers
            elif not self.owed:
                self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        except Refused as refused:
            self.request = None
            if refused.code in UNREAD:
                self.turn_away(refused)
            self.refused = refused
        except Exception as error:  # noqa: BLE001 - the last net: an incident, and the next connection is answered
            self._leave(lane.exchange.incident(error))

    def on_body(self, body: bytes) -> None:
        if self.phase == CLOSING:
            return
        if not self.hot:
            HttpToolsProtocol.on_body(self, body)
        elif self.request is None:
            return
        elif not self.chunks:
            self.chunks = body
            self._check_size(self.request)
        else:
            if isinstance(self.chunks, bytes):
                self.chunks = bytearray(self.chunks)
            self.chunks += body
            self._check_size(self.request)

    def _check_size(self, request: Request) -> None:
        if len(self.chunks) > request.cap:
            self.turn_away(too_large(request.cap))

    def on_message_complete(self) -> None:
        if self.phase == CLOSING:
            return
        self.phase, self.since = IDLE, self.lane.now
        self.taken = 0
        if not self.hot:
            HttpToolsProtocol.on_message_complete(self)
            return
        request = self.request
        self.request = None
        self.owed += 1
        if self.owed > _OWED:
            self.flow.pause_reading()
        if request is None:
            assert self.refused is not None
            self._then(self.refused)
            return
        request.body = self.chunks if isinstance(self.chunks, bytes) else bytes(self.chunks)
        request.received = time.monotonic()
        self.chunks = b""
        if request is self.like:
            self.fresh = request, request.body
        self._then(request)

    def _then(self, asked: Request | Refused) -> None:
        """Answer now, or in turn where an earlier request of this connection waits."""
        if self.deferred:
            self.behind.append(asked)
        elif isinstance(asked, Refused):
            self.lane.outbox.hold(self, self.lane.exchange.refuse(asked, self.url))
        else:
            self._answer(asked)

    def _answer(self, request: Request) -> None:
        shedder = self.lane.shedder
        if shedder is None:
            self.lane.outbox.hold(self, self.lane.reply(request))
        elif shedder.inline(request.received):
            reply = self.lane.reply(request)
            shedder.answered(time.monotonic() - request.received)
            self.lane.outbox.hold(self, reply)
        else:
            try:
                self.deferred = True
                shedder.defer(
                    lambda: self._late(request),
                    lambda refused: self._late(refused),
                    deadline=self.lane.exchange.deadline(request),
                    size=len(request.body),
                )
            except Refused as refused:
                self.deferred, lane, size = False, self.lane, len(request.body)
                if lane.stopping:
                    lane.outbox.hold(self, lane.exchange.refuse(refused, self.url))
                else:
                    wait = refused.retry_after_s or 1.0
                    lane.outbox.hold(self, lane.crowd.refusal(wait, self.url, request.received, size))

    def _late(self, asked: Request | Refused) -> None:
        """The turn of a request that had to wait, and of those behind it."""
        exchange, hold = self.lane.exchange, self.lane.outbox.hold
        if self.transport.is_closing():  # nobody is left to be told
            self.deferred = False
            self.behind.clear()
            return
        hold(self, exchange.refuse(asked, self.url) if isinstance(asked, Refused) else self.lane.reply(asked))
        self.deferred = False
        behind, self.behind = self.behind, deque()
        for one in behind:
            self._then(one)

    def _to_asgi(self) -> None:
        """Hand the message over to uvicorn as if it had read the head itself."""
        url, headers = self.url, self.headers
        try:
            checked_path(url)
        except Refused as refused:  # before any other reader of URLs sees it
            self.turn_away(refused)
            return
        HttpToolsProtocol.on_message_begin(self)
        self.url = url
        for name, value in headers:
            HttpToolsProtocol.on_header(self, name, value)
        if self.owed:  # replies leave in the order of the requests
            self.parked, self.cycle = True, _OCCUPIED
        HttpToolsProtocol.on_headers_complete(self)
        self.cycle.transport = cast("asyncio.Transport", Courteous(self))
        if self.lane.stopping:
            self.cycle.keep_alive = False

    # ------------------------------------------------------------ replies

    def release(self, reply: Any, failed: Refused | None) -> None:
        """Called by the outbox, in the order of the requests."""
        self.owed -= 1
        self.served += 1
        if self.transport.is_closing():
            return
        busy = type(reply) is bytes
        if busy:
            self.transport.write(reply)
        elif type(reply) is tuple:  # as the plane gave it quickly
            lane = self.lane
            self.transport.write(lane.quick_raw(reply) if failed is None else lane.raw(lane.exchange.refuse(failed)))
        else:
            if failed is not None and reply.logged:
                reply = self.lane.exchange.refuse(failed)
            self.transport.write(self.lane.raw(reply))
            busy = reply.code == "serving.busy"
        if self.owed:
            return
        if self.farewell is not None:
            self._leave(self.farewell)
        elif self.parked:
            self.parked = False
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
        elif self.lane.stopping or self.phase == CLOSING:
            self.linger()
        elif busy:
            self.lane.crowd.calm(self)
        elif self.flow.read_paused:
            self.flow.resume_reading()

    def turn_away(self, refused: Refused) -> None:
        """Refuse, and read nothing more: nobody can say where the next request would begin."""
        if self.phase == CLOSING:
            return
        reply = self.lane.exchange.refuse(refused, getattr(self, "url", b""), close=True)
        busy = self.cycle is not None and not self.cycle.response_complete
        if busy and (self.hot or self.phase != BODY):
            self.cycle.keep_alive = False  # an earlier request is being answered; that reply is the last one
            self.phase = CLOSING
        elif self.owed:
            self.phase, self.farewell = CLOSING, reply
        else:
            if busy:
                self.cycle.disconnected = True
                self.cycle.message_event.set()
            self._leave(reply)

    def _leave(self, reply: Reply) -> None:
        reply.close = True
        self.farewell = None
        self.transport.write(reply.raw(self.lane.default))
        self.linger()

    def linger(self) -> None:
        """End our side and read on for a moment: closing at once would throw the reply away with what still comes."""
        self.phase, self.since, self.taken = CLOSING, self.lane.now, 0
        self.request, self.chunks = None, b""
        self._unset_keepalive_if_required()
        if self.transport.is_closing():
            return
        if self.transport.can_write_eof():
            self.transport.write_eof()
            self.flow.resume_reading()
        else:
            self.transport.close()


def protocol_of(lane: Lane) -> type[FastLane]:
    """The protocol class whose connections belong to this lane."""
    return type("FastLaneHere", (FastLane,), {"lane": lane})

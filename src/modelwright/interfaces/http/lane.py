"""What the connections of one process share: the exchange, the outbox, the clock that ticks, and the replies' bytes."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import uvicorn

from modelwright.interfaces.http.application import Application
from modelwright.interfaces.http.crowd import Crowd
from modelwright.interfaces.http.known import KnownHeads
from modelwright.interfaces.http.replies import JSON, NOTHING_LOADS, SECURITY, Reply, log_header
from modelwright.interfaces.http.request import Request
from modelwright.interfaces.http.service import Caller, Service
from modelwright.serving.asking import Refused
from modelwright.serving.straight import Given

TICK_S = 0.5
IDLE, HEAD, BODY, CLOSING = range(4)  # what a connection waits for; a closing one reads no requests any more
_LINGER_S = 2.0
_DRAIN_IDLE_S = 1.0  # a connection that asks nothing for so long while we stop may be closed


class Lane:
    """Made once per process; `tick` is to be called about every TICK_S."""

    def __init__(self, app: Application, *, tls: bool = False) -> None:
        service = app.service
        self.exchange = app.exchange
        self.outbox = app.outbox()
        self.shedder = service.shedder
        self.known = KnownHeads()
        self.crowd = Crowd(app.exchange, service.shedder)
        self.check, self.charge = service.access.check, service.access.charge
        self.quickly = None if app.exchange.tracing.exports else service.plane.quickly
        self.wire = service.wire
        self.head_bytes = service.wire.header_bytes
        #: of one message: a body in the smallest chunks is sent as six bytes a byte
        self.wire_bytes = 6 * service.limits.max_bytes + service.wire.header_bytes
        self.tls = tls
        self.now = time.monotonic()
        self.stopping = False
        self.default = b""
        self.counters = service.counters
        self._log_header = log_header(service.durability)
        self._prefix = b""
        self.set_default([])

    def set_default(self, headers: list[tuple[bytes, bytes]]) -> None:
        """Header lines of every reply, such as the date."""
        self.default = b"".join(b"%s: %s\r\n" % pair for pair in headers)
        self.crowd.dress(self.default)
        fixed = b"".join(b"%s: %s\r\n" % pair for pair in (*SECURITY, NOTHING_LOADS, *self._log_header))
        self._prefix = b"HTTP/1.1 200 OK\r\n" + self.default + b"content-type: application/json\r\n" + fixed

    def quick(self, name: str, body: bytes, received: float, caller: Caller) -> Given | None:
        """The reply of the plane's quick way, counted; None where there is none."""
        given = None if self.quickly is None else self.quickly(name, body, received, caller.id)
        if given is not None:
            if given[3] > 1:
                self.charge(caller, given[3])
            self.counters.count("http_requests", (name, "200"))
            self.counters.observe_latency(int((given[2] - received) * 1e6), name)
        return given

    def reply(self, request: Request) -> Reply | Given:
        """Answer a request whose turn it is."""
        if request.quick:
            given = self.quick(request.names[0], request.body, request.received, request.caller)
            if given is not None:
                return given
        return self.exchange.finish(request, request.body)

    def quick_raw(self, given: Given) -> bytes:
        """As `raw`, of what the plane gave quickly."""
        request_id, body = given[:2]
        if self.stopping:
            return self.raw(Reply(200, body, JSON, self._log_header, request_id.decode(), close=True))
        return b"%bcontent-length: %d\r\nx-request-id: %b\r\n\r\n%b" % (self._prefix, len(body), request_id, body)

    def raw(self, reply: Reply) -> bytes:
        if reply.status == 200 and reply.headers == self._log_header and not self.stopping and reply.media_type is JSON:
            return b"%bcontent-length: %d\r\nx-request-id: %b\r\n\r\n%b" % (
                self._prefix, len(reply.body), reply.request_id.encode("latin-1"), reply.body,
            )  # fmt: skip
        reply.close = reply.close or self.stopping
        return reply.raw(self.default)

    def tick(self, connections: set[Any]) -> None:
        """Close what has waited too long, and give up on replies that the disk keeps."""
        self.now = now = time.monotonic()
        self.outbox.expire(now)
        self.counters.put("connections", float(len(connections)))
        for one in list(connections):
            self._judge(one, now - one.since)

    def _judge(self, one: Any, waited: float) -> None:
        wire = self.wire
        if one.phase == CLOSING:
            if waited > _LINGER_S and one.quiet:
                one.transport.abort()
        elif one.phase == HEAD and waited > wire.header_timeout_s:
            one.turn_away(Refused("The head of the request did not arrive in time.", code="request.timeout"))
        elif one.phase == BODY and waited > wire.body_timeout_s + TICK_S:
            one.turn_away(Refused("The body did not arrive in time.", code="request.timeout"))
        elif one.phase == IDLE and one.quiet:
            fresh = one.served == 0 and one.cycle is None
            most = wire.header_timeout_s if fresh else wire.keep_alive_s
            if waited > (min(most, _DRAIN_IDLE_S) if self.stopping else most):
                one.transport.close()


def configured(app: Application, service: Service) -> uvicorn.Config:
    """uvicorn's settings: nothing of its own in replies or logs, no websockets, no lifespan."""
    config = uvicorn.Config(
        app, http="httptools", ws="none", lifespan="off", loop="none", log_config=None, access_log=False,
        server_header=False, proxy_headers=False, timeout_keep_alive=int(service.wire.keep_alive_s),
    )  # fmt: skip
    config.load()
    return config


async def ticking(lane: Lane, state: Any, stop: asyncio.Event) -> None:
    """Tick until stopped; also keeps the date that replies carry."""
    while not stop.is_set():
        headers = [(b"date", date_now())]
        state.default_headers = headers
        lane.set_default(headers)
        lane.tick(state.connections)
        await asyncio.sleep(TICK_S)


def date_now() -> bytes:
    from email.utils import formatdate

    return formatdate(usegmt=True).encode("ascii")

"""Serve an application on a socket until told to stop: our lane where it fits, plain ASGI where it does not."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from modelwright.interfaces.http.application import Application
from modelwright.interfaces.http.fast_lane import protocol_of
from modelwright.interfaces.http.lane import TICK_S, Lane, configured, date_now, ticking
from modelwright.interfaces.http.proof import unfit
from modelwright.interfaces.http.service import Service

_log = logging.getLogger("modelwright.http")
_BACKLOG = 2_048


async def serve(
    sock: socket.socket,
    app: Application,
    service: Service,
    stopping: asyncio.Event,
    tls: ssl.SSLContext | None = None,
    *,
    fast: bool = True,
) -> None:
    """Accept on a bound socket until `stopping`; then finish what is in flight, for at most `wire.drain_s`.

    A stop closes nothing under a client that may be sending: replies then say `connection: close`, and connections
    without a request are closed after a second.
    """
    loop = asyncio.get_running_loop()
    lane = Lane(app, tls=tls is not None)
    why = await unfit() if fast else "it was not asked for"
    if why:
        _log.warning("the fast lane is closed, requests take the ASGI one: %s", why)
    protocol = HttpToolsProtocol if why else protocol_of(lane)
    config = configured(app, service)
    state = ServerState()
    ended = asyncio.Event()
    clock = asyncio.ensure_future(ticking(lane, state, ended) if not why else _dating(state, ended))
    make: Any = lambda: protocol(config=config, server_state=state, app_state={}, _loop=loop)  # noqa: E731
    server = await loop.create_server(make, sock=sock, backlog=_BACKLOG, ssl=tls)
    try:
        await stopping.wait()
    finally:
        server.close()
        lane.stopping = True
        await _drain(state, lane, service.wire.drain_s, plain=bool(why))
        ended.set()
        clock.cancel()
        await asyncio.gather(clock, return_exceptions=True)
        app.exchange.tracing.close()


async def _drain(state: ServerState, lane: Lane, most_s: float, *, plain: bool) -> None:
    loop = asyncio.get_running_loop()
    ends = loop.time() + most_s
    for one in list(state.connections):
        cycle = getattr(one, "cycle", None)
        if plain:
            one.shutdown()
        elif cycle is not None and not cycle.response_complete:
            cycle.keep_alive = False
    while (state.connections or not lane.outbox.empty) and loop.time() < ends:
        await asyncio.sleep(min(TICK_S, 0.05))
    for one in list(state.connections):
        one.transport.abort()
    if state.tasks:
        await asyncio.wait(list(state.tasks), timeout=1.0)


async def _dating(state: ServerState, ended: asyncio.Event) -> None:
    while not ended.is_set():
        state.default_headers = [(b"date", date_now())]
        await asyncio.sleep(TICK_S)

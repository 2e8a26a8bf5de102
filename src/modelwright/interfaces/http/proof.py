"""The fast lane's self-check at every start: requests over a socket pair, through it and past it.

uvicorn promises nothing about the class that the lane derives from; a version in which it has changed must cost
speed, never answers.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from uvicorn.server import ServerState

from modelwright.interfaces.http.application import Application
from modelwright.interfaces.http.fast_lane import LEANS_ON, protocol_of
from modelwright.interfaces.http.lane import Lane, configured
from modelwright.interfaces.http.service import Service
from modelwright.serving.asking import Answer, Ask, Health

_PATIENCE_S = 10.0
_BODY = b'{"rows":[{"proof":1}]}'
_HEAD = b"Host: localhost\r\nContent-Type: application/json\r\n"
_HOT = b"POST /v1/models/proof/predict HTTP/1.1\r\n%bContent-Length: %d\r\n\r\n%b" % (_HEAD, len(_BODY), _BODY)
_COLD = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
_LAST = _HOT.replace(b"Content-Type", b"Connection: close\r\nContent-Type")


async def unfit() -> str:
    """Why the fast lane cannot be used with the uvicorn that is installed; an empty text where it can."""
    try:
        return await asyncio.wait_for(_tried(), _PATIENCE_S)
    except TimeoutError:
        return "its self-check got no answer"
    except Exception as error:  # noqa: BLE001 - whatever has changed underneath, there is another lane
        return f"its self-check failed ({type(error).__name__}: {error})"


async def _tried() -> str:
    loop = asyncio.get_running_loop()
    service = Service(
        plane=_Echo(), access=_Open(), counters=_Uncounted(), feedback=lambda _label: None,
        health=lambda: Health(live=True, ready=True, started=True),
    )  # fmt: skip
    app = Application(service, traced=False)
    lane = Lane(app)
    state = ServerState()
    ours, theirs = socket.socketpair()
    config = configured(app, service)
    kind: Any = protocol_of(lane)
    protocol = kind(config=config, server_state=state, app_state={}, _loop=loop)
    ours.setblocking(False)
    theirs.setblocking(False)
    transport, _ = await loop.connect_accepted_socket(lambda: protocol, sock=ours)
    try:
        missing = [name for name in LEANS_ON if not hasattr(protocol, name)]
        if missing:
            return f"uvicorn has no {', '.join(missing)} any more"
        await loop.sock_sendall(theirs, _HOT + _COLD + _HOT + _LAST)
        got = b""
        while part := await loop.sock_recv(theirs, 65536):
            got += part
        return _judged(got, protocol.served)
    finally:
        transport.close()
        theirs.close()


def _judged(got: bytes, served: int) -> str:
    """Four replies in order: hot, cold, hot, and the hot one that asked for the end, which ASGI answers."""
    bodies = [part for part in got.replace(b"HTTP/1.1 ", b"\r\n\r\n").split(b"\r\n\r\n") if part]
    statuses = [part[:3] for part in bodies[::2]]
    if statuses != [b"200"] * 4:
        return f"its self-check got the statuses {[one.decode('latin-1') for one in statuses]}"
    if bodies[1::2] != [_BODY, b'{"live":true}', _BODY, _BODY]:
        return "its self-check got replies in another order, or other ones"
    return "" if served >= 1 else "uvicorn does not hand requests to it"


class _Echo:
    """Answers with the body it was asked."""

    def answer(self, ask: Ask) -> Answer:
        return Answer(request_id="proof", model=ask.model, version=0, degraded=False, route="", body=bytes(ask.body))

    def quickly(self, name: str, body: bytes, received: float, caller: str) -> None:
        return None

    def commit(self) -> int:
        return 0

    def explain(self, ask: Ask, most_rows: int = 10) -> dict[str, Any]:
        return {}

    def find(self, name: str, which: str = "") -> Any:
        raise NotImplementedError

    def models(self) -> dict[str, tuple[Any, ...]]:
        return {}

    def aliases(self, name: str) -> dict[str, int]:
        return {}


class _Open:
    id = ""

    def check(self, key: str | None, scope: str, client: str) -> _Open:
        return self

    def charge(self, caller: _Open, rows: int) -> None:
        return


class _Uncounted:
    def count(self, name: str, labels: tuple[str, ...] = (), by: float = 1.0) -> None: ...

    def put(self, name: str, value: float, labels: tuple[str, ...] = ()) -> None: ...

    def observe_latency(self, us: int, model: str = "") -> None: ...

    def read(self) -> tuple[()]:
        return ()

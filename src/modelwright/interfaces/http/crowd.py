"""When there are too many: refusals at hardly any cost, and no ear for a moment for whoever was just refused."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from math import ceil
from typing import Any

from modelwright.interfaces.http.exchange import Exchange
from modelwright.interfaces.http.known import KnownHead
from modelwright.interfaces.http.replies import refusal
from modelwright.serving.shedding import Shedder, busy

#: those that were refused are heard again every so often, as many as can be refused anew in this share of the time
_CALM_S, _SHARE = 0.02, 0.1
#: what the kernel does for a refusal, and for each byte of the request
_REFUSAL_S, _BYTE_S = 15e-6, 0.4e-9
_NEWEST = 0.05  # weight of the newest refusal in the average time of one
_ID = "@" * 32  # where the id of a request stands in a refusal that is kept


class Crowd:
    """Of one process and its event loop. `header_lines`: those of every reply, such as the date."""

    def __init__(self, exchange: Exchange, shedder: Shedder | None) -> None:
        self._exchange, self._shedder = exchange, shedder
        self._loop = asyncio.get_running_loop()
        self._calmed: deque[Any] = deque()
        self._cost_s = 2 * _REFUSAL_S
        self._patience_s = exchange.service.limits.deadline_s
        self._header_lines = b""
        self._texts: dict[tuple[int, bool], bytes] = {}  # by seconds to wait and dialect

    def dress(self, header_lines: bytes) -> None:
        self._header_lines = header_lines
        self._texts.clear()

    def refused(self, known: KnownHead, received: float, size: int) -> bytes | None:
        """The refusal of a request with this head, or None where it may wait for its turn: asked before anything is
        made of it."""
        if self._shedder is None:
            return None
        wait = self._shedder.full(received + min(known.patience_s, self._patience_s), size)
        return self.refusal(wait, known.url, received, size) if wait else None

    def refusal(self, wait_s: float, target: bytes, received: float, size: int) -> bytes:
        """To a request of `size` bytes that came at `received`: the words of any other refusal, but for the id."""
        place = ceil(wait_s), target.startswith(b"/v2")
        text = self._texts.get(place)
        if text is None:
            whole = refusal(busy(wait_s), _ID, tensors=place[1]).raw(self._header_lines)
            text = self._texts[place] = whole.replace(b"%", b"%%").replace(_ID.encode(), b"%b")
        counters = self._exchange.service.counters
        counters.count("http_requests", ("-", "503"))
        counters.count("http_refused", ("serving.busy",))
        spent = time.monotonic() - received + _REFUSAL_S + size * _BYTE_S
        self._cost_s += _NEWEST * (spent - self._cost_s)
        said = self._exchange.ids.make().encode()
        return text % (said, said)

    def calm(self, connection: Any) -> None:
        """Read nothing from who was just refused, for a moment: an answer is worth more than a further refusal.

        Clients that ask again at once, whatever Retry-After says, together get only so many refusals a second.
        """
        connection.flow.pause_reading()
        self._calmed.append(connection)
        if len(self._calmed) == 1:
            self._loop.call_later(_CALM_S, self._hear)

    def _hear(self) -> None:
        """Go on reading from those that have waited longest."""
        for _ in range(min(len(self._calmed), 1 + int(_CALM_S * _SHARE / self._cost_s))):
            one = self._calmed.popleft()
            if not one.transport.is_closing():
                one.flow.resume_reading()
        if self._calmed:
            self._loop.call_later(_CALM_S, self._hear)


class Courteous:
    """The transport of a connection as ASGI's cycle sees it: closing it lets the client read the reply first."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def write(self, data: bytes) -> None:
        self._connection.transport.write(data)

    def is_closing(self) -> bool:
        return bool(self._connection.transport.is_closing())

    def close(self) -> None:
        self._connection.linger()

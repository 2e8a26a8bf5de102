"""A request on its way through the exchange."""

from __future__ import annotations

from modelwright.interfaces.http.heads import Head
from modelwright.interfaces.http.routes import Route
from modelwright.interfaces.http.service import Caller


class Request:
    """A request that may be answered: its route is known, its caller allowed, its body complete."""

    __slots__ = (
        "body",
        "caller",
        "cap",
        "head",
        "key",
        "names",
        "quick",
        "received",
        "request_id",
        "route",
        "span",
        "trace",
    )

    def __init__(
        self, head: Head, route: Route, names: tuple[str, ...], caller: Caller, cap: int, key: str | None
    ) -> None:
        self.head, self.route, self.names, self.caller, self.cap, self.key = head, route, names, caller, cap, key
        self.body: bytes = b""
        self.received = 0.0
        self.request_id = ""
        self.trace: tuple[str, str, str] | None = None
        self.span: str = ""
        self.quick = False  # nothing in the head asks for more than an answer by the champion

    @property
    def traceparent(self) -> bytes:
        """Our own span in the caller's trace, as the reply and the record say it."""
        return b"" if self.trace is None else f"00-{self.trace[0]}-{self.span}-{self.trace[2]}".encode()

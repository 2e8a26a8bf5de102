"""What goes back: status, headers and body, with the headers that every reply has."""

from __future__ import annotations

import http
import math
from collections.abc import Callable
from dataclasses import dataclass

from modelwright.interfaces.http.statuses import error_body, status_of
from modelwright.serving.asking import Refused

JSON = b"application/json"
TEXT = b"text/plain; charset=utf-8"
HTML = b"text/html; charset=utf-8"
BINARY = b"application/octet-stream"

#: OWASP's list for interfaces that answer machines; pages bring a policy of their own
SECURITY: tuple[tuple[bytes, bytes], ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
NOTHING_LOADS = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")

_STATUS_LINES = {one.value: f"HTTP/1.1 {one.value} {one.phrase}\r\n".encode() for one in http.HTTPStatus}
_FIXED = b"".join(b"%s: %s\r\n" % pair for pair in (*SECURITY, NOTHING_LOADS))


@dataclass(slots=True)
class Reply:
    """One reply. `logged`: it may only leave after the record of it has been committed."""

    status: int
    body: bytes = b""
    media_type: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()
    request_id: str = ""
    policy: tuple[bytes, bytes] = NOTHING_LOADS
    logged: bool = False
    close: bool = False
    model: str = "-"  # for the counters; a served name or nothing
    code: str = ""  # of the refusal
    rows: int = 1  # that were answered, as the caller's rate counts them
    replayed: bool = False  # an idempotency key has had it before
    settle: Callable[[bool], None] | None = None  # called once: whether the record of it is safe

    def header_list(self) -> list[tuple[bytes, bytes]]:
        """All of them, as ASGI wants them."""
        listed = [
            (b"content-type", self.media_type),
            (b"content-length", b"%d" % len(self.body)),
            *SECURITY,
            self.policy,
            *self.headers,
        ]
        if self.request_id:
            listed.append((b"x-request-id", self.request_id.encode("latin-1")))
        if self.close:
            listed.append((b"connection", b"close"))
        return listed

    def raw(self, default: bytes = b"") -> bytes:
        """The reply as it goes over the wire; `default` are header lines such as the date."""
        named = b"x-request-id: %s\r\n" % self.request_id.encode("latin-1") if self.request_id else b""
        more = b"".join([b"%s: %s\r\n" % pair for pair in self.headers]) if self.headers else b""
        fixed = _FIXED if self.policy is NOTHING_LOADS else _lines((*SECURITY, self.policy))
        end = b"connection: close\r\n\r\n" if self.close else b"\r\n"
        head = b"content-type: %s\r\ncontent-length: %d\r\n" % (self.media_type, len(self.body))
        return b"".join((_STATUS_LINES[self.status], default, head, fixed, named, more, end, self.body))


def log_header(durability: str) -> tuple[tuple[bytes, bytes], ...]:
    """What the reply to a logged request says of the log."""
    return ((b"x-modelwright-log", durability.encode("ascii")),)


def header_text(value: str) -> str:
    """A text that came in a body as it may stand in a header: nothing of it where it could end one."""
    return value if value.isascii() and value.isprintable() else ""


def _lines(pairs: tuple[tuple[bytes, bytes], ...]) -> bytes:
    return b"".join(b"%s: %s\r\n" % pair for pair in pairs)


def refusal(refused: Refused, request_id: str, *, close: bool = False, tensors: bool = False) -> Reply:
    """The reply to a request that is refused, with the headers its status asks for."""
    status = status_of(refused)
    headers: list[tuple[bytes, bytes]] = []
    if status == 401:
        headers.append((b"www-authenticate", b'Bearer realm="modelwright"'))
    wait = refused.retry_after_s
    if wait is None and status in (429, 503):
        wait = 1.0
    if wait is not None:
        headers.append((b"retry-after", b"%d" % max(1, math.ceil(wait))))
    return Reply(
        status, error_body(refused, request_id, tensors=tensors), JSON, tuple(headers), request_id, close=close,
        code=refused.code,
    )  # fmt: skip

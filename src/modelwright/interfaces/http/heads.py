"""The head of a request: what its headers say, read strictly. Both lanes read it here."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable

from modelwright.serving.asking import Refused

_TARGET = re.compile(rb"/[A-Za-z0-9._~@:/+-]*", re.ASCII)
_TOKEN = re.compile(rb"[A-Za-z0-9._:@/+=-]{1,128}", re.ASCII)
_HOST = re.compile(rb"([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?", re.ASCII)
_DIGITS = re.compile(rb"[0-9]{1,18}", re.ASCII)
_TRACEPARENT = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII)

#: header -> attribute; each may stand once
_SINGLE = {
    b"host": "host",
    b"origin": "origin",
    b"authorization": "authorization",
    b"x-api-key": "api_key",
    b"content-type": "content_type",
    b"content-encoding": "content_encoding",
    b"content-length": "content_length",
    b"transfer-encoding": "transfer_encoding",
    b"x-request-id": "request_id",
    b"idempotency-key": "idempotency_key",
    b"x-sticky-key": "sticky",
    b"x-deadline-ms": "deadline_ms",
    b"expect": "expect",
    b"traceparent": "traceparent",
    b"inference-header-content-length": "tensor_header",
}


class Head:
    """Method, path and the headers that matter, as bytes until somebody needs more."""

    __slots__ = (*_SINGLE.values(), "client", "method", "path")

    host: bytes
    origin: bytes
    authorization: bytes
    api_key: bytes
    content_type: bytes
    content_encoding: bytes
    content_length: bytes
    transfer_encoding: bytes
    request_id: bytes
    idempotency_key: bytes
    sticky: bytes
    deadline_ms: bytes
    expect: bytes
    traceparent: bytes
    tensor_header: bytes

    def __init__(self, method: str, path: str, client: str) -> None:
        self.method = method
        self.path = path
        self.client = client
        self.host = self.origin = self.authorization = self.api_key = self.content_type = b""
        self.content_encoding = self.content_length = self.transfer_encoding = self.request_id = b""
        self.idempotency_key = self.sticky = self.deadline_ms = self.expect = b""
        self.traceparent = self.tensor_header = b""

    def read(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Raises Refused (`request.header`) where a header that may stand once stands twice."""
        known = _SINGLE.get
        for name, value in headers:
            slot = known(name) or known(name.lower())
            if slot is not None and value:
                if getattr(self, slot):
                    raise bad_header(name.decode("latin-1").lower(), "stands twice")
                setattr(self, slot, value)

    def length(self) -> int | None:
        """What content-length says; None where it says nothing."""
        if not self.content_length:
            return None
        if _DIGITS.fullmatch(self.content_length) is None:
            raise Refused("The header content-length is no number.", code="request.length")
        return int(self.content_length)

    def key(self, *, browser: bool = False) -> str | None:
        """The key the caller shows, or None."""
        if not self.authorization:
            return _printable(self.api_key, "x-api-key") if self.api_key else None
        if self.api_key:
            raise bad_header("x-api-key", "stands beside authorization; send one of them")
        scheme, _, value = self.authorization.partition(b" ")
        kind = scheme.lower()
        if kind == b"bearer":
            return _printable(value.strip(), "authorization")
        if kind == b"basic" and browser:
            try:
                return base64.b64decode(value.strip(), validate=True).partition(b":")[2].decode("ascii")
            except (binascii.Error, UnicodeDecodeError):
                raise bad_header("authorization", "cannot be read") from None
        raise Refused(
            "The header authorization is of a kind that is not taken here.",
            code="key.missing",
            hint="Authorization: Bearer KEY",
        )

    def token(self, slot: str, name: str) -> str:
        """The value of a header that is written into logs and replies: one plain word of at most 128 characters."""
        value: bytes = getattr(self, slot)
        if not value:
            return ""
        if _TOKEN.fullmatch(value) is None:
            raise bad_header(name, "may hold only letters, digits and ._:@/+=-, at most 128 of them")
        return value.decode("ascii")

    def number(self, slot: str, name: str, most: int) -> int | None:
        value: bytes = getattr(self, slot)
        if not value:
            return None
        if _DIGITS.fullmatch(value) is None or not 0 <= int(value) <= most:
            raise bad_header(name, f"must be a whole number from 0 to {most}")
        return int(value)

    def trace(self) -> tuple[str, str, str] | None:
        """(trace id, parent's span id, flags) of a W3C traceparent; None where there is none or it is not valid,
        which the recommendation wants ignored."""
        found = _TRACEPARENT.fullmatch(self.traceparent) if self.traceparent else None
        if found is None:
            return None
        version, trace, parent, flags, more = found.groups()
        if version == b"ff" or (version == b"00" and more) or not int(trace, 16) or not int(parent, 16):
            return None
        return trace.decode(), parent.decode(), flags.decode()


def bad_header(name: str, why: str) -> Refused:
    return Refused(f"The header {name} {why}.", code="request.header", subject=f"header:{name}")


def _printable(value: bytes, name: str) -> str:
    if not value or _TOKEN.fullmatch(value) is None:
        raise Refused(f"The header {name} holds nothing that could be a key.", code="key.unknown")
    return value.decode("ascii")


def checked_path(target: bytes, query: bytes = b"") -> str:
    """The path of a request target without anything that two readers could read differently.

    Raises Refused (`request.target`, `request.query`): absolute form, escapes, `//`, `;`, dot segments, a query.
    """
    path, mark, asked = target.partition(b"?")
    if (
        _TARGET.fullmatch(path) is None
        or b"//" in path
        or b"/./" in path
        or b"/.." in path
        or path.endswith(b"/.")
        or len(path) > 1024
    ):
        raise Refused(
            "The path of the request is not one that is served here.",
            code="request.target",
            hint="a path is plain: no escapes, no empty or dot segments, no ';'",
        )
    if mark or asked or query:
        raise Refused(
            "No path here takes a query.",
            code="request.query",
            hint="options go into the body, keys into the header: Authorization: Bearer KEY",
        )
    return path.decode("ascii")


def check_host(head: Head, allowed: frozenset[str] | None) -> None:
    """Host must be a name we answer to; Origin, where a browser sends one, must be that same place.

    Raises Refused: request.header, request.host, request.origin. Against DNS rebinding and foreign pages.
    """
    host = head.host
    found = _HOST.fullmatch(host)
    if found is None:
        raise bad_header("host", "is missing or no host name")
    if allowed is not None and found[1].decode("ascii").lower() not in allowed:
        raise Refused("This server does not answer to that host name.", code="request.host", hint="serve --host")
    if head.origin:
        scheme, mark, place = head.origin.partition(b"://")
        if not mark or scheme not in (b"http", b"https") or place.lower() != host.lower():
            raise Refused("Pages of other places may not call this server.", code="request.origin")

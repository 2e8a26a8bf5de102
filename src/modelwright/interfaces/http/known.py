"""Heads that were seen before: most clients send the very same bytes again and again, only the body differs.

A head is read once. When its bytes come again, with a body of the length that it names behind them and nothing else,
then a parser would say again what it has said, so none is asked. Who calls is judged anew for every request.
"""

from __future__ import annotations

from math import inf

from modelwright.interfaces.http.request import Request

#: heads that are remembered, and bytes of one
_MOST, _LONGEST = 1_024, 2_048
#: a deadline that is not over between reading a request and answering it at once
_PATIENT_MS = 100
_PLAIN = "/v1/models/{name}/predict"


class KnownHead:
    """A head that a hot request has had."""

    __slots__ = ("key", "length", "like", "model", "patience_s", "quick", "scope", "url")

    def __init__(self, like: Request, url: bytes, length: int) -> None:
        self.like, self.url, self.length = like, url, length
        self.key, self.scope = like.key, like.route.policy.scope
        self.model = like.names[0]
        self.quick = is_plain(like)
        self.patience_s = int(like.head.deadline_ms) / 1e3 if like.head.deadline_ms else inf


def is_plain(request: Request) -> bool:
    """Whether nothing in the head asks for more than an answer by the champion."""
    head = request.head
    if request.route.pattern != _PLAIN or head.sticky or head.request_id or head.idempotency_key or head.traceparent:
        return False
    return not head.deadline_ms or int(head.deadline_ms) >= _PATIENT_MS


class KnownHeads:
    """Of one process, by the peer's address and the bytes up to the body."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, bytes], KnownHead] = {}
        self.find = self._known.get

    def learn(self, peer: str, data: bytes, request: Request, url: bytes, body: bytes) -> None:
        """`data` held one whole request and nothing else. Heads that hardly come twice are not kept."""
        head = request.head
        if head.request_id or head.idempotency_key or head.traceparent or head.tensor_header or head.transfer_encoding:
            return
        end = data.find(b"\r\n\r\n") + 4
        if end > _LONGEST or head.length() != len(body) or data[end:] != body:
            return
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[peer, data[:end]] = KnownHead(request, url, len(body))

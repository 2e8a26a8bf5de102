"""One request in, one reply out: what both lanes share. Nothing here knows sockets or ASGI."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable

from modelwright.core.errors import ModelwrightError
from modelwright.interfaces.http.heads import Head, check_host, checked_path
from modelwright.interfaces.http.identity import Ids
from modelwright.interfaces.http.incidents import Incidents
from modelwright.interfaces.http.known import is_plain
from modelwright.interfaces.http.replies import Reply, refusal
from modelwright.interfaces.http.request import Request
from modelwright.interfaces.http.routes import Route, Table
from modelwright.interfaces.http.service import Service
from modelwright.interfaces.http.statuses import incident_body
from modelwright.interfaces.http.tracing import Tracing
from modelwright.serving.asking import Refused

Headers = Iterable[tuple[bytes, bytes]]
_FOUND = 512  # paths whose route is remembered


class Exchange:
    """Opens a request by its head (`begin`), answers it by its body (`finish`), or says why not (`refuse`)."""

    def __init__(self, service: Service, *, traced: bool = True) -> None:
        self.service = service
        self.table = Table(())
        self.ids = Ids()
        self.incidents = Incidents(service.incidents)
        self.tracing = Tracing(self.ids, dict(os.environ) if traced else {})
        self._found: dict[bytes, tuple[str, Route, tuple[str, ...]]] = {}
        self._wait = service.limits.deadline_s

    def open(self, routes: Iterable[Route]) -> None:
        """These paths exist from now on, and no others. Raises TypeError for a route without a policy."""
        self.table = Table(routes)
        self._found.clear()

    # ------------------------------------------------------------ the head

    def begin(self, method: str, target: bytes, headers: Headers, client: str) -> Request:
        """Decide everything that needs no body. Raises Refused; the handler then is never reached."""
        head = Head(method, "", client)
        head.read(headers)
        found = self._found.get(target)
        if found is None:
            head.path = checked_path(target)
            check_host(head, self.service.allowed_hosts)
            place = self.table.find(head.path)
            if place is None:
                raise Refused("There is nothing at this path.", code="route.unknown", hint="GET /openapi.json lists it")
            route, names = place
            if len(self._found) >= _FOUND:
                self._found.clear()
            self._found[target] = (head.path, route, names)
        else:
            head.path, route, names = found
            check_host(head, self.service.allowed_hosts)
        policy = route.policy
        key = head.key(browser=policy.browser) if head.authorization or head.api_key else None
        caller = self.service.access.check(key, policy.scope, client)
        cap = policy.max_body if policy.max_body is not None else self.service.limits.max_bytes
        self._check_form(head, route, cap)
        request = Request(head, route, names, caller, cap, key)
        if head.request_id:
            request.request_id = head.token("request_id", "x-request-id")
        if head.deadline_ms:
            head.number("deadline_ms", "x-deadline-ms", 600_000)
        request.quick = is_plain(request)
        return request

    def again(self, like: Request) -> Request:
        """A request with the very head of an earlier one: only the key is judged anew. Raises Refused."""
        caller = self.service.access.check(like.key, like.route.policy.scope, like.head.client)
        request = Request(like.head, like.route, like.names, caller, like.cap, like.key)
        request.request_id, request.quick = like.request_id, like.quick
        return request

    def _check_form(self, head: Head, route: Route, cap: int) -> None:
        policy, method = route.policy, head.method
        if method not in policy.methods and not (method == "HEAD" and "GET" in policy.methods):
            raise Refused(
                f"This path does not take {method[:16]}.", code="request.method", hint=f"it takes {route.allowed}",
                subject=route.allowed,
            )  # fmt: skip
        length = head.length() if head.content_length else None
        if method != "POST":
            if length or head.transfer_encoding:
                raise Refused(f"A {method} has no body here.", code="request.length")
            return
        if length is not None and length > cap:
            raise too_large(cap)
        if head.content_encoding and head.content_encoding.lower() != b"identity":
            raise Refused("Compressed bodies are not taken.", code="request.media_type", hint="send it as it is")
        media = head.content_type
        if media != b"application/json":
            kind = media.partition(b";")[0].strip().lower().decode("latin-1")
            tensors = head.tensor_header and "application/octet-stream" in policy.media_types
            if kind not in policy.media_types and not tensors:
                raise Refused(
                    "The content type is not one that is taken here.", code="request.media_type",
                    hint=f"content-type: {policy.media_types[0]}",
                )  # fmt: skip

    # ------------------------------------------------------------ the body

    def finish(self, request: Request, body: bytes) -> Reply:
        """Answer. Never raises: what goes wrong is a reply too."""
        head = request.head
        started = request.received
        if not started:
            request.received = started = time.monotonic()
        request.body = body
        if head.traceparent or self.tracing.exports:
            self.tracing.start(request)
        try:
            reply: Reply = request.route.handler(request)
        except Refused as refused:
            reply = self._refusal(refused, request)
        except ModelwrightError as error:
            reply = self._failed(error, request)
        except Exception as error:  # noqa: BLE001 - the last net: an incident, and the next request is answered
            reply = self.incident(error, request)
        request.body = b""
        if request.trace is not None:
            reply.headers = (*reply.headers, (b"traceparent", request.traceparent))
            self.tracing.end(request, reply)
        counters = self.service.counters
        counters.count("http_requests", (reply.model, _STATUS_TEXT[reply.status]))
        if reply.rows > 1:
            self.service.access.charge(request.caller, reply.rows)
        if reply.logged:
            counters.observe_latency(int((time.monotonic() - started) * 1e6), reply.model)
        return reply

    def refuse(self, refused: Refused, target: bytes = b"", *, close: bool = False) -> Reply:
        """The reply to a request that never was opened."""
        reply = refusal(refused, self.ids.make(), close=close, tensors=target.startswith(b"/v2"))
        if refused.code == "request.method":
            reply.headers = (*reply.headers, (b"allow", refused.subject.encode("ascii")))
        counters = self.service.counters
        counters.count("http_requests", ("-", _STATUS_TEXT[reply.status]))
        counters.count("http_refused", (refused.code,))
        return reply

    def deadline(self, request: Request) -> float:
        """When the answer is of no use any more, on the monotonic clock."""
        asked = request.head.deadline_ms
        return request.received + (min(self._wait, int(asked) / 1e3) if asked else self._wait)

    def _refusal(self, refused: Refused, request: Request) -> Reply:
        self.service.counters.count("http_refused", (refused.code,))
        tensors = request.route.pattern.startswith("/v2")
        return refusal(refused, request.request_id or self.ids.make(), tensors=tensors)

    def _failed(self, error: ModelwrightError, request: Request) -> Reply:
        """A part that serving stands on has failed; what it says may name files and hosts, so it stays here."""
        if not error.retryable and not error.code.startswith("log."):
            return self.incident(error, request)
        self.incidents.note(error, request.route.pattern)
        gone = Refused(
            "This cannot be answered now.", code="serving.unavailable", hint="ask again later", retry_after_s=5.0
        )
        return self._refusal(gone, request)

    def incident(self, error: BaseException, request: Request | None = None) -> Reply:
        number = self.incidents.note(error, request.route.pattern if request is not None else "a request")
        request_id = (request.request_id if request is not None else "") or self.ids.make()
        return Reply(500, incident_body(number, request_id), request_id=request_id, code="internal")


def too_large(cap: int) -> Refused:
    return Refused(
        f"The body is larger than {cap} bytes.",
        code="request.size",
        hint="send fewer rows, or use `modelwright predict`",
    )


_STATUS_TEXT = {status: str(status) for status in range(100, 600)}

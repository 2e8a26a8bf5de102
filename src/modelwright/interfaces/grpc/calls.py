"""One call in, one answer or one status out: keys, deadlines, refusals and incidents, for every method the same."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from modelwright.core.errors import ModelwrightError
from modelwright.core.plugins import require
from modelwright.interfaces.grpc.statuses import INTERNAL, NAMES, Refusal, incident, refusal
from modelwright.interfaces.http.heads import Head
from modelwright.interfaces.http.identity import Ids
from modelwright.interfaces.http.incidents import Incidents
from modelwright.interfaces.http.outbox import Outbox, Turn
from modelwright.interfaces.http.replies import Reply
from modelwright.interfaces.http.service import Caller, Service
from modelwright.serving.asking import Refused

Answered = Callable[[bytes, Any], Awaitable[bytes]]
_READ = frozenset({"authorization", "x-api-key", "x-request-id", "idempotency-key", "x-sticky-key", "traceparent"})
_HEADS = 256  # metadata that is remembered as read
_NOTHING = Head("POST", "", "")


class Call:
    """A call whose caller may make it. Times are of the monotonic clock."""

    __slots__ = ("caller", "deadline", "head", "key", "received", "request_id", "span")

    def __init__(self, head: Head, caller: Caller, received: float, deadline: float, span: str = "") -> None:
        self.head, self.caller, self.received, self.deadline = head, caller, received, deadline
        self.request_id = head.token("request_id", "x-request-id") if head.request_id else ""
        self.key = head.token("idempotency_key", "idempotency-key") if head.idempotency_key else ""
        self.span = span  # ours, within the caller's trace; empty without one

    @property
    def name_in_trace(self) -> str:
        """What a call without an id is recorded by, so that the record finds its trace; empty without one."""
        return self.traceparent[3:52] if self.span else ""

    @property
    def traceparent(self) -> str:
        """The caller's trace with our span in it, to hand on."""
        trace, _, flags = self.head.trace() or ("", "", "")
        return f"00-{trace}-{self.span}-{flags}"


class Calls:
    """What the calls of one process share."""

    def __init__(self, service: Service, loop: asyncio.AbstractEventLoop) -> None:
        self.service, self.loop = service, loop
        self.outbox = Outbox(service, loop)
        self._at_once = service.durability != "disk" and service.after_replies is None
        self._heads: dict[Any, tuple[Head, str | None]] = {}
        self.ids = Ids()
        self.incidents = Incidents(service.incidents)
        self._wait = service.limits.deadline_s
        self._check = service.access.check
        self._count = service.counters.count
        self._codes = {code.value[0]: code for code in require("grpc", "grpc", "Answering gRPC").StatusCode}

    def open(self, context: Any, scope: str) -> Call:
        """Who calls, and until when an answer is of use. Raises Refused."""
        received = time.monotonic()
        metadata = context.invocation_metadata()
        found = self._heads.get(metadata)
        if found is None:
            found = self._read(metadata)
        head, key = found
        caller = self._check(key, scope, "")
        left = context.time_remaining()
        deadline = received + (self._wait if left is None or left > self._wait else left)
        return Call(head, caller, received, deadline, self.ids.span() if head.traceparent and head.trace() else "")

    def _read(self, metadata: Any) -> tuple[Head, str | None]:
        """Metadata as a head and a key; remembered where nothing in it is of one call only."""
        head = head_of(metadata)
        key = head.key() if head.authorization or head.api_key else None
        if not (head.request_id or head.idempotency_key or head.sticky or head.traceparent):
            if len(self._heads) >= _HEADS:
                self._heads.clear()
            self._heads[metadata] = head, key
        return head, key

    def method(self, name: str, scope: str, work: Callable[[bytes], bytes]) -> Answered:
        """A method that is answered at once and writes nothing down."""

        async def answer(content: bytes, context: Any) -> bytes:
            try:
                self.open(context, scope)
                reply = work(content)
            except Exception as error:  # noqa: BLE001 - the last net: `ended` tells refusals from incidents
                return await self.abort(context, self.ended(error, name, context))
            self._count("grpc_requests", ("-", "OK"))
            return reply

        return answer

    async def written(self, kept: Reply | None, *, alone: bool) -> None:
        """Wait until what was recorded is safe. Raises Refused where it is not. Calls of one turn of the loop share
        one commit; a call that is `alone` has nobody to wait for. `kept`: the reply as its idempotency key has it."""
        if alone and self._at_once and kept is None:
            self.service.plane.commit()
            return
        turn = Turn(self.loop)
        self.outbox.hold(turn, kept)
        failed = await turn.future
        if failed is not None:
            raise failed

    async def turn(self, call: Call, size: int) -> None:
        """Wait until it is this call's turn. Raises Refused where it never will be."""
        shedder = self.service.shedder
        if shedder is None or shedder.inline(call.received):
            return
        turn = Turn(self.loop)
        shedder.defer(
            lambda: turn.release(None, None), lambda refused: turn.release(None, refused), deadline=call.deadline,
            size=size,
        )  # fmt: skip
        failed = await turn.future
        if failed is not None:
            raise failed

    # ------------------------------------------------------------ what goes wrong

    def ended(self, error: Exception, doing: str, context: Any) -> Refusal:
        """The status of a call that failed: a refusal by its code, everything else an incident."""
        request_id = _request_id(context) or self.ids.make()
        if isinstance(error, Refused):
            self._count("grpc_refused", (error.code,))
            return refusal(error, request_id)
        number = self.incidents.note(error, doing)
        if isinstance(error, ModelwrightError) and (error.retryable or error.code.startswith("log.")):
            # a part that serving stands on has failed; what it says may name files and hosts, so it stays here
            gone = Refused(
                "This cannot be answered now.", code="serving.unavailable", hint="ask again later", retry_after_s=5.0
            )
            return refusal(gone, request_id)
        return incident(number, request_id)

    async def abort(self, context: Any, found: Refusal) -> bytes:
        """End a call with a status; never returns."""
        self._count("grpc_requests", ("-", NAMES.get(found.status, NAMES[INTERNAL])))
        await context.abort(self._codes[found.status], found.said, found.trailers)
        return b""


def head_of(metadata: Iterable[tuple[str, str | bytes]]) -> Head:
    """The part of a call's metadata that matters, read as strictly as HTTP's headers. Raises Refused."""
    found = [
        (name.encode("ascii"), value.encode("latin-1", "replace") if type(value) is str else value)
        for name, value in metadata
        if name in _READ
    ]
    if not found:
        return _NOTHING
    head = Head("POST", "", "")
    head.read(found)  # type: ignore[arg-type]
    return head


def _request_id(context: Any) -> str:
    try:
        head = head_of(context.invocation_metadata())
        return head.token("request_id", "x-request-id") if head.request_id else ""
    except Refused:
        return ""

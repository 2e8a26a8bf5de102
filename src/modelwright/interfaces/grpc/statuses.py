"""The one table from refusals to gRPC statuses, and what stands beside the status: google.rpc's details for programs,
and how long to wait for those that retry by themselves."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from modelwright.interfaces.grpc.protocol import messages
from modelwright.serving.asking import Refused

OK, CANCELLED = 0, 1
INVALID_ARGUMENT, DEADLINE_EXCEEDED, NOT_FOUND, ALREADY_EXISTS, PERMISSION_DENIED = 3, 4, 5, 6, 7
RESOURCE_EXHAUSTED, INTERNAL, UNAVAILABLE, UNAUTHENTICATED = 8, 13, 14, 16
#: numbers as google/rpc/code.proto has them
NAMES = {
    OK: "OK", CANCELLED: "CANCELLED", INVALID_ARGUMENT: "INVALID_ARGUMENT", DEADLINE_EXCEEDED: "DEADLINE_EXCEEDED",
    NOT_FOUND: "NOT_FOUND", ALREADY_EXISTS: "ALREADY_EXISTS", PERMISSION_DENIED: "PERMISSION_DENIED",
    RESOURCE_EXHAUSTED: "RESOURCE_EXHAUSTED", INTERNAL: "INTERNAL", UNAVAILABLE: "UNAVAILABLE",
    UNAUTHENTICATED: "UNAUTHENTICATED",
}  # fmt: skip
_STATUS = {
    "request.deadline": DEADLINE_EXCEEDED,
    "request.size": RESOURCE_EXHAUSTED,
    "model.not_served": NOT_FOUND,
    "version.not_served": NOT_FOUND,
    "key.missing": UNAUTHENTICATED,
    "key.unknown": UNAUTHENTICATED,
    "key.scope": PERMISSION_DENIED,
    "key.rate": RESOURCE_EXHAUSTED,
    "idempotency.conflict": ALREADY_EXISTS,
    "idempotency.busy": UNAVAILABLE,
    "serving.busy": RESOURCE_EXHAUSTED,
    "serving.unavailable": UNAVAILABLE,
}
#: what is not listed: the request was understood and is wrong, or the server cannot answer now
_BY_KIND = {
    "request": INVALID_ARGUMENT, "key": UNAUTHENTICATED, "serving": UNAVAILABLE, "model": NOT_FOUND,
    "version": NOT_FOUND,
}  # fmt: skip
_LONGEST = 1_024  # characters of a message: clients refuse headers that are too large
_PROBLEMS = 20
Trailer = tuple[str, str | bytes]


def status_of(refused: Refused) -> int:
    code = refused.code
    return _STATUS.get(code) or _BY_KIND.get(code.partition(".")[0], INVALID_ARGUMENT)


def said(refused: Refused) -> str:
    """One line for a person: what is wrong, and what to do about it."""
    hint = f" ({refused.hint})" if refused.hint else ""
    return f"{refused.code}: {refused.message}{hint}"[:_LONGEST]


def trailers(refused: Refused, request_id: str) -> tuple[Trailer, ...]:
    """What goes with a refusal. `grpc-retry-pushback-ms` is obeyed by the retry policies of gRPC's own clients."""
    status = status_of(refused)
    wait = refused.retry_after_s
    if wait is None and status in (RESOURCE_EXHAUSTED, UNAVAILABLE) and refused.code != "request.size":
        wait = 1.0
    found: list[Trailer] = [("grpc-status-details-bin", _details(refused, status, wait))]
    if request_id:
        found.append(("x-request-id", request_id))
    if wait is not None:
        found += [("retry-after", f"{max(1, math.ceil(wait))}"), ("grpc-retry-pushback-ms", f"{math.ceil(wait * 1e3)}")]
    return tuple(found)


def _details(refused: Refused, status: int, wait_s: float | None) -> bytes:
    """google.rpc.Status with ErrorInfo, BadRequest (field and row) and RetryInfo, as far as they apply."""
    known = messages()
    info = known["google.rpc.ErrorInfo"](reason=refused.code, domain="modelwright")
    if refused.hint:
        info.metadata["hint"] = refused.hint[:_LONGEST]
    details = [("ErrorInfo", info)]
    if status == INVALID_ARGUMENT:
        listed = [
            {
                "field": f"rows[{one.row}].{one.field}" if one.field else f"rows[{one.row}]",
                "reason": one.code,
                "description": one.message[:_LONGEST],
            }
            for one in refused.problems[:_PROBLEMS]
        ] or [{"field": refused.subject, "reason": refused.code, "description": refused.message[:_LONGEST]}]
        details.append(("BadRequest", known["google.rpc.BadRequest"](field_violations=listed)))
    if wait_s is not None:
        whole = int(wait_s)
        delay = known["google.rpc.Duration"](seconds=whole, nanos=int((wait_s - whole) * 1e9))
        details.append(("RetryInfo", known["google.rpc.RetryInfo"](retry_delay=delay)))
    packed = [
        known["google.rpc.Any"](type_url=f"type.googleapis.com/google.rpc.{name}", value=one.SerializeToString())
        for name, one in details
    ]
    found: bytes = known["google.rpc.Status"](code=status, message=said(refused), details=packed).SerializeToString()
    return found


class Refusal(msgspec.Struct):
    """A refusal as a call ends with it."""

    status: int
    said: str
    trailers: tuple[Trailer, ...]


def incident(number: str, request_id: str) -> Refusal:
    """What an unexpected error says: its number, and nothing of what happened."""
    text = f"internal: Something went wrong that should not have; the incident is {number}."
    beside: tuple[Any, ...] = (("x-incident", number),)
    return Refusal(INTERNAL, text, (*beside, ("x-request-id", request_id)) if request_id else beside)


def refusal(refused: Refused, request_id: str) -> Refusal:
    return Refusal(status_of(refused), said(refused), trailers(refused, request_id))

"""A bundle as a serverless function: one event in, one answer out, no server and no log of its own.

Understands events of HTTP gateways (`body`, perhaps in base64) and direct calls (the rows themselves). The host's own
log gets one line a call.
"""

from __future__ import annotations

import base64
import binascii
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from modelwright.core.errors import ModelwrightError
from modelwright.interfaces.http.statuses import error_body, status_of
from modelwright.serving import live
from modelwright.serving.asking import Ask, Refused
from modelwright.serving.plane import Plane
from modelwright.spec.serving import ServingSpec

Handler = Callable[[Any, Any], dict[str, Any]]
_NAME = "model"
_HEADERS = {"content-type": "application/json", "x-content-type-options": "nosniff", "cache-control": "no-store"}


def handler_of(folder: str | os.PathLike[str], *, expected: str, spec: ServingSpec | None = None) -> Handler:
    """Load once, when the host starts the process; what is returned is called with each event and its context.

    `expected` is the digest that the bundle must have; it was probed when it was exported, so no child is started here.
    Raises ModelError (`bundle.*`) where a byte is not as it was then, or golden rows are answered differently.
    """
    plane = Plane()
    plane.put(live.load(Path(folder), _NAME, 0, spec, probe=False, expected=expected))

    def handler(event: Any, context: Any = None) -> dict[str, Any]:
        request_id = str(getattr(context, "aws_request_id", "") or "")
        through_gateway = isinstance(event, Mapping) and ("requestContext" in event or "httpMethod" in event)
        started = time.perf_counter()
        try:
            answer = plane.answer(
                Ask(
                    model=_NAME,
                    body=_body(event, through_gateway),
                    request_id=request_id,
                    received=time.monotonic(),
                    deadline=_deadline(context),
                )
            )
            status, body = 200, answer.body
        except Refused as refused:
            status, body = status_of(refused), error_body(refused, request_id)
        _say(request_id, status, time.perf_counter() - started)
        if through_gateway:
            return {"statusCode": status, "headers": dict(_HEADERS), "body": body.decode(), "isBase64Encoded": False}
        found: dict[str, Any] = msgspec.json.decode(body)
        return found

    return handler


def _body(event: Any, through_gateway: bool) -> bytes:
    """The JSON of the request. Raises Refused (`request.json`)."""
    if not through_gateway:
        try:
            return msgspec.json.encode(event)
        except (TypeError, ValueError, ModelwrightError) as error:
            raise _unreadable(f"the event holds what JSON cannot say ({type(error).__name__})") from error
    body = event.get("body")
    if not isinstance(body, str):
        raise _unreadable("the request has no body")
    if not event.get("isBase64Encoded"):
        return body.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _unreadable("the body is not base64, although the event says so") from error


def _unreadable(why: str) -> Refused:
    return Refused(f"The request cannot be read: {why}.", code="request.json", hint='send {"rows": [{...}]}')


def _deadline(context: Any) -> float | None:
    """When the host will stop waiting, by its own word."""
    left = getattr(context, "get_remaining_time_in_millis", None)
    return time.monotonic() + left() / 1e3 if callable(left) else None


def _say(request_id: str, status: int, took_s: float) -> None:
    line = {"request_id": request_id, "status": status, "took_us": int(took_s * 1e6)}
    sys.stderr.write(msgspec.json.encode(line).decode() + "\n")

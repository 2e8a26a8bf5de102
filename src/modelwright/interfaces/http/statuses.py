"""The one table from refusals to HTTP statuses, and the shape every error reply has."""

from __future__ import annotations

from typing import Any

import msgspec

from modelwright.serving.asking import Refused

_STATUS = {
    "request.json": 400,
    "request.target": 400,
    "request.query": 400,
    "request.header": 400,
    "request.http": 400,
    "request.length": 400,
    "request.host": 403,
    "request.origin": 403,
    "request.method": 405,
    "request.timeout": 408,
    "request.size": 413,
    "request.rows": 413,
    "request.media_type": 415,
    "request.head_size": 431,
    "request.deadline": 504,
    "route.unknown": 404,
    "model.not_served": 404,
    "version.not_served": 404,
    "key.missing": 401,
    "key.unknown": 401,
    "key.scope": 403,
    "key.rate": 429,
    "idempotency.conflict": 409,
    "idempotency.busy": 503,
    "serving.busy": 503,
    "serving.unavailable": 503,
}
#: what is not listed: the request was understood and is wrong, or the server cannot answer now
_BY_KIND = {"request": 422, "key": 401, "serving": 503, "model": 404, "version": 404, "idempotency": 409}

_encoder = msgspec.json.Encoder()


def status_of(refused: Refused) -> int:
    code = refused.code
    return _STATUS.get(code) or _BY_KIND.get(code.partition(".")[0], 422)


def error_body(refused: Refused, request_id: str, *, tensors: bool = False) -> bytes:
    """`tensors`: as the Open Inference Protocol has it, where `error` is a text; the rest stands beside it."""
    shape = _shape(refused, request_id)
    return _encoder.encode({"error": f"{refused.code}: {refused.message}", **shape} if tensors else {"error": shape})


def incident_body(incident: str, request_id: str) -> bytes:
    """What an unexpected error says: its number, and nothing of what happened."""
    return _encoder.encode(
        {
            "error": {
                "code": "internal",
                "message": f"Something went wrong that should not have; the incident is {incident}.",
                "hint": "Tell whoever runs this server the number of the incident.",
                "request_id": request_id,
                "incident": incident,
                "problems": [],
            }
        }
    )


def _shape(refused: Refused, request_id: str) -> dict[str, Any]:
    problems = [
        {"row": one.row, "field": one.field, "code": one.code, "message": one.message} for one in refused.problems
    ]
    return {
        "code": refused.code,
        "message": refused.message,
        "hint": refused.hint,
        "request_id": request_id,
        "problems": problems,
    }

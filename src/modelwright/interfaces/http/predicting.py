"""The simple dialect: predictions, explanations and late labels, in JSON."""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime
from typing import Any

import msgspec

from modelwright.core.nouns import Signature, Task
from modelwright.interfaces.http.exchange import Exchange
from modelwright.interfaces.http.replaying import Replays, key_in_body
from modelwright.interfaces.http.replies import JSON, Reply, header_text, log_header
from modelwright.interfaces.http.request import Request
from modelwright.interfaces.http.service import Service
from modelwright.records.prediction import Label
from modelwright.serving import strict
from modelwright.serving.asking import Ask, Refused
from modelwright.serving.shedding import expired

_encode = msgspec.json.Encoder().encode
_EXPLAINED_ROWS = 10
_LABEL_FIELDS = frozenset({"request_id", "row", "label", "at"})
_LONGEST_ID = 200


class Predicting:
    """The handlers of one process."""

    def __init__(self, service: Service, exchange: Exchange, replays: Replays) -> None:
        self._service, self._exchange, self._replays = service, exchange, replays
        self._answer = service.plane.answer
        self._headers = log_header(service.durability)

    def ask(self, request: Request) -> Ask:
        """What the plane is asked, without the rows."""
        head, names = request.head, request.names
        deadline = self._exchange.deadline(request)
        if time.monotonic() > deadline:
            raise expired()
        return Ask(
            model=names[0],
            which=names[1] if len(names) > 1 else "",
            request_id=request.request_id,
            idempotency_key=head.token("idempotency_key", "idempotency-key") if head.idempotency_key else "",
            sticky=head.token("sticky", "x-sticky-key") if head.sticky else "",
            caller=request.caller.id,
            received=request.received,
            deadline=deadline,
        )

    def predict(self, request: Request) -> Reply:
        ask = self.ask(request)
        ask.body = request.body
        key = ask.idempotency_key or key_in_body(request.body)
        if not key:
            return self._predict(ask)
        return self._replays.once(request.caller.id, request.head.path, key, request.body, lambda: self._predict(ask))

    def _predict(self, ask: Ask) -> Reply:
        answer = self._answer(ask)
        return Reply(
            200, answer.body, JSON, self._headers, header_text(answer.request_id), logged=True, model=answer.model,
            rows=len(answer.predictions),
        )  # fmt: skip

    def explain(self, request: Request) -> Reply:
        ask = self.ask(request)
        ask.body = request.body
        found = self._service.plane.explain(ask, _EXPLAINED_ROWS)
        return Reply(
            200, _encode(found), JSON, request_id=header_text(found["request_id"]), model=found["model"]["name"]
        )

    def feedback(self, request: Request) -> Reply:
        """Late labels: one object, or `labels` with several. All are taken, or none."""
        found = strict.parse(request.body, self._service.limits.max_depth)
        served = self._service.plane.find(request.names[0])
        several = found.get("labels") if type(found) is dict and set(found) == {"labels"} else [found]
        if type(several) is not list or not several or len(several) > self._service.limits.max_rows:
            raise Refused("`labels` should be an array of at least one and not too many labels.", code="request.schema")
        now = time.time_ns() // 1_000
        labels = [_label(one, at, served.signature, now, request.caller.id) for at, one in enumerate(several)]
        for label in labels:
            self._service.feedback(label)
        body = _encode({"model": {"name": served.name}, "accepted": len(labels)})
        request_id = request.request_id or self._exchange.ids.make()
        return Reply(200, body, JSON, self._headers, request_id, logged=True, model=served.name)


def _label(found: Any, row: int, signature: Signature, now: int, source: str) -> Label:
    if type(found) is not dict:
        raise _wrong(row, "", "is no object", "request.schema")
    for name in found:
        if name not in _LABEL_FIELDS:
            raise _wrong(row, name, "is not known", "request.unknown_field")
    for name in ("request_id", "label"):
        if name not in found:
            raise _wrong(row, name, "is missing", "request.missing_field")
    request_id, place = found["request_id"], found.get("row", 0)
    if type(request_id) is not str or not 0 < len(request_id) <= _LONGEST_ID:
        raise _wrong(row, "request_id", f"should be a text of at most {_LONGEST_ID} characters", "request.type")
    if type(place) is not int or not 0 <= place <= 10_000_000:
        raise _wrong(row, "row", "should be a whole number from 0", "request.type")
    return Label(
        request_id, place, _value(found["label"], row, signature), _moment(found.get("at"), row, now), now, source
    )  # fmt: skip


def _value(value: Any, row: int, signature: Signature) -> str | float | bool | None:
    """The label as the model's own labels are kept: a class by its text, a number as a float."""
    if value is None:
        raise _wrong(row, "label", "may not be missing", "request.null")
    if signature.task.is_classification:
        said = _class_text(value, signature)
        if said not in signature.classes:
            listed = ", ".join(signature.classes[:10])
            raise _wrong(row, "label", f"is no class of this model ({listed})", "request.label")
        return said
    if signature.task is Task.ANOMALY and type(value) is bool:
        return value
    if type(value) not in (int, float) or not math.isfinite(value) or abs(value) > 1e300:
        raise _wrong(row, "label", "should be a number", "request.type")
    return float(value)


def _class_text(value: Any, signature: Signature) -> str:
    """Written as the class is: true for `True`, 1 and 1.0 for `1`."""
    if type(value) is str:
        return value
    if type(value) is bool:
        return next((one for one in signature.classes if one.lower() == str(value).lower()), str(value))
    if type(value) in (int, float):
        for one in signature.classes:
            try:
                if float(one) == value:
                    return one
            except ValueError:
                continue
    return ""


def _moment(value: Any, row: int, now: int) -> int:
    """Microseconds since 1970 of an RFC 3339 time; the time of arrival where none is told."""
    if value is None:
        return now
    try:
        found = datetime.fromisoformat(value) if type(value) is str else None
    except ValueError:
        found = None
    if found is None or not 1970 <= found.year <= 2200:
        raise _wrong(row, "at", "should be a time such as 2026-01-31T12:00:00Z", "request.type")
    aware = found if found.tzinfo is not None else found.replace(tzinfo=UTC)
    return int(aware.timestamp() * 1e6)


def _wrong(row: int, field: str, why: str, code: str) -> Refused:
    return Refused(f"'{field[:60]}' of label {row} {why}." if field else f"Label {row} {why}.", code=code,
                   subject=f"labels[{row}].{field[:60]}")  # fmt: skip

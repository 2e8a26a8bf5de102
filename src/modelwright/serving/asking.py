"""What a door asks of the plane, what it gets back, and how a request is refused. No transport is named here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from modelwright.core.errors import ModelwrightError
from modelwright.core.nouns import SignatureField


class Ask(msgspec.Struct, kw_only=True, gc=False):
    """One request. Exactly one of `body`, `rows`, `columns` and `typed` says the rows."""

    model: str
    which: str = ""  # a version number or an alias; empty: as the route says
    body: bytes | memoryview = b""  # strict JSON: {"rows": [{...}]} or {"columns": {...}} and the options below
    rows: Sequence[Mapping[str, Any]] | None = None
    columns: Mapping[str, Sequence[Any]] | None = None
    #: the inputs of a signature, and rows in their order whose values have exactly its types; for a door that saw to it
    typed: tuple[tuple[SignatureField, ...], list[tuple[Any, ...]]] | None = None
    request_id: str = ""  # one is made where the caller gave none
    idempotency_key: str = ""
    sticky: str = ""  # requests of the same key stay with the same version
    caller: str = ""  # id of the key that asks
    received: float = 0.0  # time.monotonic() of the last byte
    deadline: float | None = None  # time.monotonic()
    partial: bool = False  # answer the good rows, and say what is wrong with the others
    row_ids: Sequence[str] | None = None


class RowProblem(msgspec.Struct, kw_only=True, gc=False):
    """What is wrong with one field of one row."""

    row: int
    field: str
    code: str  # request.type, request.range, request.null, request.missing_field, request.unknown_field, ...
    message: str


class Answer(msgspec.Struct, kw_only=True, gc=False):
    """Predictions in the order of the rows. `body` is the whole reply of the simple dialect as JSON."""

    request_id: str
    model: str
    version: int
    degraded: bool
    route: str
    body: bytes = b""
    predictions: Sequence[Any] = ()
    #: (n, n_classes) by row, in the order of `classes`; None where the model knows no classes
    probabilities: Sequence[Sequence[float]] | None = None
    classes: tuple[str, ...] = ()
    problems: Sequence[RowProblem] = ()
    row_ids: Sequence[str] | None = None


class Refused(ModelwrightError):  # noqa: N818 - an answer to the caller, not a failure of ours
    """The request cannot be answered; who asked must act, or come back later. Codes:

    request.json, request.schema, request.type, request.range, request.null, request.missing_field,
    request.unknown_field, request.rows, request.size, request.deadline, model.not_served, version.not_served,
    serving.busy (come back), serving.unavailable (come back), key.missing, key.unknown, key.scope, key.rate,
    idempotency.conflict, idempotency.busy (come back).
    """

    default_code = "request.invalid"

    def __init__(
        self,
        message: str,
        *,
        code: str,
        hint: str = "",
        subject: str = "",
        problems: Sequence[RowProblem] = (),
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message, code=code, hint=hint, subject=subject, retryable=retry_after_s is not None)
        self.problems = tuple(problems)
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one request may ask for."""

    max_bytes: int = 8 << 20
    max_rows: int = 10_000
    max_depth: int = 8
    deadline_s: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """`live`: the process turns; `ready`: it may be sent requests; `started`: it once was ready."""

    live: bool
    ready: bool
    started: bool
    why: str = ""
    models: Mapping[str, Sequence[int]] = field(default_factory=dict)

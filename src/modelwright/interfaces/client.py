"""A small client of a Modelwright server, on the standard library alone; reached as `modelwright.client`.

    import modelwright

    with modelwright.client.Client("http://127.0.0.1:8080", key="mw_...") as client:
        answer = client.predict("churn", [{"age": 41, "plan": "gold"}])
        answer.predictions, answer.version, answer.request_id
        client.feedback("churn", answer.request_id, ["stayed"])

Connections are kept alive, one per thread. A call has one deadline for all its tries, and the server is told of it.
Predictions carry an idempotency key, so that a repeated one is answered once; what could have an effect twice is not
repeated. A budget keeps retries below a tenth of the calls when a server is in trouble.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import random
import secrets
import socket
import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from urllib.parse import quote, urlsplit

from modelwright.core.errors import AdapterError, ModelwrightError, SpecError

_BACKOFF_S, _LONGEST_BACKOFF_S = 0.05, 2.0
_COME_BACK = (429, 502, 503, 504)
_MOST_BYTES = 256 << 20
#: retries that may be spent at once, and what each call that needed none adds
_BUDGET, _EARNED = 10.0, 0.1


class ServerError(ModelwrightError):
    """What the server answered instead: its own code, message and hint.

    status: the HTTP status; problems: what is wrong with which field of which row; retry_after_s: when to come back.
    """

    default_code = "server.error"

    def __init__(
        self,
        message: str,
        *,
        code: str,
        status: int,
        hint: str = "",
        request_id: str = "",
        problems: Sequence[Mapping[str, Any]] = (),
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message, code=code, hint=hint, subject=request_id, retryable=status in _COME_BACK)
        self.status = status
        self.request_id = request_id
        self.problems = tuple(problems)
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """Answers in the order of the rows."""

    request_id: str
    model: str
    version: int
    degraded: bool  # another than the wanted model answered
    predictions: list[Any]  # None for a refused row, where `partial` was asked for
    probabilities: list[dict[str, float] | None] | None  # by class; None where the model knows no classes
    errors: list[dict[str, Any]]  # row, field, code and message of what was refused


class Client:
    """For any number of threads. `deadline_s`: for a whole call with all its retries."""

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        deadline_s: float = 10.0,
        retries: int = 3,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        split = urlsplit(url if "://" in url else f"http://{url}")
        if split.scheme not in ("http", "https") or not split.hostname or split.username or split.query:
            raise SpecError(
                "The server's address is not one.", code="client.url", hint="write http://host:8080", subject="url"
            )
        self._secure, self._host, self._port = split.scheme == "https", split.hostname, split.port
        self._base = split.path.rstrip("/")
        self._key, self._deadline_s, self._retries, self._tls = key, deadline_s, retries, tls
        self._own = threading.local()
        self._lock = threading.Lock()
        self._budget = _BUDGET
        self._open: set[http.client.HTTPConnection] = set()

    # ------------------------------------------------------------ calls

    def predict(
        self,
        model: str,
        rows: Sequence[Mapping[str, Any]] | None = None,
        *,
        columns: Mapping[str, Sequence[Any]] | None = None,
        version: int | None = None,
        partial: bool = False,
        row_ids: Sequence[str] | None = None,
        idempotency_key: str | None = None,
        deadline_s: float | None = None,
    ) -> Prediction:
        """Score rows, given one by one or as columns. Raises ServerError, AdapterError (`client.unreachable`,
        `client.deadline`)."""
        body = _body(rows, columns) | ({"partial": True} if partial else {})
        if row_ids is not None:
            body["row_ids"] = list(row_ids)
        path = _path("predict", model, version)
        found = self._call("POST", path, body, deadline_s, once=idempotency_key or secrets.token_hex(16))
        return Prediction(
            request_id=found["request_id"],
            model=found["model"]["name"],
            version=found["model"]["version"],
            degraded=found["degraded"],
            predictions=found["predictions"],
            probabilities=found.get("probabilities"),
            errors=found.get("errors", []),
        )

    def explain(
        self,
        model: str,
        rows: Sequence[Mapping[str, Any]],
        *,
        version: int | None = None,
        deadline_s: float | None = None,
    ) -> list[dict[str, Any]]:
        """What each column contributed to the answer of each row. Raises as `predict`."""
        found = self._call("POST", _path("explain", model, version), _body(rows, None), deadline_s, again=True)
        explanations: list[dict[str, Any]] = found["explanations"]
        return explanations

    def feedback(
        self,
        model: str,
        request_id: str,
        labels: Sequence[Any] | Mapping[int, Any],
        *,
        deadline_s: float | None = None,
    ) -> dict[str, Any]:
        """Tell what really happened: a label for each row of a request, or for some by number. Not repeated when the
        connection breaks, since it may have arrived. Raises as `predict`."""
        known = labels if isinstance(labels, Mapping) else dict(enumerate(labels))
        told = [{"request_id": request_id, "row": row, "label": label} for row, label in known.items()]
        found: dict[str, Any] = self._call(
            "POST", f"/v1/models/{quote(model, safe='@')}/feedback", {"labels": told}, deadline_s
        )
        return found

    def models(self, *, deadline_s: float | None = None) -> dict[str, Any]:
        """What is served."""
        found: dict[str, Any] = self._call("GET", "/v1/models", None, deadline_s, again=True)
        return found

    def health(self, *, deadline_s: float | None = None) -> bool:
        """Whether the server is ready to answer. False also when nobody is there."""
        try:
            self._call("GET", "/health/ready", None, deadline_s or 2.0)
        except (ServerError, AdapterError):
            return False
        return True

    def close(self) -> None:
        with self._lock:
            for connection in self._open:
                connection.close()
            self._open.clear()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ------------------------------------------------------------ inside

    def _call(
        self, method: str, path: str, body: Any, deadline_s: float | None, *, once: str = "", again: bool = False
    ) -> Any:
        """One call with its retries. once: the idempotency key; again: repeating it changes nothing."""
        payload = None if body is None else _encoded(body)
        until = time.monotonic() + (deadline_s if deadline_s is not None else self._deadline_s)
        repeatable, tries = bool(once) or again, 0
        while True:
            try:
                found = self._try(method, path, payload, until, once, again)
                self._earn()
                return found
            except ServerError as error:
                pause, refused = error.retry_after_s, error.status in (429, 503)  # not begun: anything may be repeated
                if not (error.status in _COME_BACK and (repeatable or refused)):
                    raise
                failure: ModelwrightError = error
            except (OSError, http.client.HTTPException) as error:
                pause, failure = None, _unreachable(self._host, error)
                if not repeatable:
                    raise failure from error
            tries += 1
            usual = random.uniform(0.0, min(_LONGEST_BACKOFF_S, _BACKOFF_S * 2.0**tries))  # noqa: S311 - jitter
            wait = usual if pause is None else pause + usual
            if tries > self._retries or time.monotonic() + wait >= until or not self._spend():
                raise failure
            time.sleep(wait)

    def _try(self, method: str, path: str, payload: bytes | None, until: float, once: str, again: bool) -> Any:
        left = until - time.monotonic()
        if left <= 0:
            raise _late()
        headers = {"accept": "application/json", "x-deadline-ms": str(max(1, int(left * 1000)))}
        if payload is not None:
            headers["content-type"] = "application/json"
        if self._key:
            headers["authorization"] = f"Bearer {self._key}"
        if once:
            headers["idempotency-key"] = once
        # a connection that was idle may be closed already: what must not be repeated gets a new one
        connection, fresh = self._connection(left, new=not (once or method == "GET" or again))
        try:
            try:
                connection.request(method, self._base + path, payload, headers)
                response = connection.getresponse()
            except (BrokenPipeError, ConnectionResetError, http.client.BadStatusLine):
                if fresh:
                    raise
                self._drop(connection)
                connection, _ = self._connection(left)
                connection.request(method, self._base + path, payload, headers)
                response = connection.getresponse()
            content = response.read(_MOST_BYTES)
        except TimeoutError:
            self._drop(connection)
            raise _late() from None
        except BaseException:
            self._drop(connection)
            raise
        if response.will_close:
            self._drop(connection)
        return _decoded(response, content)

    def _connection(self, left: float, *, new: bool = False) -> tuple[http.client.HTTPConnection, bool]:
        """This thread's own, and whether it is new."""
        known: http.client.HTTPConnection | None = getattr(self._own, "connection", None)
        if new and known is not None:
            self._drop(known)
        elif known is not None and known.sock is not None:
            known.sock.settimeout(left)
            return known, False
        made: http.client.HTTPConnection
        if self._secure:
            context = self._tls or ssl.create_default_context()
            made = http.client.HTTPSConnection(self._host, self._port, timeout=left, context=context)
        else:
            made = http.client.HTTPConnection(self._host, self._port, timeout=left)
        made.connect()
        made.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._own.connection = made
        with self._lock:
            self._open.add(made)
        return made, True

    def _drop(self, connection: http.client.HTTPConnection) -> None:
        connection.close()
        self._own.connection = None
        with self._lock:
            self._open.discard(connection)

    def _spend(self) -> bool:
        with self._lock:
            if self._budget < 1.0:
                return False
            self._budget -= 1.0
            return True

    def _earn(self) -> None:
        with self._lock:
            self._budget = min(_BUDGET, self._budget + _EARNED)


def _path(what: str, model: str, version: int | None) -> str:
    which = f"/versions/{version}" if version is not None else ""
    return f"/v1/models/{quote(model, safe='@')}{which}/{what}"


def _body(rows: Sequence[Mapping[str, Any]] | None, columns: Mapping[str, Sequence[Any]] | None) -> dict[str, Any]:
    if (rows is None) == (columns is None):
        raise SpecError("Give either rows or columns.", code="client.rows", hint="predict(model, rows=[...])")
    if rows is not None:
        return {"rows": [dict(row) for row in rows]}
    assert columns is not None
    return {"columns": {name: list(values) for name, values in columns.items()}}


def _encoded(body: Any) -> bytes:
    try:
        return json.dumps(body, allow_nan=False, separators=(",", ":"), default=_plain).encode()
    except (TypeError, ValueError) as error:
        raise SpecError(
            f"The rows cannot be written as JSON: {error}.",
            code="client.rows",
            hint="use numbers, texts, true and false; None where a value is missing, also for NaN",
        ) from None


def _plain(value: Any) -> Any:
    """Dates as text, and the scalars of numpy as Python's own."""
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def _decoded(response: http.client.HTTPResponse, content: bytes) -> Any:
    try:
        found = json.loads(content) if content else {}
    except ValueError:
        found = {}
    if response.status < 300 and found != {}:
        return found
    said = found.get("error") if isinstance(found, dict) else None
    said = said if isinstance(said, dict) else {}
    after: float | None = None
    with contextlib.suppress(ValueError):
        after = max(0.0, float(response.headers.get("retry-after", "")))
    raise ServerError(
        str(said.get("message") or f"The server answered {response.status} without a reason."),
        code=str(said.get("code") or "server.error"),
        status=response.status,
        hint=str(said.get("hint") or ""),
        request_id=str(said.get("request_id") or response.headers.get("x-request-id", "")),
        problems=said.get("problems") or (),
        retry_after_s=after,
    )


def _unreachable(host: str, error: BaseException) -> AdapterError:
    reason = str(error).strip() or type(error).__name__
    return AdapterError(
        f"The server at {host} cannot be reached: {reason}.",
        code="client.unreachable",
        hint="check that it runs, and the address",
        subject=host,
        retryable=True,
    )


def _late() -> AdapterError:
    return AdapterError(
        "The server did not answer before the deadline.",
        code="client.deadline",
        hint="give more time with deadline_s, or send fewer rows",
        retryable=True,
    )

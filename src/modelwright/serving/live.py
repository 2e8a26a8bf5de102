"""A model that is being served: loaded, with its decoder, its scorer and what is written down of its answers."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from modelwright.core.nouns import Signature, Task
from modelwright.core.tables import Predictions
from modelwright.records.prediction import REDACTED, Prediction, Schema, encode
from modelwright.registry.answers import written_classes
from modelwright.serving.asking import Answer, Limits
from modelwright.serving.caching import Cache
from modelwright.serving.decoding import Decoder
from modelwright.serving.judging import Batch
from modelwright.serving.redacting import Redaction, personal_columns, redaction
from modelwright.serving.scoring import Outcome, Scoring
from modelwright.spec.serving import ServingSpec

if TYPE_CHECKING:
    from modelwright.registry.bundle import LoadedBundle
    from modelwright.registry.model import Model

#: below this gain, collecting requests costs more than it saves (measured: a loss for trees, half for nets)
_GAIN = 3.0
_encode = msgspec.json.Encoder().encode


class _ModelName(msgspec.Struct):
    name: str
    version: int


class _Reply(msgspec.Struct, omit_defaults=True, gc=False):
    request_id: str
    model: msgspec.Raw
    degraded: bool
    predictions: list[Any]
    probabilities: list[Any] | msgspec.UnsetType = msgspec.UNSET
    errors: list[Any] | msgspec.UnsetType = msgspec.UNSET
    row_ids: list[str] | msgspec.UnsetType = msgspec.UNSET
    degraded_reason: str = ""


class Served:
    """One version of one model. Not for several threads: buffers and counters are its own.

    key: the workspace's, for what the log may hold hashed only; without one, a hash is never the same twice.
    Raises SpecError (`log.column`, `log.subject`) for names in the section that the model does not know.
    """

    def __init__(
        self,
        bundle: LoadedBundle,
        name: str,
        version: int,
        spec: ServingSpec | None = None,
        limits: Limits | None = None,
        *,
        key: bytes = b"",
    ) -> None:
        self.name, self.version, self.spec = name, version, spec or ServingSpec()
        self.bundle = bundle
        self.digest: str = bundle.digest
        self.signature: Signature = bundle.signature
        self.limits = limits or Limits(
            max_bytes=self.spec.max_bytes, max_rows=self.spec.max_rows, deadline_s=self.spec.deadline_ms / 1e3
        )
        self.decoder = Decoder(self.signature, self.spec, self.limits)
        self.scoring = Scoring(bundle)
        self.redaction = _redaction(bundle, self.spec, key or secrets.token_bytes(32))
        self.flags = REDACTED if self.redaction.dropped or self.redaction.hashed else 0
        self.schema = self._schema()
        self.schema_number = self.schema.number
        self.classes = self.signature.classes if self.signature.task.is_classification else ()
        self.labels: list[Any] = written_classes(self.signature) if self.classes else []
        self._model = msgspec.Raw(_encode(_ModelName(name, version)))
        self.template = self._make_template()
        self._shares = _shares_type(self.classes)
        #: requests answered, rows answered, answers that broke the output contract or failed
        self.requests = self.rows = self.failures = 0
        self.routed: dict[str, int] = {}  # of these requests those that another route than the champion's brought
        self.cache: Cache | None = None
        if self.spec.cache_rows and self.scoring.keyed:
            self.cache = Cache(self.scoring, self.spec.cache_rows)
        #: how much less a row costs among others than alone; measured on the golden rows
        self.batch_gain = 1.0

    def _schema(self) -> Schema:
        return Schema(
            model=self.name,
            version=self.version,
            bundle=self.digest,
            columns=self.redaction.columns,
            types=self.redaction.types,
            task=self.signature.task.value,
            classes=self.signature.classes,
        )

    @property
    def model(self) -> Model:
        return self.bundle.model

    def by_route(self) -> dict[str, int]:
        """Requests answered by the route that brought them; the champion's are all the others."""
        return {"champion": self.requests - sum(self.routed.values()), **self.routed}

    def score(self, rows: Sequence[tuple[Any, ...]]) -> Outcome:
        """Raises whatever goes wrong, ModelError (`model.output`) among it."""
        return self.scoring.score(rows) if self.cache is None else self.cache.score(rows)

    @property
    def batching(self) -> bool:
        """Whether requests that wait anyway should be scored together."""
        if self.spec.batching != "auto":
            return self.spec.batching == "on"
        return self.batch_gain > _GAIN

    def recheck(self) -> None:
        """Answer the golden rows, one by one and together, by the very road that requests take.

        Raises ModelError (`bundle.golden`) unless the answers are those of when the bundle was written.
        """
        from modelwright.registry import golden

        found, expected = self.bundle.golden()
        rows = [tuple(row[field.name] for field in self.signature.inputs) for row in found]
        if not rows:
            return
        threshold = self.model.decision_threshold
        golden.require_same("serving", self.scoring.predict(rows), expected, threshold)
        if not self.bundle.manifest.scorers.batch_only:
            started = time.perf_counter()
            singles = [self.scoring.score([row]) for row in rows]
            alone, started = time.perf_counter() - started, time.perf_counter()
            self.scoring.predict(rows)
            self.batch_gain = alone / max(time.perf_counter() - started, 1e-9)
            golden.require_same("serving", _stacked(self.signature, singles), expected, threshold)

    def counters(self) -> dict[str, Any]:
        """What was counted since it was loaded."""
        return {
            "name": self.name, "version": self.version, "requests": self.requests, "rows": self.rows,
            "failures": self.failures, "columns": _field_counts(self), "batch_gain": round(self.batch_gain, 2),
            "cache_hits": self.cache.hits if self.cache else 0, "cache_misses": self.cache.misses if self.cache else 0,
        }  # fmt: skip

    def answer(self, batch: Batch, outcome: Outcome, route: str, *, degraded: bool = False, reason: str = "") -> Answer:
        """The whole reply to a request; `outcome` has one answer per row that was not refused."""
        answers, probabilities = spread(batch, outcome)
        labels = self.labels
        predictions = [None if at is None else labels[at] for at in answers] if labels else answers
        if len(predictions) == 1 and batch.row_ids is None and not batch.problems and not reason:
            body = self._line(batch.request_id, answers[0], probabilities, degraded=degraded)
        else:
            body = self._body(batch, predictions, probabilities, degraded=degraded, reason=reason)
        return Answer(
            request_id=batch.request_id,
            model=self.name,
            version=self.version,
            degraded=degraded,
            route=route,
            body=body,
            predictions=predictions,
            probabilities=probabilities,  # type: ignore[arg-type]
            classes=self.classes,
            problems=batch.problems,
            row_ids=batch.row_ids,
        )

    def _line(self, request_id: str, answer: Any, probabilities: Any, *, degraded: bool) -> bytes:
        """The reply to one row: what `_body` makes of it, at a third of the time."""
        start, labels, shares = self.template
        said = labels[answer] if labels else _encode(answer)
        head = start % (_encode(request_id), b"true" if degraded else b"false", said)
        return head + (b"}" if probabilities is None else shares % tuple(map(_encode, probabilities[0])))

    def _make_template(self) -> tuple[bytes, list[bytes], bytes]:
        model = bytes(self._model).replace(b"%", b"%%")
        start = b'{"request_id":%b,"model":' + model + b',"degraded":%b,"predictions":[%b]'
        names = [_encode(name).replace(b"%", b"%%") for name in self.classes]
        shares = b',"probabilities":[{' + b",".join(name + b":%b" for name in names) + b"}]}"
        return start, [_encode(label) for label in self.labels], shares

    def _body(
        self, batch: Batch, predictions: list[Any], probabilities: Any, *, degraded: bool, reason: str = ""
    ) -> bytes:
        reply = _Reply(batch.request_id, self._model, degraded, predictions, degraded_reason=reason)
        classes = self.classes
        if probabilities is not None:
            shares = self._shares
            if shares is not None and not batch.refused:
                reply.probabilities = [shares(*row) for row in probabilities]
            else:
                reply.probabilities = [None if p is None else dict(zip(classes, p, strict=True)) for p in probabilities]
        if batch.problems:
            reply.errors = list(batch.problems)
        if batch.row_ids is not None:
            reply.row_ids = list(batch.row_ids)
        return _encode(reply)

    def record(
        self, batch: Batch, outcome: Outcome, route: str, propensity: float, latency_us: int, flags: int, caller: str
    ) -> bytes:
        """What the prediction log keeps of it."""
        answers, probabilities = spread(batch, outcome)
        return encode(
            Prediction(
                request_id=batch.request_id,
                at_us=time.time_ns() // 1_000,
                schema=self.schema_number,
                route=route,
                propensity=propensity,
                latency_us=latency_us,
                flags=flags | self.flags,
                caller=caller,
                rows=self.redaction.rows(batch.values),
                answers=answers,  # type: ignore[arg-type]
                probabilities=probabilities,  # type: ignore[arg-type]
                row_ids=None if batch.row_ids is None else self.redaction.row_ids(batch.row_ids),
                idempotency_key=batch.idempotency_key,
            )
        )


def _shares_type(classes: Sequence[str]) -> Callable[..., msgspec.Struct] | None:
    """What is written as an object of the classes' shares, in less time than a dict; None for names it cannot hold."""
    places = [f"c{at}" for at in range(len(classes))]
    try:
        return msgspec.defstruct(
            "Shares", [(place, float) for place in places], rename=dict(zip(places, classes, strict=True)), gc=False
        )
    except ValueError:
        return None


def _redaction(bundle: LoadedBundle, spec: ServingSpec, key: bytes) -> Redaction:
    verdict = bundle.manifest.verdict
    personal = personal_columns(verdict.findings) if verdict is not None else frozenset()
    return redaction(bundle.signature, spec.log, spec.columns, key, personal)


def _stacked(signature: Signature, rows: Sequence[Outcome]) -> Predictions:
    """Outcomes of single rows as the predictions of a table."""
    answers = [row.answers[0] for row in rows]
    if signature.task.is_classification:
        shares = np.array([row.probabilities[0] for row in rows if row.probabilities], dtype=np.float64)
        return Predictions(classes=signature.classes, probabilities=shares, labels=np.array(answers, dtype=np.int64))
    if signature.task is Task.CLUSTERING:
        return Predictions(labels=np.array(answers, dtype=np.int64))
    return Predictions(values=np.array(answers, dtype=np.float64))


def _field_counts(served: Served) -> dict[str, dict[str, int]]:
    """Values that training never saw, by column."""
    counted = {
        field.name: {"null": field.nulls, "unseen": field.unseen, "out_of_range": field.outside}
        for field in served.decoder.fields
    }
    return {name: found for name, found in counted.items() if any(found.values())}


def spread(batch: Batch, outcome: Outcome) -> tuple[list[Any], list[list[float] | None] | None]:
    """One answer per row of the request, None for the refused ones."""
    if not batch.refused:
        return outcome.answers, outcome.probabilities  # type: ignore[return-value]
    answers = iter(outcome.answers)
    spread_answers = [None if row is None else next(answers) for row in batch.values]
    if outcome.probabilities is None:
        return spread_answers, None
    probabilities = iter(outcome.probabilities)
    return spread_answers, [None if row is None else next(probabilities) for row in batch.values]


def load(
    folder: Path, name: str, version: int, spec: ServingSpec | None = None, *,
    limits: Limits | None = None, probe: bool = True, expected: str = "", hooks: Collection[str] = (), key: bytes = b"",
) -> Served:  # fmt: skip
    """Verify, probe in a child unless told otherwise, rebuild, recheck the golden rows. Raises ModelError (`bundle.*`).

    Loads no table library where rows have a form of their own, and no library that only training needs.
    """
    from modelwright.registry import bundle

    loaded = bundle.load(folder, probe=probe, expected=expected, hooks=hooks, recheck=False)
    served = Served(loaded, name, version, spec, limits, key=key)
    served.recheck()
    return served

"""The methods of inference.GRPCInferenceService."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from modelwright._version import VERSION
from modelwright.interfaces.grpc.calls import Answered, Call, Calls
from modelwright.interfaces.grpc.protocol import DATA_TYPES, METHODS, message
from modelwright.interfaces.grpc.wire import Asked, Reader, Writer
from modelwright.interfaces.http.replaying import Replays
from modelwright.interfaces.http.replies import Reply, header_text
from modelwright.interfaces.v2.dialect import columns_of, metadata
from modelwright.serving.asking import Ask, Refused
from modelwright.serving.live import Served
from modelwright.serving.shedding import expired


class Inference:
    """The handlers of one process, by method (`methods`)."""

    def __init__(self, calls: Calls) -> None:
        self._calls, self._service = calls, calls.service
        self._plane, self._limits = calls.service.plane, calls.service.limits
        self._reader, self._writer = Reader(), Writer()
        self._replays = Replays(calls.service.replays, calls.service.replay_s, time.monotonic)
        self.running = self.begun = 0  # calls that are being answered, and all since the start
        self._said_of_log = ("x-modelwright-log", calls.service.durability)

    def methods(self) -> dict[str, Answered]:
        """Every method with the scope that a key needs for it."""
        plain: dict[str, tuple[str, Callable[[Any], Any]]] = {
            "ServerLive": ("open", self._live),
            "ServerReady": ("open", self._ready),
            "ModelReady": ("predict", self._model_ready),
            "ServerMetadata": ("predict", self._server),
            "ModelMetadata": ("predict", self._model),
            "ModelConfig": ("predict", self._config),
            "ModelStatistics": ("read", self._statistics),
            "RepositoryIndex": ("predict", self._index),
        }
        made = {name: self._plain(name, scope, work) for name, (scope, work) in plain.items()}
        return {**made, "ModelInfer": self.infer}

    def _plain(self, name: str, scope: str, work: Callable[[Any], Any]) -> Answered:
        asked, answered = (message(one) for one in METHODS[name])

        def answer(content: bytes) -> bytes:
            try:
                request = asked.FromString(content)
            except Exception:  # noqa: BLE001 - protobuf's own error; its class depends on how protobuf was built
                raise Refused(f"The message is no {name}Request.", code="request.protobuf") from None
            found: bytes = answered(**work(request)).SerializeToString()
            return found

        return self._calls.method(name, scope, answer)

    # ------------------------------------------------------------ what there is

    def _live(self, _request: Any) -> dict[str, Any]:
        return {"live": self._service.health().live}

    def _ready(self, _request: Any) -> dict[str, Any]:
        return {"ready": self._service.health().ready}

    def _model_ready(self, request: Any) -> dict[str, Any]:
        try:
            self._plane.find(request.name, request.version)
        except Refused:
            return {"ready": False}
        return {"ready": self._service.health().ready}

    def _server(self, _request: Any) -> dict[str, Any]:
        return {"name": "modelwright", "version": VERSION, "extensions": ["model_repository", "statistics"]}

    def _model(self, request: Any) -> dict[str, Any]:
        served = self._plane.find(request.name, request.version)
        return metadata(served, sorted(one.version for one in self._plane.models()[served.name]))

    def _config(self, request: Any) -> dict[str, Any]:
        """What Triton's clients ask before a load test."""
        served = self._plane.find(request.name, request.version)
        found = metadata(served, (served.version,))
        config = {"name": served.name, "platform": found["platform"], "backend": found["platform"], "max_batch_size": 0}
        for side, listed in (("input", "inputs"), ("output", "outputs")):
            config[side] = [
                {"name": one["name"], "data_type": DATA_TYPES[one["datatype"]], "dims": one["shape"]}
                for one in found[listed]
            ]
        return {"config": config}

    def _statistics(self, request: Any) -> dict[str, Any]:
        """Rows and requests answered by every process of this server since it began."""
        counted: Counter[tuple[str, str, str]] = Counter()
        for reading in self._service.counters.read():
            if reading.name in ("predictions", "rows"):
                for labels, value, _ in reading.values:
                    if labels.get("route") != "shadow":
                        counted[reading.name, labels["model"], labels["version"]] += int(value)
        if request.name:
            chosen = (
                [self._plane.find(request.name, request.version)]
                if request.version
                else self._plane.models().get(request.name) or [self._plane.find(request.name)]
            )
        else:
            chosen = [one for versions in self._plane.models().values() for one in versions]
        listed = [
            {
                "name": one.name,
                "version": str(one.version),
                "inference_count": counted.get(("rows", one.name, str(one.version)), 0),
                "execution_count": counted.get(("predictions", one.name, str(one.version)), 0),
            }
            for one in chosen
        ]
        return {"model_stats": listed}

    def _index(self, request: Any) -> dict[str, Any]:
        ready = self._service.health().ready
        listed = [
            {"name": name, "version": str(served.version), "state": "READY" if ready else "UNAVAILABLE"}
            for name, versions in sorted(self._plane.models().items())
            for served in versions
            if ready or not request.ready
        ]
        return {"models": listed}

    # ------------------------------------------------------------ inference

    async def infer(self, content: bytes, context: Any) -> bytes:
        """Answer, and let the answer go once the record of it is written down."""
        calls = self._calls
        self.running += 1
        self.begun += 1
        try:
            call = calls.open(context, "predict")
            await calls.turn(call, len(content))
            if time.monotonic() > call.deadline:
                raise expired()
            kept = self._once(call, content) if call.key else None
            reply, request_id, model = self._answered(call, content) if kept is None else _told(kept)
            await calls.written(kept, alone=self.running == 1)
        except Exception as error:  # noqa: BLE001 - the last net: `ended` tells refusals from incidents
            return await calls.abort(context, calls.ended(error, "ModelInfer", context))
        finally:
            self.running -= 1
        counters = self._service.counters
        counters.count("grpc_requests", (model, "OK"))
        counters.observe_latency(int((time.monotonic() - call.received) * 1e6), model)
        named = self._said_of_log, ("x-request-id", header_text(request_id))
        context.set_trailing_metadata((*named, ("traceparent", call.traceparent)) if call.span else named)
        return reply

    def _answered(self, call: Call, content: bytes) -> tuple[bytes, str, str]:
        """The reply, the request's id and the model."""
        asked = self._reader.read(content)
        served = self._plane.find(asked.model, asked.version)
        head, signature = call.head, served.signature
        ask = Ask(
            model=asked.model, which=asked.version, request_id=call.request_id or asked.id or call.name_in_trace,
            idempotency_key=call.key, sticky=head.token("sticky", "x-sticky-key") if head.sticky else "",
            caller=call.caller.id, received=call.received, deadline=call.deadline,
        )  # fmt: skip
        if asked.row is not None and asked.layout is not None and asked.layout.signature is signature:
            ask.typed = (signature.inputs, [asked.row])
        else:
            ask.columns = self._columns(asked, served, content)
        answer = self._plane.answer(ask)
        if len(answer.predictions) > 1:
            self._service.access.charge(call.caller, len(answer.predictions))
        if answer.version != served.version:
            served = self._plane.find(answer.model, str(answer.version))
        reply = self._writer.write(answer, served, asked.id or answer.request_id, asked.wanted)
        return reply, answer.request_id, answer.model

    def _columns(self, asked: Asked, served: Served, content: bytes) -> dict[str, list[Any]]:
        if asked.row is not None:  # it was read in the order of another model
            asked = self._reader.read_slowly(content)
        columns = columns_of(asked.tensors, served.signature, self._limits.max_rows)
        if asked.layout is not None:
            asked.layout.learn(asked.tensors, served.signature)
        return columns

    def _once(self, call: Call, content: bytes) -> Reply:
        """The reply this idempotency key has had, or a new one."""

        def answer() -> Reply:
            reply, request_id, model = self._answered(call, content)
            return Reply(200, reply, request_id=request_id, model=model)

        return self._replays.once(call.caller.id, "ModelInfer", call.key, content, answer)


def _told(kept: Reply) -> tuple[bytes, str, str]:
    return kept.body, kept.request_id, kept.model

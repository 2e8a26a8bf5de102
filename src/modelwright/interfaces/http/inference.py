"""The Open Inference Protocol V2 over HTTP, with its binary tensor extension."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from modelwright._version import VERSION
from modelwright.interfaces.http.predicting import Predicting
from modelwright.interfaces.http.replaying import Replays
from modelwright.interfaces.http.replies import BINARY, JSON, Reply, header_text, log_header
from modelwright.interfaces.http.request import Request
from modelwright.interfaces.http.service import Service
from modelwright.interfaces.v2.dialect import columns_of, metadata, outputs_of
from modelwright.interfaces.v2.tensors import Tensor, binary, flat, invalid
from modelwright.serving import strict
from modelwright.serving.asking import Refused
from modelwright.serving.live import Served

_encode = msgspec.json.Encoder().encode
_FIELDS = frozenset({"id", "parameters", "inputs", "outputs"})
_TENSOR = frozenset({"name", "shape", "datatype", "parameters", "data"})
_OUTPUT = frozenset({"name", "parameters"})
_MOST_TENSORS = 4_096
_DEPTH = 12


class Inference:
    """The handlers of one process."""

    def __init__(self, service: Service, predicting: Predicting, replays: Replays) -> None:
        self._service, self._predicting, self._replays = service, predicting, replays
        self._headers = log_header(service.durability)

    # ------------------------------------------------------------ what there is

    def server(self, _request: Request) -> Reply:
        return _json({"name": "modelwright", "version": VERSION, "extensions": ["binary_tensor_data"]})

    def model(self, request: Request) -> Reply:
        served = self._find(request)
        return _json(metadata(served, self._versions(served.name)), served.name)

    def ready(self, request: Request) -> Reply:
        served = self._find(request)
        ready = self._service.health().ready
        return Reply(200 if ready else 503, _encode({"name": served.name, "ready": ready}), JSON, model=served.name)

    def index(self, request: Request) -> Reply:
        """The repository extension: every version, and that it is ready."""
        wanted = strict.parse(request.body, _DEPTH) if request.body else {}
        if type(wanted) is not dict or set(wanted) - {"ready"} or type(wanted.get("ready", False)) is not bool:
            raise Refused("The body is either empty or an object with `ready`, true or false.", code="request.schema")
        ready = self._service.health().ready
        listed = [
            {"name": name, "version": str(served.version), "state": "READY" if ready else "UNAVAILABLE", "reason": ""}
            for name, versions in sorted(self._service.plane.models().items())
            for served in versions
            if ready or not wanted.get("ready")
        ]
        return _json(listed)

    def _find(self, request: Request) -> Served:
        names = request.names
        return self._service.plane.find(names[0], names[1] if len(names) > 1 else "")

    def _versions(self, name: str) -> list[int]:
        return sorted(served.version for served in self._service.plane.models()[name])

    # ------------------------------------------------------------ inference

    def infer(self, request: Request) -> Reply:
        head = request.head
        if head.idempotency_key:
            key = head.token("idempotency_key", "idempotency-key")
            place = (request.caller.id, head.path, key)
            return self._replays.once(*place, request.body, lambda: self._infer(request))
        return self._infer(request)

    def _infer(self, request: Request) -> Reply:
        head, raw = _divided(request)
        found = _object("The request", strict.parse(head, _DEPTH), _FIELDS)
        parameters = _parameters(found)
        said = found.get("id", "")
        if type(said) is not str or len(said) > 128:
            raise Refused("`id` should be a text of at most 128 characters.", code="request.schema")
        served = self._find(request)
        tensors = _inputs(found.get("inputs"), raw, self._service.limits.max_rows)
        wanted = _wanted(found.get("outputs", []), parameters.get("binary_data_output") is True)
        ask = self._predicting.ask(request)
        ask.request_id = ask.request_id or said
        ask.columns = columns_of(tensors, served.signature, self._service.limits.max_rows)
        answer = self._service.plane.answer(ask)
        if answer.version != served.version:
            served = self._service.plane.find(answer.model, str(answer.version))
        outputs = outputs_of(answer, served, list(wanted))
        reply = {
            "model_name": answer.model,
            "model_version": str(answer.version),
            "id": answer.request_id,
            "parameters": {"degraded": answer.degraded},
        }
        body, head_size = _written(reply, outputs, wanted, all_binary=parameters.get("binary_data_output") is True)
        headers = self._headers
        if head_size is not None:
            headers = (*headers, (b"inference-header-content-length", b"%d" % head_size))
        media = JSON if head_size is None else BINARY
        return Reply(
            200, body, media, headers, header_text(answer.request_id), logged=True, model=answer.model,
            rows=len(answer.predictions),
        )  # fmt: skip


def _json(value: Any, model: str = "-") -> Reply:
    return Reply(200, _encode(value), JSON, model=model)


def _divided(request: Request) -> tuple[bytes, memoryview]:
    """The JSON part, and the bytes of the binary tensors behind it."""
    body = request.body
    size = len(body)
    if request.head.tensor_header:
        found = request.head.number("tensor_header", "inference-header-content-length", size)
        assert found is not None
        return body[:found], memoryview(body)[found:]
    if request.head.content_type.startswith(b"application/octet-stream"):
        raise Refused(
            "A binary body needs the header inference-header-content-length.", code="request.header",
            subject="header:inference-header-content-length",
        )  # fmt: skip
    return body, memoryview(b"")


def _object(what: str, found: Any, known: frozenset[str]) -> dict[str, Any]:
    if type(found) is not dict:
        raise Refused(f"{what} should be an object.", code="request.schema")
    for name in found:
        if name not in known:
            raise Refused(f"{what} has a field {name[:60]!r}, which is not known.", code="request.unknown_field",
                          hint=f"known: {', '.join(sorted(known))}", subject=name[:60])  # fmt: skip
    return found


def _parameters(found: Mapping[str, Any]) -> dict[str, Any]:
    parameters = found.get("parameters", {})
    if type(parameters) is not dict:
        raise Refused("`parameters` should be an object.", code="request.schema")
    return parameters


def _inputs(listed: Any, raw: memoryview, most_rows: int) -> list[Tensor]:
    """Raises Refused where the JSON part and the bytes behind it disagree."""
    if type(listed) is not list or len(listed) > _MOST_TENSORS:
        raise Refused("`inputs` should be an array of tensors.", code="request.schema")
    tensors, at = [], 0
    for one in listed:
        found = _object("An input", one, _TENSOR)
        name, datatype, shape = found.get("name"), found.get("datatype"), found.get("shape")
        if type(name) is not str or type(datatype) is not str:
            raise Refused("An input needs `name` and `datatype`, both texts.", code="request.schema")
        if type(shape) is not list or not 1 <= len(shape) <= 4 or any(not _is_length(n) for n in shape):
            raise invalid(name, "needs a `shape` of one or two whole numbers", "request.schema")
        size = _parameters(found).get("binary_data_size")
        tensor = Tensor(name, datatype, tuple(shape))
        if (size is None) == ("data" not in found):
            raise invalid(name, "needs either `data` or the parameter `binary_data_size`", "request.schema")
        if size is None:
            tensor.data = flat(name, found["data"], most_rows * _MOST_TENSORS)
        else:
            if not _is_length(size) or at + size > len(raw):
                raise invalid(name, f"has the `binary_data_size` {str(size)[:20]}, and {len(raw) - at} bytes are left")
            tensor.raw, at = raw[at : at + size], at + size
        tensors.append(tensor)
    if at != len(raw):
        raise Refused(f"{len(raw) - at} bytes behind the tensors belong to none.", code="request.tensor")
    return tensors


def _is_length(value: Any) -> bool:
    return type(value) is int and 0 <= value < 1 << 40


def _wanted(listed: Any, binary_too: bool) -> dict[str, bool]:
    """Name of each requested output, and whether it is wanted in binary."""
    if type(listed) is not list or len(listed) > _MOST_TENSORS:
        raise Refused("`outputs` should be an array.", code="request.schema")
    wanted = {}
    for one in listed:
        found = _object("An output", one, _OUTPUT)
        name, parameters = found.get("name"), _parameters(found)
        if type(name) is not str:
            raise Refused("An output needs a `name`.", code="request.schema")
        if parameters.get("classification"):
            raise Refused("The classification extension is not offered; ask for `probabilities`.",
                          code="request.output", subject=f"output:{name[:60]}")  # fmt: skip
        wanted[name] = parameters.get("binary_data", binary_too) is True
    return wanted


def _written(
    reply: dict[str, Any], outputs: Sequence[Tensor], wanted: Mapping[str, bool], *, all_binary: bool
) -> tuple[bytes, int | None]:
    """The body, and the size of its JSON part where something binary follows it."""
    listed, parts = [], []
    for one in outputs:
        said: dict[str, Any] = {"name": one.name, "datatype": one.datatype, "shape": one.shape}
        if wanted.get(one.name, all_binary):
            content = binary(one)
            said["parameters"] = {"binary_data_size": len(content)}
            parts.append(content)
        else:
            said["data"] = one.data
        listed.append(said)
    head = _encode({**reply, "outputs": listed})
    return (b"".join((head, *parts)), len(head)) if parts else (head, None)

"""OpenAPI 3.1 of this server, made from its table of routes and the signatures of the models it serves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from modelwright._version import VERSION
from modelwright.core.nouns import ColumnType, SignatureField, Task
from modelwright.interfaces.http.routes import Route
from modelwright.interfaces.http.service import Service
from modelwright.registry.answers import describe_task
from modelwright.serving.columns import written_whole
from modelwright.serving.live import Served
from modelwright.spec.serving import ColumnPolicy

_EXAMPLES = 5  # categories shown of a column
_DESCRIBED = 20
_PARTIAL = "answer the good rows, and list the errors of the others"
Json = dict[str, Any]


def document(service: Service, routes: Sequence[Route]) -> Json:
    """The whole document. Paths with a name are written once per served model, with its own schemas."""
    models = {name: service.plane.find(name) for name in sorted(service.plane.models())}
    paths: Json = {}
    schemas: Json = {"Error": _error(), "TensorError": _tensor_error()}
    for name, served in models.items():
        schemas |= _schemas(name, served, service)
    for route in routes:
        for path, which in _places(route, models, service):
            paths[path] = {m.lower(): _operation(route, path, m, which) for m in route.policy.methods}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Modelwright",
            "version": VERSION,
            "description": "Predictions of reviewed models. Every reply says by which model and version.",
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
    }


def _places(route: Route, models: dict[str, Served], service: Service) -> list[tuple[str, Served | None]]:
    if "{name}" not in route.pattern:
        return [(route.pattern, None)]
    found: list[tuple[str, Served | None]] = []
    for name, default in models.items():
        path = route.pattern.replace("{name}", name)
        if "{version}" not in path:
            found.append((path, default))
            continue
        versions = service.plane.models()[name]
        found += [(path.replace("{version}", str(served.version)), served) for served in versions]
    return found


def _operation(route: Route, path: str, method: str, served: Served | None) -> Json:
    policy = route.policy
    name = served.name if served is not None else ""
    operation: Json = {
        "operationId": f"{method.lower()}{path}".replace("/", "_").replace(".", "_").replace("-", "_"),
        "summary": route.summary + (f" ({name})" if name else ""),
        "tags": [name or ("health" if "health" in path else "server")],
        "responses": _responses(route, path, name),
        "security": [] if policy.scope == "open" else [{"key": []}, {}],
        "x-scope": policy.scope,
    }
    if method == "POST":
        body: Json = {"type": "object", "additionalProperties": False, "properties": {"ready": {"type": "boolean"}}}
        if served is not None:
            body = {"$ref": f"#/components/schemas/{name}.{_asked(path)}"}
        operation["requestBody"] = {"required": served is not None, "content": {"application/json": {"schema": body}}}
    return operation


def _asked(path: str) -> str:
    last = path.rsplit("/", 1)[-1]
    return {"predict": "Request", "explain": "Request", "feedback": "Feedback", "infer": "Inference"}[last]


def _responses(route: Route, path: str, name: str) -> Json:
    good: Json = {"description": "The answer"}
    last = path.rsplit("/", 1)[-1]
    if last == "predict":
        good["content"] = {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}.Reply"}}}
    elif last == "metrics":
        good["content"] = {"text/plain": {"schema": {"type": "string"}}}
    elif last == "docs":
        good["content"] = {"text/html": {"schema": {"type": "string"}}}
    else:
        good["content"] = {"application/json": {"schema": {}}}
    if last == "infer":
        good["content"]["application/octet-stream"] = {"schema": {"type": "string", "format": "binary"}}
    kind = "TensorError" if path.startswith("/v2") else "Error"
    refused = {"application/json": {"schema": {"$ref": f"#/components/schemas/{kind}"}}}
    said: Json = {"200": good}
    wrong = {"400": "Not to be read", "403": "Not allowed", "404": "Not served here"}
    if route.policy.scope != "open":
        wrong |= {"401": "A key is needed", "429": "Too often"}
    if "POST" in route.policy.methods:
        wrong |= {
            "408": "Too slow", "409": "The idempotency key was used with another body", "413": "Too large",
            "415": "Not JSON", "422": "Understood, and wrong: the problems name row and field", "504": "Too late",
        }  # fmt: skip
    for status, why in wrong.items():
        said[status] = {"description": why, "content": refused}
    said["503"] = {"description": "Not now; Retry-After says when", "content": {"application/json": {"schema": {}}}}
    return dict(sorted(said.items()))


# ---------------------------------------------------------------- schemas of one model


def _schemas(name: str, served: Served, service: Service) -> Json:
    fields = served.signature.inputs
    strict = served.spec.unknown_fields == "refuse"
    row: Json = {
        "type": "object",
        "properties": {field.name: _field(field, served) for field in fields},
        "required": [field.name for field in fields],
        "additionalProperties": not strict,
    }
    most = min(service.limits.max_rows, served.limits.max_rows)
    count = {"minItems": 1, "maxItems": most}
    columns: Json = {
        "type": "object",
        "properties": {f.name: {"type": "array", "items": _field(f, served), **count} for f in fields},
        "required": [field.name for field in fields],
        "additionalProperties": not strict,
        "description": "one array per column, all of the same length",
    }
    options: Json = {
        "request_id": {"type": "string", "maxLength": 200},
        "idempotency_key": {"type": "string", "maxLength": 200},
        "sticky": {"type": "string", "description": "the same key stays with the same version"},
        "row_ids": {"type": "array", "items": {"type": "string"}, "description": "as many as there are rows"},
        "version": {"type": "integer", "minimum": 0, "description": "answer by this version"},
    }
    rows = {"type": "array", "items": {"$ref": f"#/components/schemas/{name}.Row"}, **count}
    anything = {"type": "array", **count}
    request: Json = {
        "type": "object",
        "oneOf": [
            _variant({"rows": rows}, options, {"const": False}),
            _variant({"columns": columns}, options, {"const": False}),
            _variant({"rows": anything}, options, {"const": True, "description": _PARTIAL}),
        ],
        "examples": [{"rows": [{field.name: example(field) for field in fields}]}],
    }
    return {
        f"{name}.Row": row,
        f"{name}.Request": request,
        f"{name}.Reply": _reply(served),
        f"{name}.Feedback": _feedback(served),
        f"{name}.Inference": _inference(served),
    }


def _variant(rows: Json, options: Json, partial: Json) -> Json:
    """One way of asking: strictly, or with the bad rows answered by their errors."""
    needed = [*rows, *(["partial"] if partial["const"] else [])]
    properties = {**rows, **options, "partial": {"type": "boolean", **partial}}
    return {"type": "object", "properties": properties, "required": needed, "additionalProperties": False}


def _field(field: SignatureField, served: Served) -> Json:
    """Type and nullability bind; what training saw is a description unless the policy refuses the rest."""
    kind = {ColumnType.NUMBER: "number", ColumnType.BOOLEAN: "boolean"}.get(field.type, "string")
    policy = served.spec.columns.get(field.name, ColumnPolicy())
    nullable = policy.null != "refuse"
    kinds = [kind, *(["integer"] if written_whole(field) else []), *(["null"] if nullable else [])]
    found: Json = {"type": kinds if len(kinds) > 1 else kind}
    words = []
    if field.low is not None and field.high is not None:
        words.append(f"training saw {field.low:g} to {field.high:g}")
        if (policy.out_of_range or served.spec.out_of_range) == "refuse":
            found |= {"minimum": field.low, "maximum": field.high}
    if policy.low is not None:
        found["minimum"] = max(policy.low, found.get("minimum", policy.low))
    if policy.high is not None:
        found["maximum"] = min(policy.high, found.get("maximum", policy.high))
    if field.categories:
        found["examples"] = list(field.categories[:_EXAMPLES])
        listed = ", ".join(field.categories[:_DESCRIBED])
        words.append(f"training saw {listed}{', ...' if len(field.categories) > _DESCRIBED else ''}")
    if field.type is ColumnType.DATETIME:
        words.append(f"a time, written as {field.format}" if field.format else "a time, written as in ISO 8601")
    if nullable:
        words.append("null: not known")
    found["description"] = "; ".join(words)
    return found


def example(field: SignatureField) -> Any:
    """A value as training saw it."""
    if field.categories:
        return field.categories[0]
    if field.type is ColumnType.NUMBER:
        if field.low is None or field.high is None:
            return 0.0
        return float(f"{(field.low + field.high) / 2:.4g}")
    if field.type is ColumnType.BOOLEAN:
        return True
    return None if field.type is ColumnType.DATETIME else "text"


def _reply(served: Served) -> Json:
    label = _label(served)
    properties: Json = {
        "request_id": {"type": "string"},
        "model": {
            "type": "object",
            "properties": {"name": {"const": served.name}, "version": {"type": "integer"}},
            "required": ["name", "version"],
        },
        "degraded": {"type": "boolean", "description": "a fallback answered in place of the model"},
        "degraded_reason": {"type": "string", "description": "which fallback answered, and why; only where degraded"},
        "predictions": {
            "type": "array", "items": {"anyOf": [label, {"type": "null"}]},
            "description": f"{describe_task(served.signature)}; null for a refused row",
        },
        "errors": {"type": "array", "items": {"$ref": "#/components/schemas/Error/$defs/problem"}},
        "row_ids": {"type": "array", "items": {"type": "string"}},
    }  # fmt: skip
    if served.classes:
        share = {"type": "object", "additionalProperties": {"type": "number", "minimum": 0, "maximum": 1}}
        properties["probabilities"] = {"type": "array", "items": {"anyOf": [share, {"type": "null"}]}}
    return {"type": "object", "properties": properties, "required": ["request_id", "model", "degraded", "predictions"]}


def _label(served: Served) -> Json:
    if served.labels:
        return {"enum": list(served.labels)}
    return {"type": "integer"} if served.signature.task is Task.CLUSTERING else {"type": "number"}


def _feedback(served: Served) -> Json:
    label: Json = {"enum": list(served.labels)} if served.labels else {"type": "number"}
    one: Json = {
        "type": "object",
        "properties": {
            "request_id": {"type": "string", "minLength": 1, "maxLength": 200},
            "row": {"type": "integer", "minimum": 0, "maximum": 10_000_000},
            "label": {**label, "description": "what really happened"},
            "at": {"type": "string", "format": "date-time", "description": "when it became true"},
        },
        "required": ["request_id", "label"],
        "additionalProperties": False,
    }
    several: Json = {
        "type": "object", "properties": {"labels": {"type": "array", "items": one, "minItems": 1}},
        "required": ["labels"], "additionalProperties": False,
    }  # fmt: skip
    return {"anyOf": [one, several]}


def _inference(served: Served) -> Json:
    tensor: Json = {
        "type": "object",
        "properties": {
            "name": {"enum": [field.name for field in served.signature.inputs]},
            "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 1, "maxItems": 2},
            "datatype": {"enum": ["FP64", "FP32", "INT64", "INT32", "BOOL", "BYTES"]},
            "data": {"type": "array"},
            "parameters": {"type": "object"},
        },
        "required": ["name", "shape", "datatype"],
    }
    return {
        "type": "object",
        "properties": {
            "id": {"type": "string", "maxLength": 128},
            "parameters": {"type": "object"},
            "inputs": {"type": "array", "items": tensor, "minItems": 1},
            "outputs": {"type": "array", "items": {"type": "object"}},
        },
        "required": ["inputs"],
        "additionalProperties": False,
        "description": "Open Inference Protocol V2; GET the model's metadata for names and datatypes",
    }


def _error() -> Json:
    problem = {
        "type": "object",
        "properties": {"row": {"type": "integer"}, **{n: {"type": "string"} for n in ("field", "code", "message")}},
        "required": ["row", "field", "code", "message"],
    }
    text = {"type": "string"}
    inside = {
        "type": "object",
        "properties": {
            "code": text, "message": text, "hint": text, "request_id": text,
            "problems": {"type": "array", "items": {"$ref": "#/components/schemas/Error/$defs/problem"}},
        },
        "required": ["code", "message", "hint", "request_id", "problems"],
    }  # fmt: skip
    return {"type": "object", "properties": {"error": inside}, "required": ["error"], "$defs": {"problem": problem}}


def _tensor_error() -> Json:
    """What the Open Inference Protocol calls an error: a text; the rest stands beside it."""
    inside = _error()["properties"]["error"]
    properties = {"error": {"type": "string"}, **inside["properties"]}
    return {"type": "object", "properties": properties, "required": ["error", *inside["required"]]}

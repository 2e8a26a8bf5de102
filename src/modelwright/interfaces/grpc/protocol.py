"""The messages of the Open Inference Protocol V2 over gRPC, built when they are needed: no generated code, and so no
tie to one range of protobuf's versions.

Sources: kserve/open-inference-protocol (inference.GRPCInferenceService), its model repository extension, the parts of
Triton's model configuration and statistics that its clients ask for, grpc/health/v1/health.proto, and google/rpc's
status.proto and error_details.proto. They live in a pool of their own, beside whatever else a process has loaded.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from modelwright.core.plugins import require

SERVICE, HEALTH = "inference.GRPCInferenceService", "grpc.health.v1.Health"
#: method -> (what is asked, what is answered); all of one request and one reply
METHODS: dict[str, tuple[str, str]] = {
    name: (f"{name}Request", f"{name}Response")
    for name in (
        "ServerLive", "ServerReady", "ModelReady", "ServerMetadata", "ModelMetadata", "ModelInfer", "ModelConfig",
        "ModelStatistics", "RepositoryIndex",
    )
}  # fmt: skip
_WHICH = "1 string name, 2 string version"
_TENSOR = "1 string name, 2 string datatype, 3 int64* shape"
_PARAMETERS = "map<InferParameter> parameters"
#: package -> message -> fields as `number type name`; `*` repeats, `?` chooses one among those that have it,
#: `map<type>` is keyed by texts
_MESSAGES: dict[str, dict[str, str]] = {
    "inference": {
        "ServerLiveRequest": "",
        "ServerLiveResponse": "1 bool live",
        "ServerReadyRequest": "",
        "ServerReadyResponse": "1 bool ready",
        "ModelReadyRequest": _WHICH,
        "ModelReadyResponse": "1 bool ready",
        "ServerMetadataRequest": "",
        "ServerMetadataResponse": "1 string name, 2 string version, 3 string* extensions",
        "ModelMetadataRequest": _WHICH,
        "TensorMetadata": _TENSOR,
        "ModelMetadataResponse": "1 string name, 2 string* versions, 3 string platform, 4 TensorMetadata* inputs, "
        "5 TensorMetadata* outputs, 6 map<string> properties",
        "InferParameter": "1 bool? bool_param, 2 int64? int64_param, 3 string? string_param, 4 double? double_param, "
        "5 uint64? uint64_param",
        "InferTensorContents": "1 bool* bool_contents, 2 int32* int_contents, 3 int64* int64_contents, "
        "4 uint32* uint_contents, 5 uint64* uint64_contents, 6 float* fp32_contents, 7 double* fp64_contents, "
        "8 bytes* bytes_contents",
        "InferInputTensor": f"{_TENSOR}, 4 {_PARAMETERS}, 5 InferTensorContents contents",
        "InferOutputTensor": f"{_TENSOR}, 4 {_PARAMETERS}, 5 InferTensorContents contents",
        "InferRequestedOutputTensor": f"1 string name, 2 {_PARAMETERS}",
        "ModelInferRequest": f"1 string model_name, 2 string model_version, 3 string id, 4 {_PARAMETERS}, "
        "5 InferInputTensor* inputs, 6 InferRequestedOutputTensor* outputs, 7 bytes* raw_input_contents",
        "ModelInferResponse": f"1 string model_name, 2 string model_version, 3 string id, 4 {_PARAMETERS}, "
        "5 InferOutputTensor* outputs, 6 bytes* raw_output_contents",
        "ModelConfigRequest": _WHICH,
        "ModelInput": "1 string name, 2 int32 data_type, 4 int64* dims",
        "ModelOutput": "1 string name, 2 int32 data_type, 3 int64* dims",
        "ModelConfig": "1 string name, 2 string platform, 4 int32 max_batch_size, 5 ModelInput* input, "
        "6 ModelOutput* output, 17 string backend",
        "ModelConfigResponse": "1 ModelConfig config",
        "ModelStatisticsRequest": _WHICH,
        "ModelStatistics": "1 string name, 2 string version, 4 uint64 inference_count, 5 uint64 execution_count",
        "ModelStatisticsResponse": "1 ModelStatistics* model_stats",
        "RepositoryIndexRequest": "1 string repository_name, 2 bool ready",
        "ModelIndex": "1 string name, 2 string version, 3 string state, 4 string reason",
        "RepositoryIndexResponse": "1 ModelIndex* models",
    },
    "grpc.health.v1": {
        "HealthCheckRequest": "1 string service",
        "HealthCheckResponse": "1 int32 status",
    },
    "google.rpc": {
        "Any": "1 string type_url, 2 bytes value",
        "Status": "1 int32 code, 2 string message, 3 Any* details",
        "Duration": "1 int64 seconds, 2 int32 nanos",
        "RetryInfo": "1 Duration retry_delay",
        "FieldViolation": "1 string field, 2 string description, 3 string reason",
        "BadRequest": "1 FieldViolation* field_violations",
        "ErrorInfo": "1 string reason, 2 string domain, 3 map<string> metadata",
    },
}
#: Triton's numbers for datatypes in a model's configuration
DATA_TYPES = {name: number for number, name in enumerate(
    ("BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP16", "FP32", "FP64", "BYTES"),
    start=1,
)}  # fmt: skip
_TYPES = {
    "double": 1,
    "float": 2,
    "int64": 3,
    "uint64": 4,
    "int32": 5,
    "bool": 8,
    "string": 9,
    "bytes": 12,
    "uint32": 13,
}
_OPTIONAL, _REPEATED, _MESSAGE = 1, 3, 11


@lru_cache(maxsize=1)
def messages() -> dict[str, Any]:
    """The class of each message by `package.Name`. Raises MissingExtraError."""
    what = "Answering gRPC"
    descriptors = require("google.protobuf.descriptor_pb2", "grpc", what)
    pool = require("google.protobuf.descriptor_pool", "grpc", what).DescriptorPool()
    factory = require("google.protobuf.message_factory", "grpc", what)
    found = {}
    for package, listed in _MESSAGES.items():
        file = descriptors.FileDescriptorProto(name=f"modelwright/{package}.proto", package=package, syntax="proto3")
        for name, fields in listed.items():
            _describe(file.message_type.add(name=name), f".{package}", fields)
        pool.Add(file)
        for name in listed:
            full = f"{package}.{name}"
            found[full] = factory.GetMessageClass(pool.FindMessageTypeByName(full))
    return found


def message(name: str) -> Any:
    """The class of a message of the protocol itself."""
    return messages()[f"inference.{name}"]


def _describe(described: Any, package: str, fields: str) -> None:
    for said in fields.split(", ") if fields else ():
        number, kind, name = said.split(" ")
        if kind.startswith("map<"):
            entry = described.nested_type.add(name=f"{name.capitalize()}Entry")
            entry.options.map_entry = True
            _field(entry, "1", "string", "key", package)
            _field(entry, "2", kind[4:-1], "value", package)
            kind = f"{package.lstrip('.')}.{described.name}.{entry.name}*"
        _field(described, number, kind, name, package)


def _field(described: Any, number: str, kind: str, name: str, package: str) -> None:
    plain = kind.rstrip("*?")
    field = described.field.add(
        name=name, number=int(number), label=_REPEATED if kind.endswith("*") else _OPTIONAL,
        type=_TYPES.get(plain, _MESSAGE),
    )  # fmt: skip
    if plain not in _TYPES:
        field.type_name = f".{plain}" if "." in plain else f"{package}.{plain}"
    if kind.endswith("?"):
        if not described.oneof_decl:
            described.oneof_decl.add(name="parameter_choice")
        field.oneof_index = 0

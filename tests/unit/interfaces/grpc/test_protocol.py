"""Our messages are the protocol's: compared with those that the protocol's own client was generated from."""

from __future__ import annotations

from typing import Any

import pytest

from modelwright.interfaces.grpc.protocol import DATA_TYPES, METHODS, messages

_INT32, _ENUM = 5, 14
#: of the Open Inference Protocol, but not of Triton's form of it
_OURS = {"ModelMetadataResponse.properties"}


def _differences(ours: Any, theirs: Any, path: str) -> list[str]:
    known = {field.number: field for field in theirs.fields}
    found = []
    for field in ours.fields:
        place, other = f"{path}.{field.name}", known.get(field.number)
        if other is None:
            found += [] if place in _OURS else [f"{place} is not in theirs"]
            continue
        kind = _INT32 if other.type == _ENUM else other.type
        same = (field.name, field.type, field.is_repeated, bool(field.containing_oneof))
        if same != (other.name, kind, other.is_repeated, bool(other.containing_oneof)):
            found.append(f"{place} differs")
        if field.message_type is not None:
            found += _differences(field.message_type, other.message_type, place)
    return found


def test_every_message_is_as_the_client_was_generated_with() -> None:
    theirs = pytest.importorskip("tritonclient.grpc.service_pb2").DESCRIPTOR
    compared = 0
    for full, ours in messages().items():
        package, _, name = full.rpartition(".")
        if package == "inference" and name in theirs.message_types_by_name:
            assert not _differences(ours.DESCRIPTOR, theirs.message_types_by_name[name], name)
            compared += 1
    assert compared > 15
    service = theirs.services_by_name["GRPCInferenceService"].methods_by_name
    for method, (asked, answered) in METHODS.items():
        found = service[method]
        assert (found.input_type.name, found.output_type.name) == (asked, answered)


def test_datatypes_have_the_numbers_of_the_model_configuration() -> None:
    theirs = pytest.importorskip("tritonclient.grpc.model_config_pb2").DESCRIPTOR.enum_types_by_name["DataType"]
    for name, number in DATA_TYPES.items():
        assert theirs.values_by_name[f"TYPE_{'STRING' if name == 'BYTES' else name}"].number == number

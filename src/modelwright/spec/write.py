"""Write a Spec as a commented pipeline.yaml: what differs from the defaults, and the options worth knowing.

What is written loads back to the same Spec.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from enum import Enum
from typing import Any

import msgspec
from msgspec import inspect as mi

from modelwright.spec.check_types import default_of, struct_type
from modelwright.spec.fixes import yaml_scalar
from modelwright.spec.model import ModelSpec, Spec

_WIDTH = 100
#: options shown commented out when they have their default value, with an example where the default says little
_USEFUL: dict[str, str] = {
    "data.sample_rate": "1.0",
    "data.split": "{kind: time, gap: 7d}",
    "data.types": "{postcode: category}",
    "features.time": "COLUMN",
    "features.group": "COLUMN",
    "features.ignore": "[COLUMN]",
    "features.derived": "{ratio: COLUMN / OTHER}",
    "model.type": "auto",
    "model.imbalance": "auto",
    "tuning": "{method: tpe, trials: 30}",
    "evaluation.metric": "METRIC",
    "evaluation.threshold": "0.8",
    "evaluation.cv": "{kind: auto, folds: 5}",
    "evaluation.slices": "[COLUMN]",
    "training.budget_s": "60",
    "training.seed": "0",
}
_ALWAYS = ("data.source", "data.train_split", "data.val_split", "data.test_split", "features.target", "model.type")


def render(spec: Spec, comments: Mapping[str, str] | None = None) -> str:
    """YAML text. `comments` are reasons by dotted path (`features.categorical`); the empty path heads the file."""
    said = dict(comments or {})
    lines = _comment(said.get("", ""), 0)
    plain = msgspec.to_builtins(spec)
    for field in struct_type(Spec).fields:
        name, value = field.encode_name, getattr(spec, field.name)
        if isinstance(value, msgspec.Struct):
            block = _section(value, plain[name], name, said, 2)
            if block:
                lines += ["", *_comment(said.get(name, ""), 0), f"{name}:", *block]
        elif value != default_of(field):
            lines += ["", *_comment(said.get(name, ""), 0), f"{name}: {_flow(value)}"]
        elif name in _USEFUL:
            lines += ["", *_comment(said.get(name, ""), 0), f"# {name}: {_USEFUL[name]}{_described(field)}"]
    return "\n".join(lines).lstrip("\n") + "\n"


def _section(
    value: msgspec.Struct, plain: dict[str, Any], path: str, said: Mapping[str, str], indent: int
) -> list[str]:
    lines: list[str] = []
    pad = " " * indent
    for field in struct_type(type(value)).fields:
        name = field.encode_name
        full = f"{path}.{name}"
        inner = getattr(value, field.name)
        comment = _comment(said.get(full, ""), indent)
        if isinstance(value, ModelSpec) and name == "params":
            lines += _params(plain["params"], pad)
        elif inner == default_of(field) and full not in _ALWAYS:
            if full in _USEFUL:
                lines += [*comment, f"{pad}# {name}: {_USEFUL[full]}{_described(field)}"]
            else:
                lines += comment
        elif isinstance(inner, msgspec.Struct):
            lines += [*comment, f"{pad}{name}:", *_section(inner, plain[name], full, said, indent + 2)]
        elif inner is not None:
            lines += [*comment, *_entry(name, plain[name], pad)]
    return lines


def _params(params: dict[str, Any], pad: str) -> list[str]:
    own = set(ModelSpec.__struct_fields__)
    lines = [line for name, value in params.items() if name not in own for line in _entry(name, value, pad)]
    hidden = {name: value for name, value in params.items() if name in own}
    return [*lines, *(_entry("params", hidden, pad) if hidden else [])]


def _entry(name: str, value: Any, pad: str) -> list[str]:
    """One key on one line, or one item per line where the line would be long."""
    line = f"{pad}{yaml_scalar(name)}: {_flow(value)}"
    if len(line) <= _WIDTH or not isinstance(value, (list, dict)):
        return [line]
    if isinstance(value, list):
        return [f"{pad}{yaml_scalar(name)}:", *(f"{pad}  - {_flow(item)}" for item in value)]
    return [f"{pad}{yaml_scalar(name)}:", *(f"{pad}  {yaml_scalar(key)}: {_flow(item)}" for key, item in value.items())]


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{yaml_scalar(key)}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_flow(item) for item in value) + "]"
    return yaml_scalar(value.value if isinstance(value, Enum) else value)


def _described(field: mi.Field) -> str:
    kind = field.type
    schema = kind.extra_json_schema if isinstance(kind, mi.Metadata) else None
    text = (schema or {}).get("description", "")
    return f"  # {text}" if text else ""


def _comment(text: str, indent: int) -> list[str]:
    pad = " " * indent
    return [f"{pad}# {line}" for part in text.splitlines() for line in textwrap.wrap(part, _WIDTH - indent - 2)]

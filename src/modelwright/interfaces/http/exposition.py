"""Metrics in Prometheus' text format 0.0.4, as its specification wants them escaped and grouped."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping

from modelwright.serving.counters import Reading

MEDIA_TYPE = b"text/plain; version=0.0.4; charset=utf-8"

_BAD_NAME = re.compile(r"[^a-zA-Z0-9_:]")
_BAD_LABEL = re.compile(r"[^a-zA-Z0-9_]")
_PREFIX = "modelwright_"


def text(metrics: Iterable[Reading]) -> bytes:
    lines: list[str] = []
    for metric in metrics:
        name = _BAD_NAME.sub("_", metric.name)
        name = name if name.startswith(_PREFIX) else _PREFIX + name
        if metric.kind == "counter" and not name.endswith("_total"):
            name += "_total"
        lines.append(f"# HELP {name} {_escape(metric.help, quotes=False)}")
        lines.append(f"# TYPE {name} {metric.kind}")
        lines += [f"{name}{suffix}{_labels(labels)} {_number(value)}" for labels, value, suffix in metric.values]
    return ("\n".join(lines) + "\n").encode("utf-8")


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    inside = ",".join(f'{_BAD_LABEL.sub("_", name)}="{_escape(value)}"' for name, value in labels.items())
    return f"{{{inside}}}"


def _escape(value: str, *, quotes: bool = True) -> str:
    escaped = value.replace("\\", "\\\\").replace("\n", "\\n")
    return escaped.replace('"', '\\"') if quotes else escaped


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))

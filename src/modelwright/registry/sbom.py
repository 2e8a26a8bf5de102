"""The bill of materials of a bundle, CycloneDX 1.6 JSON: the model, its files, and the packages that run it.

No serial number and no timestamp: equal bundles have equal bills.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from typing import Any, NamedTuple

from modelwright._version import VERSION
from modelwright.core.digests import canonical_json
from modelwright.core.nouns import Task
from modelwright.registry.manifest import FileEntry

FILE = "sbom.json"
_FRAMEWORKS = (
    "numpy",
    "scipy",
    "scikit-learn",
    "polars",
    "lightgbm",
    "xgboost",
    "xgboost-cpu",
    "catboost",
    "interpret-core",
    "onnx",
    "onnxruntime",
    "safetensors",
    "msgspec",
)
_APPROACH = {
    Task.BINARY: "supervised",
    Task.MULTICLASS: "supervised",
    Task.REGRESSION: "supervised",
    Task.CLUSTERING: "unsupervised",
    Task.ANOMALY: "unsupervised",
}


def framework_versions() -> dict[str, str]:
    """Versions of what a model's answers depend on."""
    found = {"modelwright": VERSION, "python": platform.python_version()}
    for name in _FRAMEWORKS:
        version = _facts(name).version
        if version:
            found[name] = version
    return found


def bill(name: str, task: Task, files: Mapping[str, FileEntry]) -> bytes:
    """The bill of one bundle as canonical JSON."""
    parts = [_package(package) for package in sorted(_closure("modelwright"))]
    model = {
        "type": "machine-learning-model",
        "bom-ref": f"model:{name}",
        "name": name,
        "modelCard": {"modelParameters": {"approach": {"type": _APPROACH[task]}, "task": task.value}},
        "components": [
            {
                "type": "file",
                "bom-ref": f"file:{file}",
                "name": file,
                "hashes": [{"alg": "SHA-256", "content": entry.sha256}],
            }
            for file, entry in sorted(files.items())
        ],
    }
    runtime = {"type": "platform", "bom-ref": "platform:python", "name": "python", "version": platform.python_version()}
    return canonical_json(
        {
            "bomFormat": "CycloneDX",
            "specVersion": "1.6",
            "version": 1,
            "metadata": {"component": model},
            "components": [runtime, *parts],
            "dependencies": [
                {"ref": f"model:{name}", "dependsOn": sorted(part["bom-ref"] for part in [runtime, *parts])}
            ],
        }
    )


@cache
def _closure(root: str) -> frozenset[str]:
    """Installed distributions that the base of `root` needs, itself included; looked up once a process."""
    found: set[str] = set()
    waiting = [root, *_FRAMEWORKS]
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in found or (name != root and not _facts(name).version):
            continue
        found.add(name)
        for line in _facts(name).requires:
            requirement, _, marker = line.partition(";")
            match = re.match(r"[A-Za-z0-9._-]+", requirement.strip())
            if match and "extra" not in marker:
                waiting.append(match.group())
    return frozenset(found)


def _package(name: str) -> dict[str, Any]:
    version = VERSION if name == "modelwright" else _facts(name).version
    part: dict[str, Any] = {
        "type": "library",
        "bom-ref": f"pkg:pypi/{name}@{version}",
        "name": name,
        "version": version,
        "purl": f"pkg:pypi/{name}@{version}",
    }
    licence = _facts(name).licence
    if licence:
        part["licenses"] = [{"expression": licence}]
    return part


class _Facts(NamedTuple):
    version: str = ""
    licence: str = ""
    requires: tuple[str, ...] = ()


@cache
def _facts(name: str) -> _Facts:
    """What an installed distribution says of itself, its file parsed once a process; empty when there is none."""
    try:
        found = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return _Facts()
    return _Facts(  # not `found[...]`: with the importlib_metadata backport imported, an absent field is a KeyError
        version=next(iter(found.get_all("Version") or ()), ""),
        licence=next(iter(found.get_all("License-Expression") or ()), ""),
        requires=tuple(found.get_all("Requires-Dist") or ()),
    )

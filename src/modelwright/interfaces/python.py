"""The Python door: the same operations as on the command line, called as functions that return dictionaries."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from modelwright.core.errors import SpecError
from modelwright.core.plugins import load as load_plugin
from modelwright.lifecycle.operation import Context

if TYPE_CHECKING:
    from modelwright.registry.bundle import LoadedBundle

_Path = str | os.PathLike[str]


def perform(operation: str, request: dict[str, Any], workspace: _Path | None = None) -> dict[str, Any]:
    """Perform any operation by name. Raises ModelwrightError; SpecError (`usage.arguments`) for a wrong argument."""
    plugin = load_plugin("operations", operation)
    given = {name: value for name, value in request.items() if value is not None}
    try:
        made = msgspec.convert(given, plugin.request)
    except msgspec.ValidationError as error:
        raise SpecError(f"{error}.", code="usage.arguments", subject=operation) from error
    root = Path(workspace) if workspace is not None else _beside(request)
    result: dict[str, Any] = msgspec.to_builtins(plugin.perform(made, Context(workspace=root.absolute())))
    return result


def _beside(request: dict[str, Any]) -> Path:
    pipeline = request.get("pipeline")
    return (Path(pipeline).parent if pipeline else Path()) / ".modelwright"


def init(data: str, target: str | None = None, output: _Path = "pipeline.yaml", **options: Any) -> dict[str, Any]:
    """Look at a table and write a commented pipeline file."""
    return perform("init", {"data": data, "target": target, "output": str(output), **options})


def check(pipeline: _Path = "pipeline.yaml", **options: Any) -> dict[str, Any]:
    """Check the data of a pipeline file."""
    return perform("check_data", {"pipeline": str(pipeline), **options})


def profile(data: str, target: str | None = None, **options: Any) -> dict[str, Any]:
    """Describe a table."""
    return perform("profile", {"data": data, "target": target, **options})


def run(
    pipeline: _Path = "pipeline.yaml",
    *,
    budget_s: float | None = None,
    overrides: tuple[str, ...] = (),
    workspace: _Path | None = None,
) -> dict[str, Any]:
    """Run a pipeline file; the result is what `modelwright run --json` prints."""
    request = {"pipeline": str(pipeline), "budget_s": budget_s, "overrides": tuple(overrides)}
    return perform("run", request, workspace)


def predict(
    bundle: _Path, data: str, output: _Path, *, workspace: _Path | None = None, **options: Any
) -> dict[str, Any]:
    """Score a table with a bundle and write the answers."""
    return perform("predict", {"bundle": str(bundle), "data": data, "output": str(output), **options}, workspace)


def load(bundle: _Path, *, hooks: tuple[str, ...] = ()) -> LoadedBundle:
    """A verified and probed bundle with `predict(frame)` and `predict_row(mapping)`. `hooks` names the functions of
    your own (`module:function`, in the current folder or installed) that it may call."""
    from modelwright.registry.bundle import load as load_bundle

    return load_bundle(Path(bundle), hooks=hooks)

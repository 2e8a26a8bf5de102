"""The Python door: the same operations as on the command line, called as functions that return dictionaries."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from modelwright.core.errors import ModelError, SpecError
from modelwright.core.plugins import load as load_plugin
from modelwright.lifecycle.operation import Context

if TYPE_CHECKING:
    import polars as pl

    from modelwright.core.tables import Predictions
    from modelwright.registry.bundle import LoadedBundle

_Path = str | os.PathLike[str]
#: a polars or pandas frame, a list of dictionaries, or a mapping of columns
Rows = Any


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


class Loaded:
    """A verified and probed model in memory. For any number of threads; everything else of the bundle (`signature`,
    `digest`, `card`, `conform`, `uncertain`, `scorer`) is reached through it."""

    def __init__(self, bundle: LoadedBundle) -> None:
        self._bundle = bundle
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bundle, name)

    def __repr__(self) -> str:
        return f"<model {self._bundle.manifest.name} {self._bundle.digest[:15]}>"

    def predict(self, rows: Rows) -> Predictions:
        """Answers in the order of the rows: `probabilities` (n, n_classes) and `labels`, positions in `classes`, or
        `values` (n,).

        rows: a polars or pandas frame, a list of dictionaries, or a mapping of columns; bound by name, further
        columns are ignored. Values that do not read as their column's type become missing. Raises ModelError.
        """
        frame = as_frame(rows)
        with self._lock:
            return self._bundle.predict(frame)

    def answers(self, rows: Rows) -> pl.DataFrame:
        """As `predict`, in the users' own form: `prediction` in the type of the target and, for classes,
        `probability_<class>`; what `modelwright predict` writes."""
        from modelwright.registry.answers import predictions_frame

        return predictions_frame(self._bundle.signature, self.predict(rows))

    def predict_row(self, values: Mapping[str, Any]) -> Predictions:
        """The answer to one row, by the quickest exact scorer. Raises ModelError (`bundle.batch_only`)."""
        with self._lock:
            return self._bundle.predict_row(values)


def as_frame(rows: Rows) -> pl.DataFrame:
    """Rows in any of their forms as a polars frame. Raises ModelError (`bundle.input`)."""
    import polars as pl

    if isinstance(rows, pl.DataFrame):
        return rows
    if isinstance(rows, pl.LazyFrame):
        return rows.collect()
    try:
        if isinstance(rows, Mapping):
            return pl.DataFrame(dict(rows), strict=False)
        if hasattr(rows, "to_dict") and hasattr(rows, "columns"):  # pandas
            return pl.DataFrame([_series(str(name), rows[name]) for name in rows.columns])
        listed = [dict(row) for row in rows]
        names = dict.fromkeys(name for row in listed for name in row)
        return pl.DataFrame({name: [row.get(name) for row in listed] for name in names}, strict=False)
    except (TypeError, ValueError, pl.exceptions.PolarsError) as error:
        raise ModelError(
            f"The rows are no table: {error}.",
            code="bundle.input",
            hint="give a polars or pandas frame, a list of dictionaries, or a mapping of columns of equal length",
            subject="rows",
        ) from error


def _series(name: str, column: Any) -> pl.Series:
    """A pandas column: numbers and dates as they are; everything else value by value, NaN and NaT as missing."""
    import polars as pl

    if column.dtype.kind in "iufb":
        return pl.Series(name, column.to_numpy(), nan_to_null=column.dtype.kind == "f")
    if column.dtype.kind == "M" and getattr(column.dtype, "tz", None) is None:
        return pl.Series(name, column.to_numpy().astype("datetime64[us]"))
    missing = column.isna()
    return pl.Series(name, [None if gone else value for value, gone in zip(column, missing, strict=True)], strict=False)


def load(model: _Path, *, hooks: tuple[str, ...] = (), workspace: _Path | None = None) -> Loaded:
    """Load a model: a bundle folder, or NAME, NAME:VERSION, NAME@ALIAS or run:ID of a workspace (`.modelwright` in
    the current folder unless given). `hooks` names the functions of your own (`module:function`, in the current
    folder or installed) that it may call. Raises NotFoundError, ModelError (`bundle.*`)."""
    from modelwright.lifecycle.scoring import find_bundle
    from modelwright.registry.bundle import load as load_bundle

    root = Path(workspace) if workspace is not None else Path(".modelwright")
    return Loaded(load_bundle(find_bundle(str(model), root.absolute()), hooks=hooks))

"""Find the bundle somebody means, and write answers in the format they asked for."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from modelwright.core.errors import DataError, NotFoundError
from modelwright.core.nouns import ModelVersion
from modelwright.core.ports import Journal
from modelwright.records.ports import PredictionLog

if TYPE_CHECKING:
    import polars as pl


#: ends the name of a run or a model whose quick product is meant
FAST = "/fast"


def find_bundle(wanted: str, workspace: Path) -> Path:
    """A folder as it is, a run (`run:ID`), or a registered model: NAME, NAME:VERSION, NAME@ALIAS; the last three with
    `/fast` for the quick product of the same run.

    Raises NotFoundError (`bundle.unknown`, `run.unknown`, `model.unknown`).
    """
    folder = Path(wanted)
    if (folder / "manifest.json").is_file():
        return folder
    if (folder / "bundle" / "manifest.json").is_file():
        return folder / "bundle"
    if wanted.endswith(FAST) and not folder.exists():
        return _fast_of(find_bundle(wanted.removesuffix(FAST), workspace), wanted)
    if folder.exists() or "/" in wanted or os.sep in wanted:
        raise NotFoundError(
            f"There is no bundle at '{wanted}'.",
            code="bundle.unknown",
            hint="give the folder that holds manifest.json, or the name of a registered model",
            subject=f"bundle:{wanted}",
        )
    from modelwright.lifecycle.workspace import Workspace

    space = Workspace(workspace)
    if wanted == "latest" or wanted.startswith("run:"):
        return space.run_folder(space.resolve_run(wanted.removeprefix("run:"))) / "bundle"
    return space.root / find_version(space.journal(), wanted).bundle_path


def _fast_of(best: Path, wanted: str) -> Path:
    fast = best.with_name("fast")
    if not (fast / "manifest.json").is_file():
        raise NotFoundError(
            f"The run behind '{wanted}' made one product only.",
            code="bundle.no_fast",
            hint="its model is quick already, or time was short; `modelwright optimize` makes a smaller one",
            subject=f"bundle:{wanted}",
        )
    return fast


def find_version(journal: Journal, wanted: str) -> ModelVersion:
    """NAME (its latest version), NAME:VERSION or NAME@ALIAS."""
    from modelwright.registry.versions import show

    name, _, which = wanted.replace("@", ":", 1).partition(":")
    return show(journal, name, which or None)


def identity(wanted: str, workspace: Path) -> tuple[str, int]:
    """Name and version of what `find_bundle` finds; version 0 for what stands in no registry."""
    folder = find_bundle(wanted, workspace)
    registered = not Path(wanted).exists() and not wanted.startswith(("run:", "latest")) and not wanted.endswith(FAST)
    if registered:
        from modelwright.lifecycle.workspace import Workspace

        version = find_version(Workspace(workspace).journal(), wanted)
        return version.name, version.version
    import msgspec

    return str(msgspec.json.decode((folder / "manifest.json").read_bytes())["name"]), 0


def log_folder(workspace: Path) -> Path:
    return workspace / "log"


def prediction_log(workspace: Path) -> PredictionLog:
    """The workspace's prediction log, opened for this process; the one that `serve` writes too."""
    from modelwright.core.plugins import load

    opened: PredictionLog = load("logs", "segments")(log_folder(workspace) / "predictions")
    return opened


def writer_for(path: Path) -> Callable[[pl.DataFrame, Path], object]:
    """How to write this kind of file. Raises DataError (`output.format`)."""
    writers: dict[str, Callable[[pl.DataFrame, Path], object]] = {
        ".csv": lambda frame, to: frame.write_csv(to),
        ".tsv": lambda frame, to: frame.write_csv(to, separator="\t"),
        ".parquet": lambda frame, to: frame.write_parquet(to),
        ".jsonl": lambda frame, to: frame.write_ndjson(to),
        ".arrow": lambda frame, to: frame.write_ipc(to),
    }
    if path.suffix not in writers:
        raise DataError(
            f"Answers cannot be written as '{path.suffix or path.name}'.",
            code="output.format",
            hint=f"end the name in one of {', '.join(writers)}",
            subject=f"file:{path.name}",
        )
    return writers[path.suffix]


def write_table(frame: pl.DataFrame, path: Path) -> None:
    """Write whole or not at all."""
    write = writer_for(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    try:
        write(frame, Path(name))
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise

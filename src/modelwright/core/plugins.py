"""The plugin loader: lists files without importing them, imports on first use, lives on when one plugin fails.

Plugins come from three places, the later winning over nothing: a name may exist once only.
1. the seam's own folder in this package,
2. folders named in MODELWRIGHT_PLUGINS (`dir/<seam>/<name>.py`; for a project's own parts),
3. entry points in the group `modelwright.<seam>` of installed packages.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

from modelwright.core.errors import MissingExtraError, ModelwrightError, NotFoundError, did_you_mean

#: seam -> package that holds its files
SEAMS: dict[str, str] = {
    "transformers": "modelwright.features.transformers",
    "families": "modelwright.families",
    "metrics": "modelwright.evaluation.metrics",
    "explainers": "modelwright.evaluation.explainers",
    "tuners": "modelwright.training.tuners",
    "executors": "modelwright.training.executors",
    **{f"checks.{kind}": f"modelwright.checks.{kind}" for kind in ("data", "features", "model", "deployment")},
    "checks.code": "modelwright.checks.code.rules",
    **{
        seam: f"modelwright.adapters.{seam}"
        for seam in ("sources", "stores", "journals", "logs", "brokers", "trackers", "exporters", "notifiers")
    },
    "doors": "modelwright.interfaces.doors",
    "operations": "modelwright.lifecycle.operations",
}


@dataclass(frozen=True, slots=True)
class Listing:
    """A plugin that exists; nothing of it has been imported."""

    seam: str
    name: str
    summary: str
    origin: str  # `built-in`, a folder, or a distribution


@dataclass(frozen=True, slots=True)
class _Place:
    listing: Listing
    module: str = ""
    file: Path | None = None
    entry: Any = None


def listings(seam: str) -> list[Listing]:
    """Every plugin of a seam, by name, without importing any."""
    return [place.listing for _, place in sorted(_places(seam, _search_path()).items())]


def names(seam: str) -> list[str]:
    return [listing.name for listing in listings(seam)]


def load(seam: str, name: str) -> Any:
    """Import one plugin and return its PLUGIN object.

    Raises NotFoundError (`plugin.unknown`), MissingExtraError, or ModelwrightError (`plugin.broken`).
    """
    return load_module(seam, name).PLUGIN


def load_module(seam: str, name: str) -> ModuleType:
    """Import the module of one plugin; for its `Params`, docs and examples."""
    place = _places(seam, _search_path()).get(name)
    if place is None:
        raise NotFoundError(
            f"There is no {_singular(seam)} named '{name}'.",
            code="plugin.unknown",
            hint=did_you_mean(name, names(seam)),
            subject=f"{seam}:{name}",
        )
    return _import(seam, name, place)


def load_all(seam: str) -> tuple[dict[str, Any], dict[str, ModelwrightError]]:
    """All plugins that load, and the error of each that does not: one bad plugin never stops the rest."""
    good: dict[str, Any] = {}
    bad: dict[str, ModelwrightError] = {}
    for name in names(seam):
        try:
            good[name] = load(seam, name)
        except ModelwrightError as error:
            bad[name] = error
    return good, bad


def require(module: str, extra: str, what: str) -> ModuleType:
    """Import an optional library, or say which extra to install."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] != module.split(".")[0]:
            raise
        raise MissingExtraError(what, extra) from error


def _search_path() -> tuple[str, ...]:
    value = os.environ.get("MODELWRIGHT_PLUGINS", "")
    return tuple(part for part in value.split(os.pathsep) if part)


@lru_cache(maxsize=64)
def _places(seam: str, search_path: tuple[str, ...]) -> dict[str, _Place]:
    if seam not in SEAMS:
        raise NotFoundError(f"There is no seam named '{seam}'.", hint=did_you_mean(seam, SEAMS))
    package = SEAMS[seam]
    folder = Path(__file__).parents[1].joinpath(*package.split(".")[1:])
    found: dict[str, _Place] = {}
    for file in _plugin_files(folder):
        listing = Listing(seam, file.stem, summary_of(file), "built-in")
        found[file.stem] = _Place(listing, module=f"{package}.{file.stem}")
    for root in search_path:
        for file in _plugin_files(Path(root, *seam.split("."))):
            if file.stem not in found:
                found[file.stem] = _Place(Listing(seam, file.stem, summary_of(file), root), file=file)
    for entry in _entry_points(seam):
        origin = entry.dist.name if entry.dist else "entry point"
        if entry.name not in found:
            found[entry.name] = _Place(Listing(seam, entry.name, "", origin), entry=entry)
    return found


def _entry_points(seam: str) -> list[Any]:
    """Entry points of installed packages. The library that lists them takes longer to import than all the rest of
    `modelwright --help`, so a look at the files decides whether it is needed at all."""
    if not _anybody_offers_plugins():
        return []
    from importlib.metadata import entry_points

    return list(entry_points(group=f"modelwright.{seam}"))


@lru_cache(maxsize=1)
def _anybody_offers_plugins() -> bool:
    for place in sys.path:
        folder = Path(place or ".")
        if not folder.is_dir():
            if folder.is_file():
                return True  # a zip archive: only the library can look inside
            continue
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.name.endswith((".dist-info", ".egg-info"))]
        for name in names:
            try:
                if b"[modelwright." in (folder / name / "entry_points.txt").read_bytes():
                    return True
            except OSError:
                continue
    return False


def _plugin_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(file for file in folder.glob("*.py") if not file.name.startswith("_"))


def summary_of(file: Path) -> str:
    """The first line of a module's docstring, read without running the module."""
    with file.open(encoding="utf-8") as handle:
        first = handle.readline().strip()
    return first.strip('"').strip() if first.startswith('"""') else ""


def _import(seam: str, name: str, place: _Place) -> ModuleType:
    try:
        if place.file is not None:
            module = _import_file(f"_modelwright_plugin_{seam.replace('.', '_')}_{name}", place.file)
        elif place.entry is not None:
            module = importlib.import_module(place.entry.module)
        else:
            module = importlib.import_module(place.module)
    except ModelwrightError:
        raise
    except Exception as error:
        raise ModelwrightError(
            f"The {_singular(seam)} '{name}' ({place.listing.origin}) could not be loaded: {error}",
            code="plugin.broken",
            hint="fix or remove the plugin; every other one still works",
            subject=f"{seam}:{name}",
        ) from error
    if not hasattr(module, "PLUGIN"):
        raise ModelwrightError(
            f"The {_singular(seam)} '{name}' has no PLUGIN.",
            code="plugin.broken",
            hint=f"end the file with `PLUGIN: {_singular(seam).title()} = ...`",
            subject=f"{seam}:{name}",
        )
    return module


def _import_file(module_name: str, file: Path) -> ModuleType:
    known = sys.modules.get(module_name)
    if known is not None and getattr(known, "__file__", None) == str(file):
        return known
    spec = importlib.util.spec_from_file_location(module_name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"cannot read {file}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[module_name]
        raise
    return module


def _singular(seam: str) -> str:
    special = {"families": "family"}
    word = seam.split(".")[0]
    return special.get(word, word.removesuffix("s"))

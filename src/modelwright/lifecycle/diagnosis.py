"""What `doctor` examines: one function per concern, each returning items with a status and a fix."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from modelwright.core.plugins import SEAMS, load_all

Item = dict[str, str]
#: SQLite before this can lose committed pages when a WAL is reset while another process checkpoints
_SQLITE_SAFE = (3, 51, 3)
_LOW_DISK_BYTES, _NO_DISK_BYTES = 2 << 30, 200 << 20
_LOW_MEMORY_BYTES = 2 << 30
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS")


def diagnose(workspace: Path) -> list[Item]:
    """Every item; one that cannot be examined says so and stops no other."""
    found: list[Item] = []
    for examine in (_python, _sqlite, _memory, _cores, _packages, _extras, _plugins):
        try:
            found += examine()
        except Exception as error:  # noqa: BLE001 - a doctor who dies of one finding is none
            found.append(_item(examine.__name__.strip("_"), "warn", f"could not be examined: {error}"))
    return [*found, *_disk(workspace), *_workspace(workspace)]


def _item(name: str, status: str, detail: str, fix: str = "") -> Item:
    return {"name": name, "status": status, "detail": detail, "fix": fix}


def _python() -> Iterator[Item]:
    version = ".".join(map(str, sys.version_info[:3]))
    good = (3, 11) <= sys.version_info[:2] <= (3, 13)
    yield _item("python", "ok" if good else "fail", version, "" if good else "use Python 3.11, 3.12 or 3.13")


def _sqlite() -> Iterator[Item]:
    if sqlite3.sqlite_version_info >= _SQLITE_SAFE:
        yield _item("sqlite", "ok", sqlite3.sqlite_version)
    else:
        detail = f"{sqlite3.sqlite_version} has the WAL-reset bug that 3.51.3 fixed; one writer at a time is safe"
        yield _item("sqlite", "warn", detail, "let only one process write to a workspace, or use a newer Python build")


def memory_limit() -> int | None:
    """Bytes this container may use (cgroup v2 or v1), None without a limit."""
    for file in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            text = Path(file).read_text(encoding="ascii").strip()
        except OSError:
            continue
        if text.isdigit() and int(text) < 1 << 60:
            return int(text)
    return None


def _memory() -> Iterator[Item]:
    import psutil

    machine = psutil.virtual_memory()
    limit = memory_limit()
    total = min(machine.total, limit) if limit else machine.total
    free = min(machine.available, total)
    detail = f"{free / 2**30:.1f} of {total / 2**30:.1f} GiB free" + (" (container limit)" if total == limit else "")
    low = free < _LOW_MEMORY_BYTES
    yield _item(
        "memory", "warn" if low else "ok", detail, "close other programs, or lower data.sample_rate" if low else ""
    )


def _cores() -> Iterator[Item]:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    yield _item("cores", "ok", f"{usable} usable")
    many = [
        name for name in _THREAD_VARIABLES if os.environ.get(name, "1").isdigit() and int(os.environ.get(name, "1")) > 1
    ]
    detail = ", ".join(f"{name}={os.environ[name]}" for name in _THREAD_VARIABLES if name in os.environ) or "none set"
    fix = f"unset {' '.join(many)}: each fit uses one thread, one process per core" if many else ""
    yield _item("threads", "warn" if many else "ok", detail, fix)


def _requirements() -> list[tuple[str, str, str]]:
    """(package, floor, extra) of every requirement that applies here."""
    found = []
    for text in metadata.requires("modelwright") or []:
        requirement, _, marker = text.partition(";")
        if "sys_platform" in marker and ("!=" in marker) == (sys.platform == "darwin"):
            continue
        matched = re.match(r"\s*([\w.-]+)(?:\[[^\]]*\])?\s*>=\s*([\w.]+)", requirement)
        extra = re.search(r"extra\s*==\s*['\"]([\w-]+)", marker)
        if matched:
            found.append((matched.group(1), matched.group(2), extra.group(1) if extra else ""))
    return found


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def _packages() -> Iterator[Item]:
    bad = 0
    base = [(package, floor) for package, floor, extra in _requirements() if not extra]
    for package, floor in base:
        installed = _version(package)
        if installed is None or _numbers(installed) < _numbers(floor):
            bad += 1
            yield _item(
                package,
                "fail",
                f"{installed or 'not installed'}, at least {floor} is needed",
                f"pip install '{package}>={floor}'",
            )
    if not bad:
        yield _item("packages", "ok", f"all {len(base)} required packages are recent enough")


def _extras() -> Iterator[Item]:
    for package, floor, extra in _requirements():
        if not extra or extra in ("dev", "test", "docs"):
            continue
        installed = _version(package)
        if installed is None:
            yield _item(f"extra {extra}", "ok", "not installed (optional)", f"pip install 'modelwright[{extra}]'")
        elif _numbers(installed) < _numbers(floor):
            fix = f"pip install 'modelwright[{extra}]'"
            yield _item(f"extra {extra}", "warn", f"{package} {installed}, at least {floor} is needed", fix)
        else:
            yield _item(f"extra {extra}", "ok", f"{package} {installed}")


def _plugins() -> Iterator[Item]:
    from modelwright.core.errors import MissingExtraError

    good, broken = 0, 0
    for seam in SEAMS:
        loaded, failed = load_all(seam)
        good += len(loaded)
        for name, error in failed.items():
            if isinstance(error, MissingExtraError):
                continue
            broken += 1
            yield _item(f"{seam}:{name}", "fail", error.message, error.hint)
    if not broken:
        yield _item("plugins", "ok", f"all {good} load")


def _disk(workspace: Path) -> Iterator[Item]:
    place = next(folder for folder in (workspace, *workspace.absolute().parents) if folder.exists())
    free = shutil.disk_usage(place).free
    status = "fail" if free < _NO_DISK_BYTES else "warn" if free < _LOW_DISK_BYTES else "ok"
    fix = "" if status == "ok" else "make room, or use --workspace with a folder on another disk"
    yield _item("disk", status, f"{free / 2**30:.1f} GiB free for {workspace}", fix)
    if not os.access(place, os.W_OK):
        yield _item("disk", "fail", f"{place} cannot be written", "change its permissions, or use --workspace")


def _workspace(root: Path) -> Iterator[Item]:
    from modelwright.core.errors import ModelwrightError
    from modelwright.lifecycle.workspace import Workspace

    if not root.is_dir():
        yield _item("workspace", "ok", f"{root} does not exist yet; the first run makes it")
        return
    workspace = Workspace(root)
    damaged = []
    for run_id in workspace.run_ids():
        try:
            workspace.read_run(run_id)
        except ModelwrightError:
            damaged.append(run_id)
    if damaged:
        fix = "delete these folders under runs/, or restore them"
        yield _item("workspace", "warn", f"unreadable records: {', '.join(damaged)}", fix)
    else:
        yield _item("workspace", "ok", f"{len(workspace.run_ids())} runs, all readable")
    if (root / "lock").is_file():
        try:
            with workspace.only_writer():
                yield _item("lock", "ok", "free")
        except ModelwrightError as error:
            yield _item("lock", "warn", error.message, error.hint)
    if (root / "journal.sqlite").is_file():
        yield _journal(workspace)


def _journal(workspace: object) -> Item:
    from modelwright.lifecycle.workspace import Workspace

    assert isinstance(workspace, Workspace)
    try:
        count = sum(1 for _event in workspace.journal().read())
    except Exception as error:  # noqa: BLE001 - whatever is wrong with the file, this is where it is said
        return _item("journal", "fail", f"cannot be read: {error}", "restore journal.sqlite from a copy")
    return _item("journal", "ok", f"{count} events")

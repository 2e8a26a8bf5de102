"""Free the disk of deleted versions: the bundle of each, and the copy of it that the cache of steps keeps.

The event comes first, by compare-and-append, so that nobody restores what is being removed; whatever a killed purge has
left behind goes with the next one. The run's record and reports stay: they are the evidence of what once was.
"""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

from modelwright.core.errors import ModelwrightError, StateError
from modelwright.core.nouns import ModelVersion
from modelwright.lifecycle.failpoints import reached
from modelwright.lifecycle.workspace import Workspace
from modelwright.registry import deleting, versions


def purge(
    space: Workspace, name: str, version: int | None, now: datetime, *, dry_run: bool = False
) -> list[dict[str, Any]]:
    """One deleted version at once, or every one that can no longer be restored by now.

    Returns name, version and size_bytes of each; with `dry_run` nothing is changed. Raises NotFoundError
    (`model.unknown`, `version.unknown`) and StateError (`version.in_use`) where a server still answers with it.
    """
    journal = space.journal()
    versions.history(journal, name)
    if version is not None:
        due = {version}
    else:
        hidden = deleting.deleted(list(journal.read()), name)
        due = {one for one, event in hidden.items() if datetime.fromisoformat(event.payload["kept_until"]) <= now}
    told: list[dict[str, Any]] = []
    for number in sorted(due):
        _require_silent(space, name, number)
        events = list(journal.read())
        size = sum(_size(folder) for folder in _folders(space, deleting.registered(events), (name, number), events))
        told.append({"name": name, "version": number, "size_bytes": size})
        if not dry_run:
            deleting.purge(journal, name, number, size_bytes=size)
            reached("purge.said")
    if not dry_run:
        _remove(space, name)
    return told


def _remove(space: Workspace, name: str) -> None:
    """The files of every purged version of a model, this time's and an earlier one's."""
    events = list(space.journal().read())
    every = deleting.registered(events)
    for number in sorted(deleting.purged(events, name)):
        for folder in _folders(space, every, (name, number), events):
            shutil.rmtree(folder, ignore_errors=True)
            reached("purge.removed")


def _folders(
    space: Workspace, every: dict[tuple[str, int], ModelVersion], which: tuple[str, int], events: list[Any]
) -> list[Path]:
    """What only this version needs: two versions may share one bundle, and two runs one step."""
    others = [
        one for key, one in every.items() if key != which and key[1] not in deleting.purged(events, key[0])
    ]  # fmt: skip
    mine = every.get(which)
    if mine is None or any(one.bundle_path == mine.bundle_path for one in others):
        return []
    bundle = space.root / mine.bundle_path
    kept = {step for one in others for step in _packaged(space, one.run_id)}
    cached = [folder for folder in _packaged(space, mine.run_id) if folder not in kept]
    return [folder for folder in (bundle, bundle.with_name("fast"), *cached) if folder.is_dir()]


def _packaged(space: Workspace, run_id: str) -> list[Path]:
    """Where the cache keeps what a run packaged; nowhere where its record is gone."""
    try:
        record = space.read_run(run_id)
    except ModelwrightError:
        return []
    return [space.steps / step.key.removeprefix("b3:")[:32] for step in record.steps if step.name == "package"]


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _require_silent(space: Workspace, name: str, version: int) -> None:
    from modelwright.serving.presence import present

    at_it = [one.pid for one in present(space.root, name) if version in one.live.get(name, ())]
    if at_it:
        raise StateError(
            f"Version {version} of '{name}' still answers in process {at_it[0]}.",
            code="version.in_use",
            hint="stop that server, or let it follow the champion, and say it again",
            subject=f"model:{name}",
        )

"""Single files of the project: remembered by content before they change, put back as they were."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from modelwright.lifecycle.snapshotting.work import Work
from modelwright.registry import snapshots
from modelwright.registry.snapshots import Kept


def remember(work: Work, files: Iterable[Kept]) -> dict[str, Any]:
    """What stands where these files belong: kept by content, None where there is nothing."""
    store, found = snapshots.objects(work.space.root), {}
    for kept in files:
        file = work.wish.project / kept.path
        found[kept.path] = msgspec.to_builtins(store.put(file, kept.path)[0]) if file.is_file() else None
    return found


def restore(work: Work, files: Iterable[Kept]) -> list[str]:
    """Write these files where they differ; returns their paths."""
    store, changed = snapshots.objects(work.space.root), []
    for kept in files:
        file = work.wish.project / kept.path
        if not snapshots.same(file, kept):
            store.take(kept, file)
            changed.append(kept.path)
    return changed


def put_back(work: Work, prior: dict[str, Any]) -> None:
    store = snapshots.objects(work.space.root)
    for path, told in prior.items():
        file = work.wish.project / path
        if told is None:
            file.unlink(missing_ok=True)
        elif not snapshots.same(file, kept := msgspec.convert(told, Kept)):
            store.take(kept, file)

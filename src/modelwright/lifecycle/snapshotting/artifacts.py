"""Build artifacts: every bundle of the snapshot, whole, by digest; a missing or damaged one is built again beside."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from modelwright.core.errors import ModelwrightError
from modelwright.lifecycle.failpoints import reached
from modelwright.lifecycle.snapshotting.work import DONE, UNCHANGED, Work
from modelwright.registry import snapshots
from modelwright.registry.reading import read_verified
from modelwright.registry.snapshots import BundleState


class Artifacts:
    name = "artifacts"

    def prepare(self, work: Work) -> dict[str, Any]:
        return {"broken": [one.path for one in work.snapshot.bundles if not _whole(work, one)]}

    def do(self, work: Work, prior: dict[str, Any]) -> tuple[str, str]:
        count = len(work.snapshot.bundles)
        for one in work.snapshot.bundles:
            if not _whole(work, one):
                _build(work, one)
        broken = prior["broken"]
        if not broken:
            return UNCHANGED, f"all {count} bundles are whole"
        return DONE, f"{len(broken)} of {count} bundles were built again from the snapshot"

    def undo(self, work: Work, prior: dict[str, Any]) -> None:
        """A whole bundle in place of a broken one harms nobody: it stays, and what it replaced lies beside it."""


def _whole(work: Work, one: BundleState) -> bool:
    try:
        read_verified(work.space.root / one.path, expected=one.digest)
    except ModelwrightError:
        return False
    return True


def _build(work: Work, one: BundleState) -> None:
    target = work.space.root / one.path
    draft = _beside(target, f"rebuilt-{work.id}")
    shutil.rmtree(draft, ignore_errors=True)
    store = snapshots.objects(work.space.root)
    for kept in one.files:
        store.take(kept, draft / kept.path)
    read_verified(draft, expected=one.digest)
    reached("restore.artifacts.built")
    if target.exists():
        aside = _beside(target, f"damaged-{work.id}")
        shutil.rmtree(aside, ignore_errors=True)
        target.replace(aside)
        reached("restore.artifacts.aside")
    draft.replace(target)


def _beside(target: Path, what: str) -> Path:
    return target.with_name(f".{target.name}.{what}")

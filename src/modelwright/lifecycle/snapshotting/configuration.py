"""Configuration: pipeline.yaml, serving.yaml and what else was named, as they were."""

from __future__ import annotations

from typing import Any

from modelwright.lifecycle.snapshotting.files import put_back, remember, restore
from modelwright.lifecycle.snapshotting.work import DONE, SKIPPED, UNCHANGED, Work


class Configuration:
    name = "configuration"

    def prepare(self, work: Work) -> dict[str, Any]:
        return {"files": remember(work, work.snapshot.configuration)}

    def do(self, work: Work, prior: dict[str, Any]) -> tuple[str, str]:
        if not work.snapshot.configuration:
            return SKIPPED, "the snapshot saw no configuration in the project"
        changed = restore(work, work.snapshot.configuration)
        if changed:
            return DONE, f"put back: {', '.join(changed)}"
        return UNCHANGED, f"{len(work.snapshot.configuration)} files are as they were"

    def undo(self, work: Work, prior: dict[str, Any]) -> None:
        put_back(work, prior["files"])

"""Local databases: the journal whole and its past unchanged; what was acknowledged since stays. Logs never go back."""

from __future__ import annotations

from typing import Any

from modelwright.core.errors import StateError
from modelwright.lifecycle.copying_databases import problem
from modelwright.lifecycle.snapshotting.work import DONE, UNCHANGED, Work
from modelwright.registry import snapshots


class Databases:
    name = "databases"

    def prepare(self, work: Work) -> dict[str, Any]:
        return {}

    def do(self, work: Work, prior: dict[str, Any]) -> tuple[str, str]:
        """Raises StateError (`rollback.history`, `rollback.database`)."""
        events = list(work.space.journal().read())
        if snapshots.history_digest(events, work.snapshot.sequence) != work.snapshot.history:
            raise StateError(
                "The journal's past is not the one that the snapshot saw.",
                code="rollback.history",
                hint="it was changed from outside, or is another workspace's; restore a backup beside it and compare",
                subject="file:journal.sqlite",
            )
        skipped = snapshots.folder(work.space.root)
        for path in sorted(work.space.root.rglob("*.sqlite")):
            if skipped not in path.parents and (wrong := problem(path)):
                raise StateError(
                    f"The database {path.relative_to(work.space.root)} is damaged: {wrong}.",
                    code="rollback.database", hint="restore it from a backup; a log never goes back in time",
                    subject=f"file:{path.name}",
                )  # fmt: skip
        since = sum(1 for event in events if event.sequence > work.snapshot.sequence)
        if "journal" in work.told:
            return DONE, work.told["journal"]
        return UNCHANGED, f"whole; the {since} events since the snapshot stay, keys and their revocations among them"

    def undo(self, work: Work, prior: dict[str, Any]) -> None:
        """Nothing was taken away."""

"""Move a workspace's journal: into PostgreSQL, where several machines share the workspace, or back into its file.

The new journal takes over every event, then the old one is closed for good at the event that was copied last, so that
none can come in between and a process that still writes to it fails loudly. Killed at any point, the same call goes on.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from modelwright.core.errors import SpecError, StateError
from modelwright.core.nouns import Event
from modelwright.lifecycle.failpoints import reached
from modelwright.lifecycle.rolling_back import only_one
from modelwright.lifecycle.workspace import (
    JOURNAL_URL,
    Workspace,
    journal_url,
    open_journal,
    without_passwords,
    write_atomically,
)

FILE = "sqlite"


def move(space: Workspace, to: str) -> dict[str, Any]:
    """`to`: a URL, or `sqlite` for the file in the workspace. Raises StateError (`journal.in_use`, `journal.occupied`,
    `journal.lost_race`), SpecError (`journal.url`), NotFoundError (`plugin.unknown`) and AdapterError."""
    if to != FILE and "://" not in to:
        raise SpecError(
            f"'{to[:60]}' is no place for a journal.", code="journal.url",
            hint="write postgresql://user@host:5432/database, or sqlite for the workspace's own file", subject="--to",
        )  # fmt: skip
    with only_one(space.root), space.only_writer():
        _require_quiet(space)
        old: Any = space.journal()
        url = "" if to == FILE else to
        before = journal_url(space.root)
        if url == before:
            return {"to": without_passwords(to), "events": len(list(old.read())), "moved": False}
        new: Any = open_journal(url or space.root / "journal.sqlite")
        events: list[Event] = list(old.read())
        new.adopt(events)
        reached("journal.copied")
        old.retire(events[-1].sequence if events else 0)
        reached("journal.retired")
        _point(space.root, url)
        reached("journal.moved")
        space.journal().append("journal.moved", "journal", {"to": without_passwords(to), "events": len(events)})
        return {"to": without_passwords(to), "events": len(events), "moved": True}


def _point(root: Path, url: str) -> None:
    if url:
        write_atomically(root / JOURNAL_URL, url.encode() + b"\n")
    else:
        (root / JOURNAL_URL).unlink()


def _require_quiet(space: Workspace) -> None:
    from modelwright.serving.presence import present

    servers = present(space.root)
    if servers:
        raise StateError(
            f"Process {servers[0].pid} serves from this workspace and follows its journal where it is.",
            code="journal.in_use",
            hint="stop the servers and `modelwright watch`, move it, and start them again",
            subject="journal",
        )

"""What the steps of going back share: the order, and what a step is."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from modelwright.lifecycle.operation import Context
    from modelwright.lifecycle.workspace import Workspace
    from modelwright.registry.snapshots import Snapshot

DONE, UNCHANGED, SKIPPED, DIFFERS = "done", "unchanged", "not applicable", "differs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What `modelwright rollback --to SNAPSHOT` was asked for."""

    to: str | None
    project: Path
    reason: str = ""
    force_code: bool = False
    reinstall: bool = False
    undo: bool = False
    wait_s: float = 30.0
    hooks: Collection[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    id: str
    space: Workspace
    snapshot: Snapshot
    wish: Wish
    context: Context
    #: what a step that cannot write into the journal yet has to say
    told: dict[str, str] = field(default_factory=dict)


class Step(Protocol):
    """One kind of rollback. Idempotent: `do` may be called again after a kill, with the same `prior`."""

    name: str

    def prepare(self, work: Work) -> dict[str, Any]:
        """What is there now, as JSON, from which `undo` can bring it back. Changes nothing; raises what stands in
        the way."""
        ...

    def do(self, work: Work, prior: dict[str, Any]) -> tuple[str, str]:
        """Outcome (done, unchanged, not applicable, differs) and one sentence."""
        ...

    def undo(self, work: Work, prior: dict[str, Any]) -> None: ...

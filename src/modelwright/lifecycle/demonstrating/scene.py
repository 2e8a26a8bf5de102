"""What the stages of the demo share: what was wanted, the tables, the story, the live traffic."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modelwright.lifecycle.demonstrating import tables
from modelwright.lifecycle.demonstrating.story import Story
from modelwright.lifecycle.demonstrating.traffic import Traffic
from modelwright.lifecycle.operation import Context
from modelwright.lifecycle.workspace import Workspace

REASON = "modelwright demo loop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """`folder` holds everything; `per_s`: requests a second; `lag_s`: how late labels come."""

    folder: Path
    source: str
    target: str
    per_s: float
    lag_s: float
    seed: int


@dataclass(slots=True, kw_only=True)
class Loop:
    wanted: Wanted
    story: Story
    context: Context
    parts: tables.Tables
    traffic: Traffic | None = None
    server: dict[str, Any] = field(default_factory=dict)

    @property
    def space(self) -> Workspace:
        return Workspace(self.context.workspace, actor=self.context.actor, clock=self.context.clock)

    @property
    def live(self) -> Traffic:
        assert self.traffic is not None
        return self.traffic

    def rows(self, which: str) -> list[tables.Row]:
        return list(tables.requests_of(getattr(self.parts, which), self.parts.target))

"""Rollouts as a table."""

from __future__ import annotations

from typing import Any

from modelwright.interfaces.cli.page import Page, when


def present(result: Any, page: Page) -> None:
    page.table(
        ("rollout", "strategy", "from", "to", "state", "step", "began", "ended", "why"),
        [_row(one) for one in result.get("rollouts") or []],
        empty="no rollouts yet: modelwright rollout start NAME --to VERSION",
    )


def _row(one: dict[str, Any]) -> tuple[Any, ...]:
    step, ended = f"{one['step']}/{len(one['steps'])}", when(one["ended_at"]) if one["ended_at"] else "-"
    to = ", ".join(map(str, one["to"]))
    began = when(one["started_at"])
    return one["id"], one["strategy"], one["from"], to, one["state"], step, began, ended, one.get("reason") or "-"

"""Keys, one a line."""

from __future__ import annotations

from typing import Any

from modelwright.interfaces.cli.page import Page


def present(result: Any, page: Page) -> None:
    keys = result.get("keys") or []
    if keys:
        rows = [
            (
                key["prefix"],
                key["name"],
                ", ".join(key["scopes"]),
                key["rate_per_minute"] or "-",
                key["expires_at"] or "never",
                key["state"],
            )
            for key in keys
        ]
        page.table(("begins with", "name", "opens", "a minute", "expires", "state"), rows)
    else:
        page.line("There is no live key. `modelwright keys create NAME` makes one.")
    if result.get("hidden"):
        page.line(f"{result['hidden']} revoked or expired; --all shows them.")

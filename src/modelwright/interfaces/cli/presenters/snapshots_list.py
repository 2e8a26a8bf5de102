"""One line a snapshot."""

from __future__ import annotations

from typing import Any

from modelwright.interfaces.cli.page import Page


def present(result: Any, page: Page) -> None:
    found = result.get("snapshots")
    if not found:
        page.line("There is no snapshot yet; `modelwright snapshot` takes one.")
        return
    page.table(
        ("id", "name", "taken", "by", "commit", "live"),
        [
            (one.get("id"), one.get("name"), one.get("created_at"), one.get("actor"), (one.get("commit") or "")[:12],
             ", ".join(f"{name} {version}" for name, version in (one.get("models") or {}).items()))
            for one in found
        ],
    )  # fmt: skip

"""One line a snapshot."""

from __future__ import annotations

from typing import Any

from modelwright.interfaces.cli.page import Page


def present(result: Any, page: Page) -> None:
    found = result["snapshots"]
    if not found:
        page.line("There is no snapshot yet; `modelwright snapshot` takes one.")
        return
    page.table(
        ("id", "name", "taken", "by", "commit", "live"),
        [
            (one["id"], one["name"], one["created_at"], one["actor"], one["commit"][:12],
             ", ".join(f"{name} {version}" for name, version in one["models"].items()))
            for one in found
        ],
    )  # fmt: skip

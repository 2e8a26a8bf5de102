"""What was removed, and how much disk is free again."""

from __future__ import annotations

from typing import Any

from modelwright.interfaces.cli.page import Page


def present(result: Any, page: Page) -> None:
    gone, dry = result.get("purged") or [], result.get("dry_run")
    if not gone:
        page.line(f"No deleted version of {result.get('name')} is due.")
        page.line("`--version N` takes one that could still be restored.")
        return
    for one in gone:
        page.line(f"{one['name']} version {one['version']}: {one['size_bytes'] / 1e6:,.1f} MB")
    page.line(f"{result.get('freed_bytes', 0) / 1e6:,.1f} MB {'would be free' if dry else 'are free'} again.", "bold")

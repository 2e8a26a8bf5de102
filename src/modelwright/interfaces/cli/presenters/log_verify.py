"""Whether the log is what was written, and what is not."""

from __future__ import annotations

from typing import Any

from modelwright.interfaces.cli.page import Page


def present(result: Any, page: Page) -> None:
    looked_at = f"{result.get('files', 0):,} files and {result.get('segments', 0):,} segments"
    if result.get("ok"):
        page.line(f"{looked_at}: all are what was written.", "green")
        return
    damaged = result.get("damaged") or []
    page.line(f"{looked_at}: {len(damaged):,} damaged, the first is {result.get('first')}.", "red")
    page.table(("file", "problem"), [(one.get("file"), one.get("problem")) for one in damaged])

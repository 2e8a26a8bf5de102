"""How much of a person was removed."""

from __future__ import annotations

from typing import Any

from modelwright.interfaces.cli.page import Page


def present(result: Any, page: Page) -> None:
    page.line(f"Removed {result.get('rows', 0):,} predictions and {result.get('labels', 0):,} labels from "
              f"{result.get('files', 0):,} files.", "bold")  # fmt: skip
    page.line("  What still stands in open segments is hidden now and goes as they are sealed.", "dim")

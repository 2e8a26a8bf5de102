"""The demo: the run told as a story that a newcomer can follow."""

from __future__ import annotations

from typing import Any

from modelwright.interfaces.cli.page import Page


def present(result: Any, page: Page) -> None:
    for line in str(result.get("story", "")).splitlines():
        heading = line and not line.startswith(" ")
        page.line(line, "bold" if heading else None)

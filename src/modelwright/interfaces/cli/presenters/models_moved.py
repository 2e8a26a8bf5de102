"""One version that was deleted, restored, put into quarantine or let out."""

from __future__ import annotations

from typing import Any

from modelwright.interfaces.cli.page import Page


def present(result: Any, page: Page) -> None:
    page.line(f"{result.get('name')} {result.get('version')} is {result.get('state')}.", "bold")
    page.fields({"why": result.get("reason"), "kept until": result.get("kept_until"), "next": result.get("next")})

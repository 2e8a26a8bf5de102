"""How many labels were taken, and what about the others."""

from __future__ import annotations

from typing import Any

from modelwright.interfaces.cli.page import Page


def present(result: Any, page: Page) -> None:
    page.line(f"Added {result.get('added', 0):,} labels of {result.get('model')}.", "bold")
    for finding in result.get("findings") or []:
        page.line(f"  {finding.get('message')}", "yellow" if finding.get("severity") == "medium" else "dim")
    where = (result.get("paths") or {}).get("unknown")
    if where:
        page.line(f"  kept in {where}", "dim")

"""Which dead letters were sent again."""

from __future__ import annotations

from typing import Any

from modelwright.interfaces.cli.page import Page


def present(result: Any, page: Page) -> None:
    page.line(f"Sent {result.get('sent', 0):,} events again to {result.get('to')}.", "bold")
    page.table(("reason", "events"), list((result.get("codes") or {}).items()))
    if result.get("kept"):
        page.line(f"  {result['kept']:,} letters with other reasons stay.", "yellow")
    if result.get("unreadable"):
        page.line(f"  {result['unreadable']:,} messages there are no dead letters of ours and stay.", "yellow")

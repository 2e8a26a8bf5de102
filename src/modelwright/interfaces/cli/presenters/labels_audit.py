"""What was drawn for people to label, and what to do with it."""

from __future__ import annotations

from typing import Any

from modelwright.interfaces.cli.page import Page, when


def present(result: Any, page: Page) -> None:
    where = (result.get("paths") or {}).get("output")
    page.line(f"Drew {result.get('drawn', 0):,} predictions into {where}.", "bold")
    page.table(
        ("from", "to", "predictions", "drawn", "probability"),
        [
            (when(one.get("start")), when(one.get("end")), *(one.get(key) for key in ("rows", "drawn", "probability")))
            for one in result.get("windows") or []
        ],
    )
    page.line(f"Next: {result.get('next')}")

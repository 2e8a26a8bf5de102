"""What was written, and what to do with it."""

from __future__ import annotations

from typing import Any

from modelwright.interfaces.cli.page import Page


def present(result: Any, page: Page) -> None:
    where = (result.get("paths") or {}).get("output")
    page.line(
        f"Wrote {len(result.get('files') or {})} files, {result.get('size_bytes', 0) / 1e6:.2f} MB, to {where}.", "bold"
    )
    page.line(f"next: {result.get('next')}")

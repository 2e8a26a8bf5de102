"""The key itself, once, and how to use it."""

from __future__ import annotations

from typing import Any

from modelwright.interfaces.cli.page import Page


def present(result: Any, page: Page) -> None:
    page.line(str(result.get("key")), "bold")
    page.line("This is the only time it is shown. Send it as `Authorization: Bearer KEY`.", "yellow")
    rate = result.get("rate_per_minute")
    page.fields(
        {
            "name": result.get("name"),
            "opens": ", ".join(result.get("scopes") or ()),
            "until": result.get("expires_at") or "it is revoked",
            "rate": f"{rate:,} rows a minute" if rate else None,
        }
    )

"""What a stream did before it stopped."""

from __future__ import annotations

from typing import Any

from modelwright.interfaces.cli.page import Page


def present(result: Any, page: Page) -> None:
    page.line(
        f"Answered {result.get('answered', 0):,} events with {result.get('model')} version {result.get('version')} "
        f"({result.get('events_per_s', 0):,.0f} events/s).",
        "bold",
    )
    page.fields(
        {
            "from": result.get("from"),
            "to": result.get("to"),
            "duplicates": result.get("duplicates"),
            "tried again": result.get("retried"),
            "lag": result.get("lag"),
        }
    )
    dead = result.get("dead_letters") or 0
    if dead:
        page.line(f"  {dead:,} events could not be answered; they are in {result.get('dead_letter')}:", "yellow")
        page.table(("reason", "events"), list((result.get("dead_letter_codes") or {}).items()))

"""Two versions of a table: what changed, column by column."""

from __future__ import annotations

from typing import Any

from modelwright.interfaces.cli.page import Page, digest


def present(result: Any, page: Page) -> None:
    page.line(str(result.get("summary")), "bold")
    page.fields(
        {
            "before": f"{digest(result.get('before'))}, {result.get('rows_before', 0):,} rows",
            "after": f"{digest(result.get('after'))}, {result.get('rows_after', 0):,} rows",
            "new columns": result.get("added"),
            "columns gone": result.get("removed"),
        }
    )
    changed = result.get("changed") or []
    if changed:
        page.table(
            ("column", "what", "before", "now"),
            [(each.get("column"), each.get("what"), each.get("before"), each.get("after")) for each in changed],
        )

"""A table described column by column."""

from __future__ import annotations

from typing import Any

from modelwright.interfaces.cli.page import Page, number


def present(result: Any, page: Page) -> None:
    profile = result.get("profile") or {}
    columns = profile.get("columns") or {}
    items = columns.items() if isinstance(columns, dict) else [(c.get("name"), c) for c in columns]
    page.line(
        f"{result.get('source', '')}: {result.get('rows', 0):,} rows, {result.get('columns', 0):,} columns", "bold"
    )
    page.table(
        ("column", "type", "role", "missing", "distinct", "what is in it"),
        [
            (
                name,
                found.get("type"),
                found.get("role"),
                f"{100 * float(found.get('missing_share') or 0):.1f} %",
                found.get("n_unique"),
                _contents(found),
            )
            for name, found in items
        ],
    )
    for row in (result.get("coercions") or [])[:10]:
        page.line(f"  {row.get('column')}: {row.get('what')}", "dim")
    if result.get("quarantined"):
        page.line(f"  {len(result['quarantined']):,} rows could not be read", "yellow")
    page.fields(result.get("paths") or {})


def _contents(found: dict[str, Any]) -> str:
    low, high, mean = found.get("min"), found.get("max"), found.get("mean")
    if isinstance(low, (int, float)) and isinstance(high, (int, float)):
        middle = f", mean {number(float(mean))}" if isinstance(mean, (int, float)) else ""
        return f"{number(float(low))} to {number(float(high))}{middle}"
    top = found.get("top") or found.get("top_values") or []
    if top:
        pairs = top.items() if isinstance(top, dict) else [_pair(item) for item in top]
        return ", ".join(f"{str(value)[:20]} ({count:,})" for value, count in list(pairs)[:3])
    return f"{low} to {high}" if low is not None else ""


def _pair(item: Any) -> tuple[Any, int]:
    if isinstance(item, dict):
        return item.get("value"), int(item.get("count") or item.get("n") or 0)
    return item[0], int(item[1])

"""Any result: short values as lines, lists of objects as tables."""

from __future__ import annotations

from typing import Any

from modelwright.interfaces.cli.page import Page


def present(result: Any, page: Page) -> None:
    if not isinstance(result, dict):
        page.line(str(result))
        return
    small = {name: value for name, value in result.items() if not _large(value)}
    page.fields({name.replace("_", " "): value for name, value in small.items() if name != "next"})
    for name, value in result.items():
        if _large(value):
            page.heading(name.replace("_", " "))
            _show(value, page)
    if result.get("next"):
        page.heading(f"next: {result['next']}")


def _large(value: Any) -> bool:
    if isinstance(value, dict):
        return bool(value) and (len(value) > 4 or any(isinstance(item, (dict, list)) for item in value.values()))
    return isinstance(value, list) and any(isinstance(item, (dict, list)) for item in value)


def _show(value: Any, page: Page) -> None:
    if isinstance(value, dict):
        page.fields(value)
        return
    rows = [item for item in value if isinstance(item, dict)]
    if len(rows) != len(value):
        for item in value:
            page.line(f"  {item}")
        return
    columns = list(dict.fromkeys(key for row in rows for key, cell in row.items() if not _large(cell)))[:8]
    page.table(columns, [[row.get(column) for column in columns] for row in rows])

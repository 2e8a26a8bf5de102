"""Logged predictions as a table, newest last."""

from __future__ import annotations

from typing import Any

from modelwright.interfaces.cli.page import Page

_SHOWN = ("at", "request_id", "row", "model", "version", "route", "prediction", "value", "label", "degraded")


def present(result: Any, page: Page) -> None:
    where = (result.get("paths") or {}).get("output")
    if where:
        page.line(f"Wrote {result.get('rows', 0):,} predictions to {where}.", "bold")
        return
    rows = result.get("predictions") or []
    columns = [name for name in _SHOWN if any(row.get(name) is not None for row in rows)]
    page.table(columns, [[_cell(name, row.get(name)) for name in columns] for row in rows], empty="no predictions")


def _cell(name: str, value: Any) -> Any:
    return str(value)[:23] if name == "at" and value else str(value) if name == "version" else value

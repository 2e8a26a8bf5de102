"""What was examined on this machine, and what to do about it."""

from __future__ import annotations

from typing import Any

from modelwright.interfaces.cli.page import Page

_MARKS = {"ok": "ok", "warn": "WARN", "fail": "FAIL"}
_STYLES = {"ok": None, "warn": "yellow", "fail": "red"}


def present(result: Any, page: Page) -> None:
    for item in result.get("items") or []:
        status = str(item.get("status"))
        page.line(f"  {_MARKS.get(status, status):<5} {item.get('name')}: {item.get('detail')}", _STYLES.get(status))
        if item.get("fix"):
            page.line(f"        fix: {item['fix']}")
    page.line()
    page.line("Ready." if result.get("ok") else "Not ready: correct what is marked FAIL.", "bold")

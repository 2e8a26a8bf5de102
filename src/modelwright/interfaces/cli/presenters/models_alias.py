"""Who bears the alias now, and who did before."""

from __future__ import annotations

from typing import Any

from modelwright.interfaces.cli.page import Page


def present(result: Any, page: Page) -> None:
    name, version, before = result.get("name"), result.get("version"), result.get("before")
    page.line(f"{name} {result.get('alias')} is version {version} ({result.get('decision')}).", "bold")
    if before is not None and before != version:
        page.line(f"Before it was version {before}: `modelwright models alias {name} {result.get('alias')} {before}`.")

"""Where it answers, and a line to try it with."""

from __future__ import annotations

from typing import Any

from modelwright.interfaces.cli.page import Page


def present(result: Any, page: Page) -> None:
    models = ", ".join(
        f"{name} (version {', '.join(map(str, versions))})" for name, versions in (result.get("models") or {}).items()
    )
    page.line(f"{result.get('url')} serves {models}; process {result.get('pid')}; {result.get('keys')}.", "bold")
    page.line(str(result.get("curl")))

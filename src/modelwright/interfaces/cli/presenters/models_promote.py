"""Who bears the alias now, on which conditions, and who did before."""

from __future__ import annotations

from typing import Any

from modelwright.interfaces.cli.page import Page


def present(result: Any, page: Page) -> None:
    name, version, before = result.get("name"), result.get("version"), result.get("before")
    page.line(f"{name} {result.get('alias')} is version {version} ({result.get('decision')}).", "bold")
    if result.get("overridden"):
        page.line(f"It needs rework; {result.get('by')} answers for it.", "yellow")
    for condition in result.get("conditions") or []:
        page.line(f"  on the condition: {condition}", "yellow")
    if before not in (None, version):
        page.line(f"The way back: `modelwright models promote {name} {before} --expect {version}`.")

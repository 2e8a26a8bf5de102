"""Why each step ran or was reused, and what changed."""

from __future__ import annotations

from typing import Any

from modelwright.interfaces.cli.page import Page, digest


def present(result: Any, page: Page) -> None:
    before = result.get("compared_with")
    page.line(f"run {result.get('run_id')}" + (f", compared with {before}" if before else ", the first of its name"))
    for step in result.get("steps") or []:
        word = "reused" if step.get("reused") else "ran"
        page.line(
            f"  {step.get('step'):<10} {word:<7} {step.get('reason', '')}", None if step.get("reused") else "bold"
        )
        for part, change in (step.get("changed") or {}).items():
            page.line(f"{'':<21}{part}: {_short(change.get('before'))} -> {_short(change.get('now'))}")


def _short(value: Any) -> str:
    return "absent" if value is None else digest(value)

"""Whether going back works, how long it takes, and what it cost whom."""

from __future__ import annotations

from typing import Any

from modelwright.interfaces.cli.page import Page, text


def present(result: Any, page: Page) -> None:
    passed = bool(result.get("ok"))
    said = "passed" if passed else f"failed: {result.get('why') or 'nothing was said of why'}"
    page.line(f"The drill of {text(result.get('name'))} {said}", "bold" if passed else "red")
    page.line(f"Pointer: version {text(result.get('version'))} to {text(result.get('to'))} in "
              f"{result.get('pointer_s') or 0:.2f} s, {text(result.get('requests'))} requests meanwhile, "
              f"{text(result.get('failed'))} failed, p99 {result.get('p99_ms') or 0:.1f} ms.")  # fmt: skip
    if result.get("note"):
        page.line(f"  {result['note']}", "dim")
    if result.get("steps"):
        page.table(
            ("step", "outcome", "seconds"),
            [(each.get("step"), each.get("outcome"), f"{each.get('seconds') or 0:.2f}") for each in result["steps"]],
        )
        page.line(f"All six kinds took {result.get('all_kinds_s') or 0:.2f} s on a copy ({text(result.get('code'))}).")

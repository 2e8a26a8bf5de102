"""Whether going back works, how long it takes, and what it cost whom."""

from __future__ import annotations

from typing import Any

from modelwright.interfaces.cli.page import Page


def present(result: Any, page: Page) -> None:
    said = "passed" if result["ok"] else f"failed: {result['why']}"
    page.line(f"The drill of {result['name']} {said}", "bold" if result["ok"] else "red")
    page.line(f"Pointer: version {result['version']} to {result['to']} in {result['pointer_s']:.2f} s, "
              f"{result['requests']} requests meanwhile, {result['failed']} failed, "
              f"p99 {result['p99_ms']:.1f} ms.")  # fmt: skip
    if result.get("note"):
        page.line(f"  {result['note']}", "dim")
    if result.get("steps"):
        page.table(
            ("step", "outcome", "seconds"),
            [(each["step"], each["outcome"], f"{each['seconds']:.2f}") for each in result["steps"]],
        )
        page.line(f"All six kinds took {result['all_kinds_s']:.2f} s on a copy ({result['code']}).")

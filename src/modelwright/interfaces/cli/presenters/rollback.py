"""Where it went back to, how long each step took, and who follows."""

from __future__ import annotations

from typing import Any

from modelwright.interfaces.cli.page import Page


def present(result: Any, page: Page) -> None:
    if result.get("kind") == "pointer":
        _pointer(result, page)
        return
    page.line(f"{result.get('said')}", "bold")
    page.table(
        ("step", "outcome", "seconds", "what"),
        [(each["step"], each["outcome"], f"{each['seconds']:.2f}", each["said"]) for each in result.get("steps") or []],
    )
    page.line(f"{result.get('seconds', 0):.2f} s in all.")


def _pointer(result: Any, page: Page) -> None:
    name, version = result["name"], result["to"]
    if result["from"] == version:
        page.line(f"{name} is at version {version} already.", "bold")
    else:
        page.line(f"{name} went back from version {result['from']} to version {version}.", "bold")
    if not result["processes"]:
        page.line("No server of this workspace runs; the next one starts with it.")
    elif result["lagging"]:
        page.line(f"{result['followed']} of {result['processes']} processes follow; these do not yet:", "yellow")
        for each in result["lagging"]:
            page.line(f"  process {each['pid']} at {each['url']} still answers with {each['live']}")
    else:
        page.line(f"All {result['processes']} processes that serve it follow.")
    page.line(f"Checked after {result['checked_s']:.2f} s, moved after {result['moved_s']:.2f} s, "
              f"done after {result['seconds']:.2f} s.")  # fmt: skip

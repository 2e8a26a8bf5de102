"""What was kept, and how to come back to it."""

from __future__ import annotations

from typing import Any

from modelwright.interfaces.cli.page import Page


def present(result: Any, page: Page) -> None:
    page.line(f"Snapshot {result['name'] or result['id']} was taken in {result['seconds']:.2f} s.", "bold")
    code = result["code"]
    page.fields(
        {
            "code": f"{code['commit'][:12]} {'with what was not committed' if code['uncommitted'] else code['branch']}"
            if code["commit"]
            else f"not kept: {code['why']}",
            "dependencies": f"{result['packages']} distributions; {', '.join(result['locks']) or 'no lock file'}",
            "journal": f"up to event {result['sequence']}",
            "artifacts": ", ".join(result["bundles"]) or "none",
            "configuration": ", ".join(result["configuration"]) or "none",
            "live": ", ".join(f"{name} version {version}" for name, version in result["models"].items()),
        }
    )
    page.line(f"Come back with `modelwright rollback --to {result['name'] or result['id']}`.")

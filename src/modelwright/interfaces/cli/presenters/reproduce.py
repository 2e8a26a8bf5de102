"""Whether the same run gives the same bundle, and what differs if not."""

from __future__ import annotations

from typing import Any

from modelwright.interfaces.cli.page import Page, digest


def present(result: Any, page: Page) -> None:
    same = bool(result.get("reproduced"))
    page.line(("Reproduced. " if same else "Not reproduced. ") + str(result.get("explanation")), "bold")
    found = result.get("bundle_digest") or {}
    total = (result.get("timings_s") or {}).get("total")
    page.fields(
        {
            "run": result.get("run_id"),
            "bundle": digest(found.get("before"))
            if same
            else f"{digest(found.get('before'))} before, {digest(found.get('now'))} now",
            "files that differ": result.get("changed_files"),
            "time": f"{total:.1f} s" if total is not None else None,
        }
    )
    inputs = result.get("changed_inputs") or {}
    if inputs:
        page.table(("input", "change"), [(name, change) for name, change in inputs.items()])

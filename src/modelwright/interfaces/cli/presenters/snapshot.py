"""What was kept, and how to come back to it."""

from __future__ import annotations

from typing import Any

from modelwright.interfaces.cli.page import Page, text


def present(result: Any, page: Page) -> None:
    name = text(result.get("name") or result.get("id"))
    page.line(f"Snapshot {name} was taken in {result.get('seconds') or 0:.2f} s.", "bold")
    page.fields(
        {
            "code": _code(result.get("code") or {}),
            "dependencies": f"{text(result.get('packages'))} distributions; "
            f"{text(result.get('locks')) if result.get('locks') else 'no lock file'}",
            "journal": f"up to event {text(result.get('sequence'))}",
            "artifacts": ", ".join(result.get("bundles") or []) or "none",
            "configuration": ", ".join(result.get("configuration") or []) or "none",
            "live": ", ".join(f"{each} version {version}" for each, version in (result.get("models") or {}).items()),
        }
    )
    page.line(f"Come back with `modelwright rollback --to {name}`.")


def _code(code: Any) -> str:
    if not code.get("commit"):
        return f"not kept: {code.get('why', 'nothing was said of it')}"
    rest = "with what was not committed" if code.get("uncommitted") else code.get("branch", "")
    return f"{code['commit'][:12]} {rest}".rstrip()

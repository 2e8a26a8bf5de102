"""What the prediction log holds and what waits."""

from __future__ import annotations

from typing import Any

from modelwright.interfaces.cli.page import Page, when


def present(result: Any, page: Page) -> None:
    page.heading("Sealed")
    page.fields({name.replace("_", " "): value for name, value in (result.get("sealed") or {}).items()})
    page.heading("Not sealed yet")
    page.fields({name.replace("_", " "): value for name, value in (result.get("unsealed") or {}).items()})
    models = result.get("models") or []
    if models:
        page.heading("Models")
        page.table(
            ("model", "rows", "files", "bytes", "until"),
            [(one["model"], one["rows"], one["files"], one["bytes"], when(one["to"])) for one in models],
        )
    for name in result.get("damaged_segments") or []:
        page.line(f"  damaged segment: {name}", "red")
    sealer = result.get("sealer")
    page.heading("Sealer")
    if not sealer:
        page.line("  has not run here: `modelwright log seal` seals by hand", "dim")
        return
    page.fields({"last success": when(sealer.get("last_success")), "failures": sealer.get("failures")})
    if sealer.get("last_error"):
        page.line(f"  {sealer['last_error']}", "yellow")

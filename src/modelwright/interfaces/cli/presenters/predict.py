"""What was written where, and what about the input was not as expected."""

from __future__ import annotations

from typing import Any

from modelwright.interfaces.cli.page import Page, digest

_SHOWN = 10


def present(result: Any, page: Page) -> None:
    where = (result.get("paths") or {}).get("output")
    page.line(f"Wrote {result.get('rows', 0):,} predictions to {where}.", "bold")
    page.fields({"columns": result.get("columns"), "bundle": digest(result.get("bundle_digest"))})
    for each in (result.get("coercions") or [])[:_SHOWN]:
        page.line(f"  {each.get('column')}: {each.get('what')}", "yellow")
    bad = result.get("quarantined") or []
    if bad:
        page.line(f"  {len(bad):,} rows could not be read and have no prediction:", "yellow")
        page.table(("line", "reason"), [(row.get("line"), row.get("reason")) for row in bad[:_SHOWN]])

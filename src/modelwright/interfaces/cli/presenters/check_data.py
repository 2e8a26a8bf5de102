"""The verdict on a table, before anything is trained."""

from __future__ import annotations

from typing import Any

from modelwright.interfaces.cli.page import Page, digest


def present(result: Any, page: Page) -> None:
    page.verdict(str(result.get("verdict")), result.get("confidence"), result.get("reasons") or [])
    page.fields({name: result.get(name) for name in ("task", "rows", "columns")})
    page.fields({"version": digest(result.get("data_digest"))})
    page.heading("Findings")
    page.findings(result.get("findings") or [], limit=20)
    for row in (result.get("coercions") or [])[:10]:
        page.line(f"  {row.get('column')}: {row.get('what')}", "dim")
    bad = result.get("quarantined") or []
    if bad:
        page.heading(f"{len(bad):,} rows could not be read")
        page.table(("line", "reason"), [(row.get("line"), row.get("reason")) for row in bad[:10]])

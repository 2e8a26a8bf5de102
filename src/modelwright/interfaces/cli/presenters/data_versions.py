"""The tables that runs have used, newest first."""

from __future__ import annotations

from typing import Any

from modelwright.interfaces.cli.page import Page, digest, when


def present(result: Any, page: Page) -> None:
    page.table(
        ("version", "source", "rows", "columns", "first used", "runs"),
        [
            (
                digest(each.get("digest")),
                each.get("source"),
                each.get("rows"),
                each.get("columns"),
                when(each.get("first_used_at")),
                len(each.get("runs") or ()),
            )
            for each in result.get("versions") or []
        ],
        empty="no data yet: modelwright run pipeline.yaml",
    )

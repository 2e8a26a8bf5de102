"""Runs as a table, newest first."""

from __future__ import annotations

from typing import Any

from modelwright.interfaces.cli.page import Page, interval


def present(result: Any, page: Page) -> None:
    page.table(
        ("run", "name", "status", "verdict", "metric", "value", "family", "rows", "version"),
        [
            (
                row.get("run_id"),
                row.get("name"),
                row.get("status"),
                row.get("decision") or row.get("verdict"),
                row.get("metric"),
                interval(row),
                row.get("family"),
                row.get("rows"),
                row.get("version"),
            )
            for row in result.get("runs") or []
        ],
        empty="no runs yet: modelwright run pipeline.yaml",
    )

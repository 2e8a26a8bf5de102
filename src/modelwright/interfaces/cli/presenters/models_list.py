"""Registered models as a table."""

from __future__ import annotations

from typing import Any

from modelwright.interfaces.cli.page import Page, when


def present(result: Any, page: Page) -> None:
    page.table(
        ("model", "latest", "versions", "verdict", "aliases", "run", "created"),
        [
            (
                model.get("name"),
                model.get("version"),
                model.get("versions"),
                model.get("decision"),
                ", ".join(model.get("aliases") or ()) or "-",
                model.get("run_id"),
                when(model.get("created_at")),
            )
            for model in result.get("models") or []
        ],
        empty="no models yet: modelwright run pipeline.yaml",
    )

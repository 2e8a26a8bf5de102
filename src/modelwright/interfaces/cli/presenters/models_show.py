"""One version of a model, and the others of the same name."""

from __future__ import annotations

from typing import Any

from modelwright.interfaces.cli.page import Page, digest, when


def present(result: Any, page: Page) -> None:
    page.line(f"{result.get('name')} {result.get('version')}", "bold")
    page.fields(
        {
            "verdict": result.get("decision"),
            "aliases": result.get("aliases"),
            "run": result.get("run_id"),
            "created": when(result.get("created_at")),
            "bundle": result.get("bundle_path"),
            "digest": result.get("bundle_digest"),
        }
    )
    page.table(
        ("version", "verdict", "aliases", "run", "created", "digest"),
        [
            (
                each.get("version"),
                each.get("decision"),
                ", ".join(each.get("aliases") or ()) or "-",
                each.get("run_id"),
                when(each.get("created_at")),
                digest(each.get("bundle_digest")),
            )
            for each in reversed(result.get("versions") or [])
        ],
    )

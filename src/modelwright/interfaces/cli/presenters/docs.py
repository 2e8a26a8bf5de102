"""The documents of a run: where each was written."""

from __future__ import annotations

from typing import Any

from modelwright.interfaces.cli.page import Page


def present(result: Any, page: Page) -> None:
    page.line(f"Documents of run {result.get('run_id', '')}:", "bold")
    page.fields({name.replace("_", " "): path for name, path in (result.get("paths") or {}).items()})

"""Which key is refused from now on."""

from __future__ import annotations

from typing import Any

from modelwright.interfaces.cli.page import Page


def present(result: Any, page: Page) -> None:
    page.line(
        f"The key '{result.get('name')}' ({result.get('id')}) is revoked since {result.get('revoked_at')}.", "bold"
    )

"""A review of code: as text for people, or the document that was asked for, as it stands."""

from __future__ import annotations

import sys
from typing import Any

from modelwright.interfaces.cli.page import Page


def present(result: Any, page: Page) -> None:
    if "document" in result:
        sys.stdout.write(result["document"])
        return
    if "verdict" not in result:
        page.line("nothing was reviewed")
        return
    from modelwright.documents.code_review_text import text

    sys.stdout.write(text(result, color=page.color))

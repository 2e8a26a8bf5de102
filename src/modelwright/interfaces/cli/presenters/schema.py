"""The JSON schema itself, so that it can be redirected into a file."""

from __future__ import annotations

import json
from typing import Any

from modelwright.interfaces.cli.page import Page


def present(result: Any, page: Page) -> None:
    if result.get("path"):
        page.line(f"wrote {result['path']}")
    else:
        page.line(json.dumps(result.get("schema"), indent=2))

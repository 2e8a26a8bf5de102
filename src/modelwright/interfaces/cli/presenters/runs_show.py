"""One run, as it was shown when it ended."""

from __future__ import annotations

from typing import Any

from modelwright.interfaces.cli.page import Page
from modelwright.interfaces.cli.presenters import _default, run


def present(result: Any, page: Page) -> None:
    if "decision" not in result:
        _default.present(result, page)
        return
    page.fields(
        {
            "run": result.get("run_id"),
            "name": result.get("name"),
            "status": result.get("status"),
            "started": result.get("started_at"),
            "rows": result.get("rows"),
            "data": str(result.get("data_digest") or "")[:15],
            "commit": str(result.get("commit") or "")[:12],
        }
    )
    run.present({**result, "verdict": result.get("decision")}, page)

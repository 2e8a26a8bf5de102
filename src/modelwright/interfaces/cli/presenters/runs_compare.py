"""Runs side by side: results first, then every setting that differs."""

from __future__ import annotations

import json
from typing import Any

from modelwright.interfaces.cli.page import Page, interval, number


def present(result: Any, page: Page) -> None:
    runs = result.get("runs") or []
    ids = [str(run.get("run_id")) for run in runs]
    page.heading("Results")
    rows: list[list[Any]] = [
        ["verdict", *(run.get("decision") for run in runs)],
        ["family", *(run.get("family") for run in runs)],
        ["primary", *(f"{run.get('metric')} {interval(run)}" for run in runs)],
    ]
    metrics = result.get("metrics") or {}
    names = list(dict.fromkeys(name for found in metrics.values() for name in found))
    rows += [[name, *(_cell((metrics.get(run) or {}).get(name)) for run in ids)] for name in names]
    page.table(("", *ids), rows)
    page.heading("Differences")
    differences = result.get("differences") or {}
    page.table(
        ("setting", *ids),
        [[name, *(_cell(value) for value in values)] for name, values in differences.items()],
        empty="no setting differs",
    )


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return number(value)
    return value if isinstance(value, str) else json.dumps(value)

"""Before and after, and what it cost."""

from __future__ import annotations

from typing import Any

from modelwright.interfaces.cli.page import Page, interval


def present(result: Any, page: Page) -> None:
    before, after = result.get("before") or {}, result.get("after") or result.get("reached") or {}
    if result.get("met"):
        page.line("Made smaller: " + ("; ".join(result.get("steps") or []) or "packaged again"), "bold")
    else:
        page.line(str(result.get("why")), "yellow")
    metric = str(result.get("metric")).replace("_", " ")
    rows = [
        (metric, interval(before.get("score")), interval(after.get("score"))),
        ("one row, us", _number(before.get("latency_us")), _number(after.get("latency_us"))),
        ("size, MB", _megabytes(before.get("size_bytes")), _megabytes(after.get("size_bytes"))),
    ]
    page.table(("", "before", "after" if result.get("met") else "nearest"), rows)
    if result.get("cost"):
        page.line(f"  difference in {metric}, more is better: {interval(result['cost'])}")
    page.line(f"  measured on {result.get('measured_on')}", "dim")
    page.fields(result.get("paths") or {})


def _number(value: Any) -> str:
    return "-" if value is None else f"{float(value):,.1f}"


def _megabytes(value: Any) -> str:
    return "-" if value is None else f"{float(value) / 1e6:.3f}"

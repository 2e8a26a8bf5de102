"""What an audit found: the answer first, then the figures against what costs nothing, then what to ask next."""

from __future__ import annotations

from typing import Any

from modelwright.interfaces.cli.page import Page, interval, number


def present(result: Any, page: Page) -> None:
    page.line(str(result.get("answer")))
    page.line()
    page.verdict(str(result.get("verdict")), result.get("confidence"), result.get("reasons") or [])
    metrics, baselines = result.get("metrics") or {}, result.get("baselines") or {}
    page.heading(f"On {result.get('rows') or 0:,} rows")
    rows = [
        (name.replace("_", " "), interval(found), *(interval(rival.get(name)) for rival in baselines.values()))
        for name, found in metrics.items()
    ]
    page.table(("metric", "claimed", *(name.replace("_", " ") for name in baselines)), rows)
    better = result.get("threshold")
    if better and better.get("used") is not None and better.get("better") != better.get("used"):
        page.line(f"  threshold {number(better['better'])} instead of {number(better['used'])}: {better['reason']}")
    segments = result.get("segments") or []
    if segments:
        page.heading("Groups, worst first")
        shown = [
            (
                each.get("condition"),
                each.get("n"),
                (each.get("metric") or "").replace("_", " "),
                interval(each.get("estimate")),
            )
            for each in segments[:8]
        ]
        page.table(("where", "rows", "metric", "value"), shown)
    page.heading("Findings")
    page.findings([each for each in result.get("findings") or [] if not each.get("undecided")], limit=20)
    page.heading("What to ask next")
    for question in result.get("ask_next") or []:
        page.line(f"  - {question}")
    page.fields(result.get("paths") or {})

"""The loop as it was told, its claims with their numbers, and where the report lies."""

from __future__ import annotations

from typing import Any

from modelwright.interfaces.cli.page import Page, text


def present(result: Any, page: Page) -> None:
    page.heading("The loop, as it happened")
    for line in result.get("story") or []:
        seconds = int(line.get("at_s") or 0)
        page.line(f"{seconds // 60}:{seconds % 60:02d}  {text(line.get('text'))}")
    page.heading("Stages")
    page.table(
        ("stage", "shown", "seconds", "why not"),
        [
            (one.get("name"), one.get("shown"), one.get("seconds"), one.get("reason"))
            for one in result.get("stages") or []
        ],
    )
    page.line(
        f"{text(result.get('requests'))} requests, {text(result.get('failed'))} failed; "
        f"{text((result.get('labels') or {}).get('told'))} late labels; "
        f"{result.get('seconds') or 0:.0f} s, {result.get('cpu_s') or 0:.0f} s of processor time."
    )
    if not result.get("ok"):
        page.line(f"Not shown: {text(result.get('missing'))}. {result.get('why') or ''}".rstrip(), "bold red")
    page.heading("Next")
    for each in result.get("next") or []:
        page.line(f"  {text(each.get('command'))}")
    page.fields(result.get("paths") or {})

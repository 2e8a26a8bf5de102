"""The loop as it was told, its claims with their numbers, and where the report lies."""

from __future__ import annotations

from typing import Any

from modelwright.interfaces.cli.page import Page


def present(result: Any, page: Page) -> None:
    page.heading("The loop, as it happened")
    for line in result["story"]:
        seconds = int(line["at_s"])
        page.line(f"{seconds // 60}:{seconds % 60:02d}  {line['text']}")
    page.heading("Stages")
    page.table(
        ("stage", "shown", "seconds", "why not"),
        [(one["name"], one["shown"], one["seconds"], one["reason"]) for one in result["stages"]],
    )
    page.line(
        f"{result['requests']:,} requests, {result['failed']} failed; {result['labels']['told']:,} late labels; "
        f"{result['seconds']:.0f} s, {result['cpu_s']:.0f} s of processor time."
    )
    if not result["ok"]:
        page.line(f"Not shown: {', '.join(result['missing'])}. {result['why']}", "bold red")
    page.heading("Next")
    for each in result["next"]:
        page.line(f"  {each['command']}")
    page.fields(result["paths"])

"""Whether the model became worse, since when, by how much, and where."""

from __future__ import annotations

from typing import Any

from modelwright.interfaces.cli.page import Page, interval, text

_SHOWN = 10


def present(result: Any, page: Page) -> None:
    if result.get("alarm"):
        page.line(
            f"ALARM after row {text(result.get('alarm_at_row'))}: worse since about row "
            f"{text(result.get('change_at_row'))} ({text(result.get('detector'))}).",
            "bold red",
        )
    else:
        page.line("No alarm: the errors are as they were in the reference.", "bold")
    page.fields(
        {
            f"{result.get('metric', 'errors')} now": _figure(result.get("estimate")),
            "in the reference": _figure(result.get("baseline")),
            "labelled rows": f"{text(result.get('labelled_rows'))} of {text(result.get('rows'))}",
            "false alarms": (result.get("detectors") or {}).get("false_alarms"),
        }
    )
    if result.get("segments"):
        worse = [one for one in result["segments"] if one.get("worse") or one.get("alarm")]
        page.heading("Segments that became worse")
        page.table(
            ("column", "group", "before", "now", "p adjusted"),
            [
                (one.get("column"), one.get("group"), interval(one.get("before")), interval(one.get("now")),
                 one.get("p_adjusted"))
                for one in worse[:_SHOWN]
            ],
            empty="none",
        )  # fmt: skip
    if result.get("findings"):
        page.heading("Findings")
        page.findings(result["findings"])


def _figure(found: Any) -> str | None:
    return f"{interval(found)}, {text(found.get('rows'))} rows" if found else None

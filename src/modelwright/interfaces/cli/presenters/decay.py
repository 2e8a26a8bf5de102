"""Whether the model became worse, since when, by how much, and where."""

from __future__ import annotations

from typing import Any

from modelwright.interfaces.cli.page import Page, interval

_SHOWN = 10


def present(result: Any, page: Page) -> None:
    if result.get("alarm"):
        page.line(
            f"ALARM after row {result['alarm_at_row']:,}: worse since about row {result['change_at_row']:,} "
            f"({result['detector']}).",
            "bold red",
        )
    else:
        page.line("No alarm: the errors are as they were in the reference.", "bold")
    estimate, baseline = result["estimate"], result["baseline"]
    page.fields(
        {
            f"{result['metric']} now": f"{interval(estimate)}, {estimate['rows']:,} rows",
            "in the reference": f"{interval(baseline)}, {baseline['rows']:,} rows",
            "labelled rows": f"{result['labelled_rows']:,} of {result['rows']:,}",
            "false alarms": result["detectors"]["false_alarms"],
        }
    )
    worse = [one for one in result.get("segments") or [] if one["worse"] or one["alarm"]]
    if result.get("segments"):
        page.heading("Segments that became worse")
        page.table(
            ("column", "group", "before", "now", "p adjusted"),
            [
                (one["column"], one["group"], interval(one["before"]), interval(one["now"]), one["p_adjusted"])
                for one in worse[:_SHOWN]
            ],
            empty="none",
        )
    if result.get("findings"):
        page.heading("Findings")
        page.findings(result["findings"])

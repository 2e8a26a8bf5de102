"""Where a rehearsed rollout would have stopped, and by what evidence."""

from __future__ import annotations

from typing import Any

from modelwright.interfaces.cli.page import Page, when


def present(result: Any, page: Page) -> None:
    to = ", ".join(map(str, result.get("to") or ()))
    page.line(f"{result.get('strategy')} of {result.get('name')} from version {result.get('from')} to {to}: "
              f"{result.get('outcome')}", "bold")  # fmt: skip
    for fault in result.get("injected") or []:
        page.line(f"  {fault['kind']} of {fault['strength']:g} from row {fault['from_row']:,} on", "yellow")
    if result.get("fault_reached") is False:
        page.line("  It had ended before the fault began: inject earlier with --inject-at, or hold longer.", "yellow")
    stopped = result.get("stopped")
    if stopped:
        page.fields(
            {
                "stopped": f"{when(stopped['at'])}, after row {stopped['row']:,} of {result.get('rows'):,}",
                "in step": f"{stopped['step']} ({stopped['share']:.0%} of the requests)",
                "by": stopped.get("rule"),
                "because": stopped.get("reason"),
                "rows after the fault": stopped.get("rows_after_fault"),
                "exposed": stopped.get("exposed"),
            }
        )
    else:
        page.line(f"  {(result.get('now') or {}).get('reason')}")
    page.table(
        ("when", "what", "step", "share", "why"),
        [
            (when(one["at"]), one["kind"], one.get("step"), one.get("share"), one.get("reason"))
            for one in result.get("timeline") or []
        ],
    )
    page.line(str(result.get("assumed")), "dim")

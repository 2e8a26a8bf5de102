"""Drift: the answer first, then the windows that alarm and what moved in them."""

from __future__ import annotations

from typing import Any

from modelwright.interfaces.cli.page import Page

_MOST_WINDOWS, _MOST_COLUMNS = 20, 5


def present(result: Any, page: Page) -> None:
    windows = result.get("windows") or []
    alarms = [window for window in windows if window.get("alarm")]
    if result.get("alarm"):
        named = ", ".join(result.get("alarmed") or []) or "the columns together"
        page.line(f"Drift: {len(alarms):,} of {len(windows):,} windows alarm ({named}).", "bold red")
    else:
        page.line(f"No drift in {len(windows):,} windows.", "bold green")
    rows = []
    for window in alarms[:_MOST_WINDOWS]:
        moved = [each for each in window["features"] if each["alarm"]][:_MOST_COLUMNS]
        rows += [
            (window["start"], window["rows"], each["name"], each["kind"], each["effect"], each["measure"], _p(each))
            for each in moved
        ]
        if (window.get("joint") or {}).get("alarm"):
            told = ", ".join(window["joint"].get("top") or []) or "all columns"
            rows.append((window["start"], window["rows"], told, "joint", window["joint"]["auc"], "auc", ""))
    if rows:
        page.table(("window", "rows", "column", "kind", "effect", "measure", "p"), rows)
    for each in [each for window in alarms[:1] for each in window["features"] if each["alarm"] and each["message"]][:5]:
        page.line(f"  {each['name']}: {each['message']}")
    if result.get("findings"):
        page.heading("Findings")
        page.findings(result["findings"], limit=10)
    _limits(result, page)


def _limits(result: Any, page: Page) -> None:
    seen, budget = result.get("smallest_shift") or {}, result.get("budget") or {}
    page.heading("What can be seen")
    page.fields(
        {
            "rows a window": seen.get("rows"),
            "smallest shift": f"{seen['shift_sd']:.2f} standard deviations (PSI {seen['psi']:.3f})" if seen else None,
            "smallest jump in missing": f"{100 * seen['missing_points']:.1f} points" if seen else None,
            "false alarms": f"at most {budget.get('level', 0):.2%} of clean windows",
            "learned from": (result.get("calibration") or {}).get("how"),
            "left out": [each["name"] for each in result.get("left_out") or []],
        }
    )


def _p(each: Any) -> str:
    return f"{each['p_adjusted']:.1e}"

"""Drift: the answer first, then the windows that alarm and what moved in them."""

from __future__ import annotations

from typing import Any

from modelwright.interfaces.cli.page import Page, text

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
        moved = [each for each in window.get("features") or [] if each.get("alarm")][:_MOST_COLUMNS]
        rows += [
            (window.get("start"), window.get("rows"), *(each.get(key) for key in ("name", "kind", "effect", "measure")),
             _p(each))
            for each in moved
        ]  # fmt: skip
        if (window.get("joint") or {}).get("alarm"):
            told = ", ".join(window["joint"].get("top") or []) or "all columns"
            rows.append((window.get("start"), window.get("rows"), told, "joint", window["joint"].get("auc"), "auc", ""))
    if rows:
        page.table(("window", "rows", "column", "kind", "effect", "measure", "p"), rows)
    first = (alarms[0].get("features") or []) if alarms else []
    for each in [each for each in first if each.get("alarm") and each.get("message")][:5]:
        page.line(f"  {text(each.get('name'))}: {each['message']}")
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
            "smallest shift": f"{seen.get('shift_sd') or 0:.2f} standard deviations (PSI {seen.get('psi') or 0:.3f})"
            if seen
            else None,
            "smallest jump in missing": f"{100 * (seen.get('missing_points') or 0):.1f} points" if seen else None,
            "false alarms": f"at most {budget.get('level') or 0:.2%} of clean windows",
            "learned from": (result.get("calibration") or {}).get("how"),
            "left out": [each.get("name") for each in result.get("left_out") or []],
        }
    )


def _p(each: Any) -> str:
    return "-" if each.get("p_adjusted") is None else f"{each['p_adjusted']:.1e}"

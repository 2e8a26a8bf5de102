"""What each column is worth to the model, and why one row got its answer, with bars that need no colour."""

from __future__ import annotations

from typing import Any

from modelwright.interfaces.cli.page import Page, number, text

_BAR = 20
_SHOWN = 12


def present(result: Any, page: Page) -> None:
    row = result.get("row")
    if row:
        _row(row, page)
        page.line()
    _importances(result, page)


def _importances(result: dict[str, Any], page: Page) -> None:
    found = result.get("importances") or []
    page.line(f"What shuffling a column costs in {result.get('metric')}, on rows kept aside", "bold")
    top = max((float(each.get("value") or 0) for each in found), default=0.0)
    page.table(
        ("column", "cost", "interval", ""),
        [
            (
                each.get("column"),
                number(float(each.get("value") or 0)),
                f"{number(float(each['low']))} to {number(float(each['high']))}"
                if each.get("low") is not None
                else "-",
                _bar(float(each.get("value") or 0), top),
            )
            for each in found[:_SHOWN]
        ],
        empty="nothing was measured",
    )
    if len(found) > _SHOWN:
        page.line(f"  and {len(found) - _SHOWN} more columns, in the report", "dim")


def _row(row: dict[str, Any], page: Page) -> None:
    page.line(f"Row {row.get('index')}: {text(row.get('prediction'))}", "bold")
    page.fields({"probabilities": row.get("probabilities"), "counted in": row.get("space"), "base": row.get("base")})
    found = row.get("contributions") or []
    top = max((abs(float(each.get("contribution") or 0)) for each in found), default=0.0)
    page.table(
        ("column", "value", "pushes by", ""),
        [
            (
                each.get("column"),
                each.get("value"),
                f"{float(each.get('contribution') or 0):+.3g}",
                _bar(abs(float(each.get("contribution") or 0)), top),
            )
            for each in found[:_SHOWN]
        ],
        empty="this model cannot say what single columns contribute",
    )
    rest = found[_SHOWN:]
    if rest:
        left = sum(float(each.get("contribution") or 0) for each in rest)
        page.line(f"  and {len(rest)} more columns, together {left:+.3g}", "dim")
    if found and not row.get("exact"):
        page.line(f"  approximate: {row.get('method')}", "dim")


def _bar(value: float, top: float) -> str:
    return "#" * max(0, round(_BAR * value / top)) if top > 0 else ""

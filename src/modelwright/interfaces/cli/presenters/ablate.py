"""What each item adds, the largest effect first, with a verdict per item."""

from __future__ import annotations

from typing import Any

from modelwright.interfaces.cli.page import Page, number

_TITLES = {
    "component": "Parts of the pipeline",
    "group": "Groups of columns",
    "column": "Single columns",
}
_SHOWN = 30


def present(result: Any, page: Page) -> None:
    metric, score = result.get("metric"), result.get("score")
    said = f"{metric} {_with_interval(score)}" if score else f"{metric} could not be measured"
    page.line(f"{result.get('family')} as chosen: {said} on {result.get('rows') or 0:,} out-of-fold rows", "bold")
    items = result.get("items") or []
    for kind, title in _TITLES.items():
        _kind([item for item in items if item.get("kind") == kind], title, page)
    _closing(result, items, page)


def _kind(items: list[dict[str, Any]], title: str, page: Page) -> None:
    measured = [item for item in items if item.get("adds")]
    if not measured:
        return
    measured.sort(key=lambda item: -abs(float(item["adds"]["value"])))
    page.heading(title)
    page.table(
        ("left out", "adds", "interval", "p, corrected", "verdict"),
        [
            (
                _name(item),
                f"{float(item['adds']['value']):+.4g}" + _in_metric(item, measured),
                _range(item["adds"]),
                f"{float(item.get('p_value') or 0.0):.2g}",
                item.get("verdict"),
            )
            for item in measured[:_SHOWN]
        ],
    )
    if len(measured) > _SHOWN:
        page.line(f"  and {len(measured) - _SHOWN} more with smaller effects, in --json", "dim")


def _name(item: dict[str, Any]) -> str:
    columns = item.get("columns") or []
    if item.get("kind") == "group":
        shown = ", ".join(columns[:4]) + (f" and {len(columns) - 4} more" if len(columns) > 4 else "")
        return f"{item.get('name')} ({shown})"
    return f"{item.get('name')} -> {item.get('instead')}" if item.get("instead") else str(item.get("name"))


def _in_metric(item: dict[str, Any], others: list[dict[str, Any]]) -> str:
    """The metric where the table has more than one."""
    return f" {item.get('metric')}" if len({one.get("metric") for one in others}) > 1 else ""


def _range(estimate: dict[str, Any]) -> str:
    if estimate.get("low") is None or estimate.get("high") is None:
        return "-"
    return f"{float(estimate['low']):+.3g} to {float(estimate['high']):+.3g}"


def _with_interval(estimate: dict[str, Any]) -> str:
    if estimate.get("low") is None:
        return number(float(estimate["value"]))
    return f"{number(float(estimate['value']))} ({number(float(estimate['low']))} to {number(float(estimate['high']))})"


def _closing(result: dict[str, Any], items: list[dict[str, Any]], page: Page) -> None:
    late = [item for item in items if not item.get("adds")]
    page.line()
    if late:
        reasons = sorted({str(item.get("reason")) for item in late})
        names = ", ".join(str(item.get("name")) for item in late[:6]) + (" ..." if len(late) > 6 else "")
        page.line(f"Not measured: {len(late)} ({names}): {'; '.join(reasons[:3])}.", "yellow")
        page.line("  Run it again with a larger --budget-s: what is finished is kept.", "dim")
    noise = float(result.get("refit_noise") or 0.0)
    page.line(
        "  Positive: the pipeline is better with it. Verdicts are corrected for the number of items (Holm) and allow "
        f"for refits with other random numbers ({result.get('metric')} varies by {noise:.2g}).",
        "dim",
    )

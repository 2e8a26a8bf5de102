"""What was seen in a table and what was proposed: one readable summary; every detail stands in the file."""

from __future__ import annotations

from collections import Counter
from typing import Any

from modelwright.interfaces.cli.page import Page

_NAMED = 6


def present(result: Any, page: Page) -> None:
    split = result.get("split") or {}
    page.line(f"Wrote {result.get('path')} for {result.get('rows', 0):,} rows.", "bold")
    page.fields(
        {
            "task": _because(result.get("task"), result.get("task_reason")),
            "metric": _because(result.get("metric"), result.get("metric_reason")),
            "split": _because(split.get("kind"), split.get("reason")),
            **{role: _listed(names) for role, names in (result.get("roles") or {}).items() if role != "feature"},
            "features": _features(result),
        }
    )
    if result.get("simpler"):
        page.line(f"  simpler: {result['simpler']}", "yellow")
    for note in result.get("notes") or []:
        page.line(f"  note: {note}", "dim")
    page.heading(f"next: {result.get('next')}")


def _because(choice: Any, reason: Any) -> str | None:
    if not choice:
        return None
    return f"{choice} - {reason}" if reason else str(choice)


def _listed(names: list[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _features(result: dict[str, Any]) -> str | None:
    """`19: 10 category, 6 boolean, 3 number`."""
    types = result.get("types") or {}
    names = (result.get("roles") or {}).get("feature") or []
    counted = Counter(str(types.get(name)) for name in names).most_common()
    return f"{len(names)}: {', '.join(f'{count} {kind}' for kind, count in counted)}" if names else None

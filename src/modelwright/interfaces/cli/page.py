"""What presenters write with: headings, tables, key and value lines, a verdict box. Rich is loaded on first use."""

from __future__ import annotations

import functools
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_STYLES = {"APPROVE": "green", "CONDITIONAL": "yellow", "NEEDS REWORK": "red"}
_SEVERITIES = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "cyan", "info": "dim"}
_PLAIN_WIDTH = 110
_LEAST_WIDTH = 40
_DIGEST_CHARACTERS = 12


class Page:
    """A page of text on standard output."""

    def __init__(self, *, color: bool) -> None:
        self.color = color

    @functools.cached_property
    def _console(self) -> Any:
        from rich.console import Console

        class Honest(Console):
            """Rich would leave the process by itself when the reader goes away; our door decides that."""

            def on_broken_pipe(self) -> None:
                raise BrokenPipeError

        width = max(_LEAST_WIDTH, shutil.get_terminal_size((_PLAIN_WIDTH, 40)).columns)  # COLUMNS wins
        return Honest(file=sys.stdout, no_color=not self.color, highlight=False, emoji=False, markup=False, width=width)

    def line(self, text: str = "", style: str | None = None) -> None:
        """One paragraph, wrapped at words; text from files and data is shown as it is, never as markup."""
        self._console.print(_clean(text), style=style, soft_wrap=not self._console.is_terminal)

    def heading(self, text: str) -> None:
        self.line()
        self.line(text, "bold")

    def fields(self, values: Mapping[str, Any]) -> None:
        """Names and values in two columns; what is empty is left out."""
        shown = {name: text(value) for name, value in values.items() if value not in (None, "", [], {}, ())}
        width = max((len(name) for name in shown), default=0)
        for name, value in shown.items():
            self.line(f"  {name:<{width}}  {value}")

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[Any]], *, empty: str = "(nothing yet)") -> None:
        from rich import box
        from rich.table import Table
        from rich.text import Text

        listed = [list(row) for row in rows]
        if not listed:
            self.line(f"  {empty}", "dim")
            return
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for number, name in enumerate(columns):
            numeric = all(isinstance(row[number], (int, float)) or row[number] is None for row in listed)
            table.add_column(name, justify="right" if numeric else "left", overflow="fold")
        for row in listed:
            table.add_row(*(Text(_clean(text(cell)), style=_style(cell)) for cell in row))
        self._console.print(table)

    def verdict(self, decision: str, confidence: str | None, reasons: Sequence[str]) -> None:
        """The verdict in a box with its first reasons."""
        from rich.panel import Panel
        from rich.text import Text

        title = f"{decision}" + (f"  (confidence {confidence})" if confidence else "")
        body = "\n".join(f"- {reason}" for reason in reasons[:5]) or "no reason was recorded"
        style = _STYLES.get(decision, "white")
        self._console.print(Panel(Text(_clean(body)), title=title, title_align="left", border_style=style))

    def findings(self, findings: Sequence[Mapping[str, Any]], limit: int = 8) -> None:
        """The most serious findings first; those for information only where there are no others."""
        order = list(_SEVERITIES)
        ranked = sorted(findings, key=lambda f: (not f.get("blocking"), order.index(str(f.get("severity", "info")))))
        serious = [f for f in ranked if f.get("severity") != "info"]
        listed = (serious or ranked)[:limit]
        self.table(
            ("severity", "finding", "where", "what"),
            [(f.get("severity"), f.get("code"), f.get("subject"), f.get("message")) for f in listed],
            empty="no findings",
        )
        if len(ranked) > len(listed):
            rest = len(ranked) - len(listed)
            quiet = sum(f.get("severity") == "info" for f in ranked) == rest
            self.line(f"  and {rest} more{' for information' if quiet else ''} (--json lists them)", "dim")


def _style(cell: Any) -> str:
    return _SEVERITIES.get(str(cell)) or _STYLES.get(str(cell)) or ""


def _clean(value: str) -> str:
    return "".join(c if c.isprintable() or c == "\n" else f"\\x{ord(c):02x}" for c in value)


def text(value: Any) -> str:
    """A value for people: four digits, thousands apart, lists with commas."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return number(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {text(item)}" for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(text(item) for item in value)
    return str(value)


def when(stamp: Any) -> str:
    """`2026-11-21 05:56` from a timestamp in UTC."""
    return str(stamp)[:16].replace("T", " ") if stamp else "-"


def digest(name: Any) -> str:
    """The beginning of a digest, enough to name it with."""
    return str(name).rpartition(":")[2][:_DIGEST_CHARACTERS] if name else "-"


def number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"


def interval(estimate: Any) -> str:
    """`0.84 (0.82 to 0.86)` from a value with bounds."""
    if not isinstance(estimate, Mapping) or estimate.get("value") is None:
        return "-" if not isinstance(estimate, (int, float)) else number(float(estimate))
    shown = number(float(estimate["value"]))
    low, high = estimate.get("low"), estimate.get("high")
    return shown if low is None or high is None else f"{shown} ({number(float(low))} to {number(float(high))})"

"""Dots with intervals on a common scale: metrics against baselines, leaderboards, slices, importances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from modelwright.documents.pictures.adaptive import adaptive
from modelwright.documents.pictures.canvas import CHARACTER, FONT, Canvas, Scale, finite, fits, tick_label, ticks
from modelwright.documents.words import number

ROW = 30.0
BESIDE = 0.42  # longest label, as a share of the width, that still stands beside its dot and not above it


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the plot. `css` colours it: `s1` model, `s2` rival, `muted` the rest."""

    label: str
    dot: Dot
    css: str = "s1"
    note: str = ""  # right-hand text; the value by default
    strong: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    title: str
    rows: tuple[Row, ...]
    axis: str = ""
    #: vertical lines across all rows: a goal, the whole's value, zero
    marks: tuple[tuple[str, float], ...] = ()
    zero: bool = False  # draw from zero, as bars do


def dots(plot: Plot) -> Markup:
    """The plot for both widths; an empty string where there is nothing to show."""
    rows = tuple(row for row in plot.rows if finite([row.dot.value]))
    return adaptive(lambda width: _draw(plot, rows, width)) if rows else Markup("")


def _draw(plot: Plot, rows: tuple[Row, ...], width: float) -> Markup:
    longest = max(len(row.label) for row in rows) * FONT * CHARACTER
    wide = width > 500 and longest <= width * BESIDE
    step = ROW if wide else ROW + 14
    named = [mark for mark in plot.marks if mark[0]]
    top = 22.0 if named else 6.0
    bottom = top + step * len(rows)
    canvas = Canvas(width, bottom + (44 if plot.axis else 26), plot.title)
    label_room = _label_room(rows, width) if wide else 2.0
    note_room = 8 + max(len(_note(row)) for row in rows) * FONT * CHARACTER if wide else 10.0
    scale = Scale(*_range(plot, rows), label_room + 10, width - note_room - 6)
    _grid(canvas, scale, (top, bottom), plot)
    lanes = (
        [(top, bottom)] if wide else [(top + step * (i + 1) - 20, top + step * (i + 1) - 2) for i in range(len(rows))]
    )
    for name, value in plot.marks:
        _mark(canvas, scale.clamp(value), (name, value), (top, lanes))
    for index, row in enumerate(rows):
        _row(canvas, scale, row, (top + step * index, step, label_room))
    return canvas.svg()


def _mark(canvas: Canvas, x: float, what: tuple[str, float], place: tuple[float, list[tuple[float, float]]]) -> None:
    """A dashed line through every lane (on a phone only beside the dots, where it crosses no text) and its name."""
    top, lanes = place
    words = f"{what[0]} {number(what[1])}".strip()
    for low, high in lanes:
        canvas.line((x, low), (x, high), "mark", tip=words)
    if what[0]:
        anchor = "end" if x > canvas.width * 0.75 else "middle"
        canvas.text(x + (4 if anchor == "end" else 0), top - 8, words, "t mark-text", anchor=anchor)


def _row(canvas: Canvas, scale: Scale, row: Row, place: tuple[float, float, float]) -> None:
    top, step, label_room = place
    wide = label_room > 10
    y = top + (step / 2 if wide else step - 11)
    tip = f"{row.label}: {_note(row)}"
    strong = " strong" if row.strong else ""
    if wide:
        canvas.text(label_room, y + 4, fits(row.label, label_room), f"t{strong}", anchor="end", tip=row.label)
        canvas.text(canvas.width, y + 4, _note(row), f"t n{strong}", anchor="end")
    else:
        canvas.text(
            2.0, y - 13, fits(row.label, canvas.width - len(_note(row)) * 7 - 12), f"t halo{strong}", tip=row.label
        )
        canvas.text(canvas.width - 2, y - 13, _note(row), f"t n halo{strong}", anchor="end")
    low, high = row.dot.low, row.dot.high
    if low is not None and high is not None:
        canvas.line((scale.clamp(low), y), (scale.clamp(high), y), f"whisker {row.css}", tip=tip)
        for end in (low, high):
            canvas.line((scale.clamp(end), y - 4), (scale.clamp(end), y + 4), f"whisker {row.css}")
    canvas.circle(scale.clamp(row.dot.value), y, 5.0, f"dot {row.css}", tip=tip)


def _grid(canvas: Canvas, scale: Scale, span: tuple[float, float], plot: Plot) -> None:
    top, bottom = span
    about = max(3, int((scale.end - scale.start) / 85))
    found = ticks(scale.low, scale.high, about)
    found = found if len(found) > 1 else ticks(scale.low, scale.high, about + 2)
    step = found[1] - found[0] if len(found) > 1 else found[0]
    for value in found:
        canvas.line((scale(value), top), (scale(value), bottom), "axis" if plot.zero and abs(value) < 1e-12 else "grid")
        canvas.text(scale(value), bottom + 16, tick_label(value, step), "t q", anchor="middle")
    if plot.axis:
        canvas.text((scale.start + scale.end) / 2, bottom + 37, plot.axis, "t q", anchor="middle")


def _range(plot: Plot, rows: Sequence[Row]) -> tuple[float, float]:
    """Covers every dot and mark; whiskers may be cut where one alone would squeeze all the others."""
    values = finite([row.dot.value for row in rows]) + finite([value for _, value in plot.marks])
    ends = finite([end for row in rows for end in (row.dot.low, row.dot.high)])
    low, high = min(values + ends), max(values + ends)
    if plot.zero:
        low, high = min(0.0, low), max(0.0, high)
    margin = (high - low) * 0.05 or abs(high) * 0.05 or 0.5
    return (low if plot.zero and low == 0 else low - margin), high + margin


def _label_room(rows: Sequence[Row], width: float) -> float:
    longest = max(len(row.label) for row in rows) * FONT * CHARACTER + 4
    return min(max(80.0, longest), width * BESIDE)


def _note(row: Row) -> str:
    return row.note or number(row.dot.value)

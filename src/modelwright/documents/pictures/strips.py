"""Strips and bars: parts of a whole, shares per column, steps along time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from modelwright.documents.pictures.adaptive import adaptive
from modelwright.documents.pictures.canvas import CHARACTER, FONT, Canvas, Scale, fits, tick_label, ticks
from modelwright.documents.words import duration, share

NAMED = 150.0  # pixels a part needs to carry its own name
STACKED = 90.0  # pixels below which a bar says too little beside its words


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    label: str
    value: float
    note: str = ""
    css: str = "s1"


def proportions(title: str, parts: Sequence[Part]) -> Markup:
    """One bar divided into parts; names and notes below each."""
    total = sum(part.value for part in parts if part.value > 0)
    return adaptive(lambda width: _proportions(title, parts, total, width)) if total > 0 else Markup("")


def _proportions(title: str, parts: Sequence[Part], total: float, width: float) -> Markup:
    shown = [part for part in parts if part.value > 0]
    lengths = [(width - 3 * (len(shown) - 1)) * part.value / total for part in shown]
    wide = width > 500
    lines = 1 + max(part.note.count("\n") for part in shown)
    canvas = Canvas(width, 54.0 + 15 * lines if wide else 46.0 + 40 * len(shown), title)
    x = 0.0
    for part, length in zip(shown, lengths, strict=True):
        tip = f"{part.label}: {part.value:,.0f} ({share(part.value / total)})"
        canvas.rect(x, 0.0, (length, 26), f"fill {part.css}", rx=min(4.0, length / 2), tip=tip)
        x += length + 3
    if not wide:
        places = [(0.0, 52.0 + 40 * index, width) for index in range(len(shown))]
    elif min(lengths) >= NAMED:
        starts = [sum(lengths[:index]) + 3 * index for index in range(len(shown))]
        places = [(start, 48.0, length) for start, length in zip(starts, lengths, strict=True)]
    else:  # too narrow for its own name: names stand evenly below
        places = [(width * index / len(shown), 48.0, width / len(shown)) for index in range(len(shown))]
    for part, place in zip(shown, places, strict=True):
        note = part.note if wide else part.note.replace("\n", " ")
        _named(canvas, place, part.css, (f"{part.label} {share(part.value / total)}", note))
    return canvas.svg()


def _named(canvas: Canvas, place: tuple[float, float, float], css: str, words: tuple[str, str]) -> None:
    """A swatch, a name and its notes, one below the other."""
    x, y, room = place
    canvas.rect(x, y - 9, (10, 10), f"fill {css}", rx=2)
    canvas.text(x + 16, y, fits(words[0], room - 16), "t strong", tip=words[0])
    for line, text in enumerate(words[1].split("\n")):
        canvas.text(x + 16, y + 17 + 15 * line, fits(text, room - 16), "t q", tip=text)


def bars(title: str, parts: Sequence[Part], *, whole: float | None = None) -> Markup:
    """Labelled horizontal bars on one scale from zero; `whole` sets the full length (1 for shares)."""
    shown = [part for part in parts if part.value >= 0]
    largest = whole or max((part.value for part in shown), default=0) or 1.0
    return adaptive(lambda width: _bars(title, shown, largest, width)) if shown else Markup("")


def small_bars(title: str, parts: Sequence[Part]) -> Markup:
    """Bars for a column of a table, one size only; lengths are relative to the longest."""
    shown = [part for part in parts if part.value >= 0]
    largest = max((part.value for part in shown), default=0) or 1.0
    return _bars(title, shown, largest, 260.0) if shown else Markup("")


def _bars(title: str, parts: Sequence[Part], largest: float, width: float) -> Markup:
    step = 24.0
    canvas = Canvas(width, step * len(parts) + 4, title)
    label = min(max(len(part.label) for part in parts) * FONT * CHARACTER + 8, width * 0.42)
    note = max(len(part.note) for part in parts) * FONT * CHARACTER + 10
    if width - label - note - 12 < STACKED and width > 300:
        return _stacked(title, parts, largest, width)
    scale = Scale(0, largest, 0, max(30.0, width - label - note - 12))
    for index, part in enumerate(parts):
        y = step * index + 4
        canvas.text(label, y + 12, fits(part.label, label), "t", anchor="end", tip=part.label)
        canvas.rect(label + 10, y, (scale.end, 16), "track", rx=3)
        length = max(2.0, scale.clamp(part.value)) if part.value else 0.0
        canvas.rect(label + 10, y, (length, 16), f"fill {part.css}", rx=3, tip=f"{part.label}: {part.note}")
        canvas.text(width, y + 12, part.note, "t n q", anchor="end")
    return canvas.svg()


def _stacked(title: str, parts: Sequence[Part], largest: float, width: float) -> Markup:
    """Where names and notes leave no room for bars, each bar stands below its words."""
    step = 38.0
    canvas = Canvas(width, step * len(parts) + 2, title)
    scale = Scale(0, largest, 0, width)
    for index, part in enumerate(parts):
        y = step * index + 12
        note = len(part.note) * FONT * CHARACTER + 8
        canvas.text(0.0, y, fits(part.label, width - note), "t", tip=part.label)
        canvas.text(width, y, part.note, "t n q", anchor="end")
        canvas.rect(0.0, y + 6, (width, 10), "track", rx=3)
        length = max(2.0, scale.clamp(part.value)) if part.value else 0.0
        canvas.rect(0.0, y + 6, (length, 10), f"fill {part.css}", rx=3, tip=f"{part.label}: {part.note}")
    return canvas.svg()


def timeline(title: str, steps: Sequence[tuple[str, float, bool]]) -> Markup:
    """(name, seconds, reused) one after another along a time axis; reused steps are hollow."""
    total = sum(seconds for _, seconds, _ in steps)
    return adaptive(lambda width: _timeline(title, steps, total, width)) if steps and total > 0 else Markup("")


def _timeline(title: str, steps: Sequence[tuple[str, float, bool]], total: float, width: float) -> Markup:
    step = 24.0
    label = min(max(len(name) for name, _, _ in steps) * FONT * CHARACTER + 8, width * 0.34)
    canvas = Canvas(width, step * len(steps) + 30, title)
    scale = Scale(0, total, label + 10, width - 62)
    bottom = step * len(steps) + 2
    marks = ticks(0, total, 6 if width > 500 else 3)
    for value in marks:
        unit = marks[1] - marks[0] if len(marks) > 1 else 1.0
        canvas.line((scale(value), 0), (scale(value), bottom), "grid")
        canvas.text(scale(value), bottom + 17, f"{tick_label(value, unit)} s", "t q", anchor="middle")
    at = 0.0
    for index, (name, seconds, reused) in enumerate(steps):
        y = step * index + 3
        words = "reused" if reused else duration(seconds)
        css = "hollow s1" if reused else "fill s1"
        canvas.text(label, y + 12, fits(name, label), "t", anchor="end", tip=name)
        canvas.rect(scale(at), y, (max(2.5, scale(at + seconds) - scale(at)), 16), css, rx=3, tip=f"{name}: {words}")
        end = scale(at + seconds) + 6
        canvas.text(min(end, width - len(words) * 7), y + 12, words, "t q n halo")
        at += seconds
    return canvas.svg()

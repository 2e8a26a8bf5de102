"""Lines with the band of their uncertainty or spread: learning curves, partial dependence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from modelwright.documents.pictures.canvas import CHARACTER, FONT, Axes, Canvas, Scale, finite, fits, tick_label, ticks
from modelwright.documents.words import number

SIZE = (380.0, 270.0)
SMALL = (272.0, 208.0)
LEVELS = 8  # categories of one small picture


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """One line: x, its value, and the low and high end of its band (both None where there is none)."""

    name: str
    points: tuple[tuple[float, float], ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    css: str = "s1"
    dots: bool = False


def bands(
    title: str,
    shown: Sequence[Band],
    names: tuple[str, str],
    *,
    y_range: tuple[float, float] | None = None,
    size: tuple[float, float] = SIZE,
) -> Markup:
    """The lines over one pair of axes; empty where nothing can be drawn. `y_range` keeps several pictures alike."""
    drawn = [band for band in shown if len(_finite(band)) > 1 or (band.dots and _finite(band))]
    if not drawn:
        return Markup("")
    xs = [x for band in drawn for x, _ in _finite(band)]
    ys = [y for band in drawn for _, y in _finite(band)]
    ys += [y for band in drawn for y in (*finite(band.low), *finite(band.high))]
    low, high = y_range or (min(ys), max(ys))
    margin = (high - low) * 0.07 or abs(high) * 0.07 or 0.5
    x_low, x_high = min(xs), max(xs)
    pad = (x_high - x_low) * 0.03 if any(band.dots for band in drawn) else 0.0
    x_range = (x_low - pad, x_high + pad) if x_high > x_low else (x_low - 0.5, x_high + 0.5)
    axes = Axes.make(title, size, x_range, (low - margin, high + margin), names)
    for band in drawn:
        _ribbon(axes, band)
    for band in drawn:
        axes.curve(_finite(band), f"curve {band.css}", tip=band.name)
        for x, y in _finite(band) if band.dots else ():
            axes.canvas.circle(*axes.point(x, y), 3.2, f"dot {band.css}", tip=f"{band.name}: {number(x)}, {number(y)}")
    _names(axes, drawn)
    return axes.svg()


def _finite(band: Band) -> list[tuple[float, float]]:
    return [(x, y) for x, y in band.points if len(finite([x, y])) == 2]


def _ribbon(axes: Axes, band: Band) -> None:
    if len(band.low) != len(band.points) or len(band.high) != len(band.points):
        return
    ends = [
        (x, low, high)
        for (x, _), low, high in zip(band.points, band.low, band.high, strict=True)
        if len(finite([x, low, high])) == 3
    ]
    if len(ends) > 1:
        outline = [(x, high) for x, _, high in ends] + [(x, low) for x, low, _ in reversed(ends)]
        axes.curve(outline, f"ribbon {band.css}", closed=True)


def _names(axes: Axes, drawn: Sequence[Band]) -> None:
    """Names above the plot, one after another; none for a single line."""
    if len(drawn) < 2:
        return
    x = axes.x.start
    for band in drawn:
        axes.canvas.line((x, 7), (x + 16, 7), f"curve {band.css}")
        axes.canvas.text(x + 21, 11, band.name, "t q")
        x += 34 + len(band.name) * FONT * CHARACTER


def levels(
    title: str,
    rows: Sequence[tuple[str, float, float | None, float | None]],
    axis: str,
    *,
    x_range: tuple[float, float] | None = None,
) -> Markup:
    """Categories as dots with the span of their rows: (name, mean, low, high), most first."""
    shown = [row for row in rows if finite([row[1]])][:LEVELS]
    if not shown:
        return Markup("")
    step, label = 24.0, min(max(len(row[0]) for row in shown) * FONT * CHARACTER + 6, 110.0)
    canvas = Canvas(SMALL[0], step * len(shown) + 48, title)
    every = finite([end for row in shown for end in row[1:]])
    low, high = x_range or (min(every), max(every))
    margin = (high - low) * 0.06 or abs(high) * 0.06 or 0.5
    scale = Scale(low - margin, high + margin, label + 10, SMALL[0] - 12)
    bottom = step * len(shown) + 4
    found = ticks(scale.low, scale.high, 3)
    unit = found[1] - found[0] if len(found) > 1 else found[0]
    for value in found:
        canvas.line((scale(value), 0), (scale(value), bottom), "grid")
        canvas.text(scale(value), bottom + 16, tick_label(value, unit), "t q", anchor="middle")
    for place, (name, mean, start, end) in enumerate(shown):
        y = step * place + 14
        canvas.text(label, y + 4, fits(name, label), "t", anchor="end", tip=name)
        if start is not None and end is not None and len(finite([start, end])) == 2:
            canvas.line(
                (scale(start), y), (scale(end), y), "whisker s1", tip=f"{name}: {number(start)} to {number(end)}"
            )
        canvas.circle(scale(mean), y, 4.6, "dot s1", tip=f"{name}: {number(mean)}")
    canvas.text((scale.start + scale.end) / 2, bottom + 37, axis, "t q", anchor="middle")
    return canvas.svg()

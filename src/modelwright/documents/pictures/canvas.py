"""A small SVG sheet: shapes in, one accessible, themeable, self-contained `<svg>` out.

Colours never stand in the markup: every shape carries a class, and the page's CSS variables colour it, so
that one picture serves light, dark and print. Every number is rounded to a tenth of a pixel to keep pages small.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup, escape

#: width of an average character of the system fonts, as a share of the font size
CHARACTER = 0.6
FONT = 12.0
TIP = 300  # characters of a tooltip
HEADROOM = 18.0  # above the plot area, for the name of a marked line


def fits(text: str, width: float, size: float = FONT) -> str:
    """The text, cut with an ellipsis where it is wider than `width` pixels."""
    room = max(1, int(width / (size * CHARACTER)))
    return text if len(text) <= room else text[: max(1, room - 1)].rstrip() + "…"


def finite(values: Any) -> list[float]:
    """The finite numbers in a list; none where there is no list."""
    if not isinstance(values, Sequence):
        return []
    return [
        float(value)
        for value in values
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    ]


def pairs(xs: Any, ys: Any) -> list[tuple[float, float]]:
    """Points whose both coordinates are finite numbers; anything else is left out."""
    if not isinstance(xs, Sequence) or not isinstance(ys, Sequence):
        return []
    return [(x, y) for x, y in zip(map(_float, xs), map(_float, ys), strict=False) if x is not None and y is not None]


def thin(points: Sequence[Any], limit: int) -> list[Any]:
    """At most `limit` of the points, evenly spaced, first and last kept."""
    if len(points) <= limit or limit < 2:
        return list(points)
    step = (len(points) - 1) / (limit - 1)
    return [points[round(index * step)] for index in range(limit)]


def _float(value: Any) -> float | None:
    found = finite([value])
    return found[0] if found else None


def px(value: float) -> str:
    """A coordinate with one decimal, without trailing zeros."""
    text = f"{value:.1f}"
    return text[:-2] if text.endswith(".0") else text


@dataclass(slots=True)
class Canvas:
    width: float
    height: float
    title: str
    parts: list[str] = field(default_factory=list)

    def rect(self, x: float, y: float, box: tuple[float, float], css: str, **more: Any) -> None:
        width, height = max(0.0, box[0]), max(0.0, box[1])
        self._shape("rect", {"x": x, "y": y, "width": width, "height": height}, css, more)

    def line(self, start: tuple[float, float], end: tuple[float, float], css: str, **more: Any) -> None:
        self._shape("line", {"x1": start[0], "y1": start[1], "x2": end[0], "y2": end[1]}, css, more)

    def circle(self, x: float, y: float, r: float, css: str, **more: Any) -> None:
        self._shape("circle", {"cx": x, "cy": y, "r": r}, css, more)

    def path(self, points: Iterable[tuple[float, float]], css: str, *, closed: bool = False, **more: Any) -> None:
        steps = [f"{px(x)} {px(y)}" for x, y in points]
        if steps:
            self._shape("path", {"d": "M" + "L".join(steps) + ("Z" if closed else "")}, css, more)

    def text(self, x: float, y: float, words: str, css: str = "t", **more: Any) -> None:
        """Real text; `anchor` is start, middle or end."""
        attributes: dict[str, Any] = {"x": x, "y": y}
        anchor = more.pop("anchor", None)
        if anchor in ("middle", "end"):
            attributes["text-anchor"] = anchor
        if "rotate" in more:
            attributes["transform"] = f"rotate({px(more.pop('rotate'))} {px(x)} {px(y)})"
        self._open("text", attributes, css, more, inner=str(escape(words)))

    def svg(self) -> Markup:
        """The picture: named for screen readers, scaling with its place."""
        name = escape(self.title)
        box = f"0 0 {px(self.width)} {px(self.height)}"
        head = f'<svg class="pic" viewBox="{box}" width="{px(self.width)}" height="{px(self.height)}"'
        body = "".join(self.parts)
        return Markup(f'{head} role="img" aria-label="{name}"><title>{name}</title>{body}</svg>')  # noqa: S704

    def _shape(self, tag: str, attributes: dict[str, Any], css: str, more: dict[str, Any]) -> None:
        self._open(tag, attributes, css, more, inner="")

    def _open(self, tag: str, attributes: dict[str, Any], css: str, more: dict[str, Any], *, inner: str) -> None:
        tip = more.pop("tip", "")
        everything = {"class": css, **attributes, **{key.replace("_", "-"): value for key, value in more.items()}}
        written = " ".join(
            f'{key}="{px(value) if isinstance(value, float) else escape(value)}"'
            for key, value in everything.items()
            if value is not None and value != ""
        )
        title = f"<title>{escape(tip[:TIP])}</title>" if tip else ""
        content = title + inner
        self.parts.append(f"<{tag} {written}>{content}</{tag}>" if content else f"<{tag} {written}/>")


@dataclass(frozen=True, slots=True)
class Scale:
    """A straight mapping from values to pixels."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        span = self.high - self.low
        part = 0.5 if span == 0 else (value - self.low) / span
        return self.start + (self.end - self.start) * part

    def clamp(self, value: float) -> float:
        return self(min(max(value, self.low), self.high))


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers between low and high, about as many as asked (steps of 1, 2, 2.5 or 5 times a power of ten)."""
    span = high - low
    if not math.isfinite(span) or span < 1e-290:  # finer steps have no power of ten
        return [low]
    raw = span / max(1, about)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next((unit * power for unit in (1, 2, 2.5, 5, 10) if unit * power >= raw * 0.999), 10 * power)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [index * step for index in range(first, min(last, first + 50) + 1)]


def tick_label(value: float, step: float) -> str:
    """A tick as short as its neighbours allow; large numbers as k, M, bn."""
    for size, unit in ((1e9, "bn"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size or (abs(step) * 4 >= size and value):
            scale = 1e3 if unit == "k" else size
            return f"{value / scale:.4g}{unit}"
    if step and (abs(step) < 1e-4):
        return f"{value:.1e}"
    decimals = 0 if not step else max(0, min(6, -math.floor(math.log10(abs(step)) + 1e-9)))
    if step and abs(round(step, decimals) - step) > abs(step) * 1e-6:
        decimals += 1
    text = f"{value:.{decimals}f}"
    return text.lstrip("-") if float(text) == 0 else text.replace("-", "−")


def widen(values: Sequence[float], share: float = 0.06) -> tuple[float, float]:
    """Range of the values with a margin; never empty."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    margin = (high - low) * share or abs(high) * share or 0.5
    return low - margin, high + margin


@dataclass(slots=True)
class Axes:
    """A canvas with a framed plot area: quiet grid, labelled ticks, axis names."""

    canvas: Canvas
    x: Scale
    y: Scale

    @classmethod
    def make(
        cls,
        title: str,
        size: tuple[float, float],
        x_range: tuple[float, float],
        y_range: tuple[float, float],
        names: tuple[str, str],
    ) -> Axes:
        """Ranges in data units, size in pixels, names of both axes (the second may be empty)."""
        width, height = size
        canvas = Canvas(width, height, title)
        labels = _labels(ticks(*y_range, 5))
        left = 14 + max((len(text) for _, text in labels), default=2) * FONT * CHARACTER + (16 if names[1] else 0)
        axes = cls(canvas, Scale(*x_range, left, width - 12), Scale(*y_range, height - 42, HEADROOM))
        axes._frame(labels, names)
        return axes

    def _frame(self, labels: list[tuple[float, str]], names: tuple[str, str]) -> None:
        canvas, x, y = self.canvas, self.x, self.y
        for value, text in labels:
            canvas.line((x.start, y(value)), (x.end, y(value)), "grid")
            canvas.text(x.start - 7, y(value) + 4, text, "t q", anchor="end")
        for value, text in _labels(ticks(x.low, x.high, max(3, int((x.end - x.start) / 75)))):
            canvas.text(x(value), y.start + 17, text, "t q", anchor="middle")
        canvas.line((x.start, y.start), (x.end, y.start), "axis")
        canvas.text((x.start + x.end) / 2, canvas.height - 6, names[0], "t q", anchor="middle")
        if names[1]:
            canvas.text(12, (y.start + y.end) / 2, names[1], "t q", anchor="middle", rotate=-90.0)

    def point(self, x: float, y: float) -> tuple[float, float]:
        return self.x(x), self.y(y)

    def curve(self, points: Iterable[tuple[float, float]], css: str, **more: Any) -> None:
        self.canvas.path([self.point(x, y) for x, y in points], css, **more)

    def svg(self) -> Markup:
        return self.canvas.svg()


def _labels(found: list[float]) -> list[tuple[float, str]]:
    step = found[1] - found[0] if len(found) > 1 else (found[0] if found else 1.0)
    return [(value, tick_label(value, step)) for value in found]

"""Histograms: one distribution, or two laid over each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from modelwright.documents.pictures.canvas import Axes, Canvas, Scale, tick_label
from modelwright.documents.words import number, plain

SIZE = (380.0, 320.0)
SMALL = (260.0, 84.0)
MOST_BINS = 60


def overlaid(
    title: str,
    edges: Sequence[float],
    series: Mapping[str, Sequence[float]],
    names: tuple[str, str],
    *,
    mark: tuple[str, float] | None = None,
) -> Markup:
    """Counts per bin (len(edges) - 1 of them) for one or more groups, see-through over each other."""
    tallest = max((max(counts, default=0) for counts in series.values()), default=0)
    if len(edges) < 2 or tallest <= 0 or edges[-1] <= edges[0]:
        return Markup("")
    every = -(-(len(edges) - 1) // MOST_BINS)
    if every > 1:
        return overlaid(
            title, _coarser(edges, every), {k: _summed(v, every) for k, v in series.items()}, names, mark=mark
        )
    axes = Axes.make(
        title, SIZE, (edges[0], edges[-1]), (0, tallest * (1.06 + 0.09 * sum(1 for name in series if name))), names
    )
    for css, (name, counts) in zip(("s1", "s2", "s3", "s4", "s5", "s6"), series.items(), strict=False):
        for low, high, count in zip(edges, edges[1:], counts, strict=False):
            if count > 0:
                tip = f"{name}: {count:,.0f} from {number(low)} to {number(high)}".lstrip(": ")
                top = axes.y(count)
                width = axes.x(high) - axes.x(low) - 1
                axes.canvas.rect(
                    axes.x(low) + 0.5, top, (width, axes.y.start - top), f"fill {css} see-through", tip=tip
                )
    if mark is not None:
        x = axes.x.clamp(mark[1])
        axes.canvas.line((x, axes.y.start), (x, axes.y.end), "mark", tip=f"{mark[0]} {number(mark[1])}")
        if mark[0]:
            at = min(max(x, axes.x.start + 45), axes.x.end - 45)
            axes.canvas.text(at, axes.y.end - 6, f"{mark[0]} {number(mark[1])}", "t mark-text", anchor="middle")
    _legend(axes, [name for name in series if name])
    return axes.svg()


def histogram(
    title: str, edges: Sequence[float], counts: Sequence[float], labels: tuple[str, str] | None = None
) -> Markup:
    """A small one for a column of a table: bars, and the two ends of the range (or their names, such as dates)."""
    tallest = max(counts, default=0)
    if len(edges) != len(counts) + 1 or tallest <= 0 or edges[-1] <= edges[0]:
        return Markup("")
    canvas = Canvas(*SMALL, title)
    x = Scale(edges[0], edges[-1], 0.0, SMALL[0])
    y = Scale(0, tallest, SMALL[1] - 18, 4)
    for low, high, count in zip(edges, edges[1:], counts, strict=False):
        height = y.start - y(count)
        if count > 0:
            tip = f"{count:,.0f} rows" if labels else f"{count:,.0f} from {number(low)} to {number(high)}"
            box = (max(1.0, x(high) - x(low) - 1), max(1.0, height))
            canvas.rect(x(low) + 0.5, y.start - max(1.0, height), box, "fill s1", tip=tip)
    canvas.line((0, y.start), (SMALL[0], y.start), "axis")
    span = edges[-1] - edges[0]
    ends = labels or (_end(edges[0], span), _end(edges[-1], span))
    canvas.text(0.0, SMALL[1] - 4, ends[0], "t q")
    canvas.text(SMALL[0], SMALL[1] - 4, ends[1], "t q", anchor="end")
    return canvas.svg()


def _end(value: float, span: float) -> str:
    return plain(float(value)) if abs(value) < 1e4 else tick_label(value, span / 10)


def _coarser(edges: Sequence[float], every: int) -> list[float]:
    kept = list(edges[::every])
    return kept if kept[-1] == edges[-1] else [*kept, edges[-1]]


def _summed(counts: Sequence[float], every: int) -> list[float]:
    return [sum(counts[start : start + every]) for start in range(0, len(counts), every)]


def _legend(axes: Axes, names: Sequence[str]) -> None:
    for place, (css, name) in enumerate(zip(("s1", "s2", "s3", "s4", "s5", "s6"), names, strict=False)):
        y = axes.y.end + 8 + 16 * place
        axes.canvas.rect(axes.x.end - 10, y - 5, (10, 10), f"fill {css}", rx=2)
        axes.canvas.text(axes.x.end - 16, y + 4, name[:28], "t halo", anchor="end")

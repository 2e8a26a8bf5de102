"""Curves of a classifier: ROC, precision and recall, reliability, and lines over a threshold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from modelwright.documents.pictures.canvas import Axes, Canvas, thin
from modelwright.documents.words import number

SIZE = (380.0, 320.0)
LIMIT = 220  # points per curve
SERIES = ("s1", "s2", "s3", "s4", "s5", "s6")

Points = Sequence[tuple[float, float]]


def roc(
    series: Mapping[str, Points], *, at: tuple[float, float] | None = None, names: Mapping[str, str] | None = None
) -> Markup:
    """True against false positive rate; `at` marks the decision threshold in use."""
    axes = Axes.make("ROC curve", SIZE, (0, 1), (0, 1), ("false positive rate", "true positive rate"))
    axes.curve([(0, 0), (1, 1)], "reference", tip="a model that guesses")
    if len(series) == 1:
        only = thin(list(next(iter(series.values()))), LIMIT)
        axes.curve([*only, (1, 0), (0, 0)], "area s1", closed=True)
    _draw(axes, series)
    _operating(axes, at)
    _legend(axes, series, names or {}, (axes.x(0.42), axes.y(0.05)))
    return axes.svg()


def precision_recall(
    series: Mapping[str, Points], *, prevalence: float | None = None, at: tuple[float, float] | None = None
) -> Markup:
    """Precision against recall; the dashed line is the share of positives, which guessing reaches."""
    axes = Axes.make("Precision and recall", SIZE, (0, 1), (0, 1), ("recall", "precision"))
    if prevalence is not None:
        axes.curve([(0, prevalence), (1, prevalence)], "reference", tip=f"share of positives {number(prevalence)}")
    _draw(axes, series)
    _operating(axes, at)
    _legend(axes, series, {}, (axes.x(0.03), axes.y(0.05)))
    return axes.svg()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """One bin of a reliability curve: mean predicted probability, observed share and its interval."""

    predicted: float
    observed: float
    rows: float
    low: float | None = None
    high: float | None = None


def calibration(bins: Sequence[Bin]) -> Markup:
    """Reliability; dots as large as their bin is full."""
    axes = Axes.make("Calibration", SIZE, (0, 1), (0, 1), ("predicted probability", "observed share"))
    axes.curve([(0, 0), (1, 1)], "reference", tip="perfectly calibrated")
    ordered = sorted(bins, key=lambda each: (each.predicted, each.observed))[:60]
    largest = max((each.rows for each in ordered), default=0) or 1
    axes.curve([(each.predicted, each.observed) for each in ordered], "curve s1 thin")
    for each in ordered:
        x, y = axes.point(each.predicted, each.observed)
        tip = f"predicted {number(each.predicted)}, observed {number(each.observed)}, {each.rows:,.0f} rows"
        if each.low is not None and each.high is not None:
            axes.canvas.line((x, axes.y.clamp(each.low)), (x, axes.y.clamp(each.high)), "whisker s1", tip=tip)
        axes.canvas.circle(x, y, 2.5 + 3.5 * (each.rows / largest) ** 0.5, "dot s1", tip=tip)
    return axes.svg()


def lines(
    title: str,
    series: Mapping[str, Points],
    names: tuple[str, str],
    *,
    mark: tuple[str, float] | None = None,
    y_range: tuple[float, float] | None = None,
) -> Markup:
    """Several lines over one axis, such as precision, recall and F1 over the threshold."""
    every = [point for points in series.values() for point in points]
    if not every:
        return Markup("")
    x_range = (min(x for x, _ in every), max(x for x, _ in every))
    ys = y_range or (min(y for _, y in every), max(y for _, y in every))
    axes = Axes.make(title, SIZE, x_range, ys, names)
    _draw(axes, series)
    if mark is not None:
        axes.canvas.line((axes.x.clamp(mark[1]), axes.y.start), (axes.x.clamp(mark[1]), axes.y.end), "mark")
        x = min(max(axes.x.clamp(mark[1]), axes.x.start + 40), axes.x.end - 40)
        axes.canvas.text(x, axes.y.end - 6, f"{mark[0]} {number(mark[1])}", "t mark-text", anchor="middle")
    _legend(axes, series, {}, (axes.x.start + 8, axes.y.start - 8))
    return axes.svg()


def _draw(axes: Axes, series: Mapping[str, Points]) -> None:
    for css, (name, points) in zip(SERIES, series.items(), strict=False):
        axes.curve(thin(list(points), LIMIT), f"curve {css}", tip=name)


def _operating(axes: Axes, at: tuple[float, float] | None) -> None:
    if at is not None:
        axes.canvas.circle(*axes.point(*at), 6.0, "dot s2 ring", tip="the decision threshold in use")


def _legend(axes: Axes, series: Mapping[str, Points], names: Mapping[str, str], corner: tuple[float, float]) -> None:
    """Names beside short strokes, stacked upwards from the corner; none for a single unnamed line."""
    shown = [(css, names.get(name, name)) for css, name in zip(SERIES, series, strict=False) if names.get(name, name)]
    canvas: Canvas = axes.canvas
    for place, (css, name) in enumerate(reversed(shown)):
        y = corner[1] - 16 * place
        canvas.line((corner[0], y - 4), (corner[0] + 16, y - 4), f"curve {css}")
        canvas.text(corner[0] + 22, y, name[:30], "t halo")

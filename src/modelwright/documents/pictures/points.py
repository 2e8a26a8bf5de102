"""Clouds of points: residuals, predicted against actual, and the trials of a search."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from modelwright.documents.pictures.adaptive import adaptive
from modelwright.documents.pictures.canvas import Axes, fits, thin, widen
from modelwright.documents.words import number

SIZE = (380.0, 320.0)
SLICE = (380.0, 240.0)
LIMIT = 600


def predicted_vs_actual(points: Sequence[tuple[float, float]]) -> Markup:
    """(actual, predicted) pairs around the line on which both agree."""
    shown = thin(points, LIMIT)
    if not shown:
        return Markup("")
    both = widen([value for point in shown for value in point])
    axes = Axes.make("Predicted against actual values", SIZE, both, both, ("actual", "predicted"))
    axes.curve([(both[0], both[0]), (both[1], both[1])], "reference", tip="a perfect prediction")
    _cloud(axes, shown, ("actual", "predicted"))
    return axes.svg()


def residuals(points: Sequence[tuple[float, float]]) -> Markup:
    """(predicted, residual) pairs around zero; a pattern here is something the model has missed."""
    shown = thin(points, LIMIT)
    if not shown:
        return Markup("")
    largest = max(abs(y) for _, y in shown) * 1.06 or 1.0
    x_range = widen([x for x, _ in shown])
    axes = Axes.make("Residuals by prediction", SIZE, x_range, (-largest, largest), ("predicted", "actual − predicted"))
    axes.curve([(x_range[0], 0), (x_range[1], 0)], "reference")
    _cloud(axes, shown, ("predicted", "residual"))
    return axes.svg()


def trials(scores: Sequence[tuple[int, float, str]], *, greater_is_better: bool, metric: str) -> Markup:
    """(number, score, parameters) of each trial, and the best so far as a staircase."""
    ordered = sorted(thin(sorted(scores), 500))
    if len(ordered) < 2:
        return Markup("")
    values = sorted(score for _, score, _ in ordered)
    # one hopeless trial must not flatten all others: cut the range at the worst twentieth
    cut = max(1, len(values) // 20)
    kept = values[cut:] if greater_is_better else values[:-cut]
    y_range = widen(kept or values)
    best = max if greater_is_better else min
    stairs: list[tuple[float, float]] = []
    for place, score, _ in ordered:
        top = best(score, stairs[-1][1]) if stairs else score
        if stairs:
            stairs.append((place, stairs[-1][1]))
        stairs.append((place, top))

    def draw(width: float) -> Markup:
        size = (width, 260.0 if width > 500 else 240.0)
        axes = Axes.make("Trials of the search", size, (ordered[0][0], ordered[-1][0]), y_range, ("trial", metric))
        for place, score, params in ordered:
            tip = f"trial {place}: {number(score, 4)} {params}"[:160]
            axes.canvas.circle(axes.x(place), axes.y.clamp(score), 3.0, "dot muted see-through", tip=tip)
        axes.curve([(x, min(max(y, axes.y.low), axes.y.high)) for x, y in stairs], "curve s1", tip="best so far")
        return axes.svg()

    return adaptive(draw)


def search_slice(name: str, points: Sequence[tuple[Any, float]], *, metric: str, greater_is_better: bool) -> Markup:
    """(value, score) of each trial for one parameter; the best trial stands out. Positive numbers that span more than
    two powers of ten are drawn by their logarithm, and other values than numbers side by side."""
    shown = thin(sorted(points, key=lambda pair: pair[1]), LIMIT)
    if len(shown) < 2:
        return Markup("")
    values = [value for value, _ in shown]
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    label, places = name, [float(value) for value in values] if numbers else _side_by_side(values)
    if not numbers:
        label = f"{name}: {', '.join(sorted({str(value) for value in values}))}"
    elif min(places) > 0 and max(places) / min(places) > 100:
        label, places = f"{name}, power of ten", [math.log10(place) for place in places]
    scores = [score for _, score in shown]
    cut = len(scores) // 20  # one hopeless trial must not flatten all others
    kept = scores[cut:] if greater_is_better else scores[: len(scores) - cut]
    axes = Axes.make(f"Trials by {name}", SLICE, widen(places), widen(kept), (fits(label, SLICE[0] - 90), metric))
    best = len(shown) - 1 if greater_is_better else 0
    for place, (x, (value, score)) in enumerate(zip(places, shown, strict=True)):
        css, size = ("dot s1", 4.0) if place == best else ("dot muted see-through", 3.0)
        tip = f"{name} {value}, {metric} {number(score, 4)}"
        axes.canvas.circle(axes.x(x), axes.y.clamp(score), size, css, tip=tip)
    return axes.svg()


def _side_by_side(values: Sequence[Any]) -> list[float]:
    order = {text: float(place) for place, text in enumerate(sorted({str(value) for value in values}))}
    return [order[str(value)] for value in values]


def _cloud(axes: Axes, points: Sequence[tuple[float, float]], names: tuple[str, str]) -> None:
    for x, y in points:
        tip = f"{names[0]} {number(x)}, {names[1]} {number(y)}"
        axes.canvas.circle(*axes.point(x, y), 2.6, "dot s1 see-through", tip=tip)

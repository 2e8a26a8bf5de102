"""The drawings: what is drawn stands where the numbers say, in bounds, with a name for those who cannot see it."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelwright.documents import pictures, words
from modelwright.documents.pictures.canvas import Axes, tick_label, ticks

NUMBERS = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e12, max_value=1e12)


def _parsed(markup: object) -> list[ElementTree.Element]:
    return [ElementTree.fromstring(svg) for svg in re.findall(r"<svg.*?</svg>", str(markup), re.DOTALL)]


def _coordinates(svg: ElementTree.Element) -> list[float]:
    names = ("x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "width", "height")
    return [float(each.get(name, "0")) for each in svg.iter() for name in names]


@settings(deadline=None)
@given(st.lists(NUMBERS, min_size=1, max_size=8))
def test_dots_draw_every_finite_number_in_bounds(values: list[float]) -> None:
    rows = tuple(pictures.Row(label=f"r{i}", dot=pictures.Dot(value=v, low=v, high=v)) for i, v in enumerate(values))
    drawn = _parsed(pictures.dots(pictures.Plot(title="t", rows=rows, marks=(("goal", values[0]),))))
    assert len(drawn) == 2
    for svg in drawn:
        width = float(svg.get("width", "0"))
        dots = [each for each in svg.iter() if each.tag == "circle"]
        assert len(dots) == len(values)
        assert all(-1 <= float(dot.get("cx", "nan")) <= width + 1 for dot in dots)
        assert all(math.isfinite(value) for value in _coordinates(svg))


def test_dots_stand_in_the_order_of_their_values() -> None:
    rows = tuple(pictures.Row(label=str(v), dot=pictures.Dot(value=v)) for v in (0.1, 0.5, 0.9))
    wide = _parsed(pictures.dots(pictures.Plot(title="t", rows=rows)))[0]
    places = [float(each.get("cx", "0")) for each in wide.iter() if each.tag == "circle"]
    assert places == sorted(places)
    assert places[1] - places[0] == pytest.approx(places[2] - places[1], abs=0.2)


def test_every_picture_has_a_name() -> None:
    line = {"": [(0.0, 0.0), (0.5, 0.8), (1.0, 1.0)]}
    drawn = [
        pictures.roc(line, at=(0.1, 0.6)),
        pictures.precision_recall(line, prevalence=0.3),
        pictures.calibration([pictures.Bin(predicted=0.2, observed=0.3, rows=10, low=0.1, high=0.5)]),
        pictures.confusion(["a", "b"], [[5, 1], [2, 8]]),
        pictures.overlaid("scores", [0, 0.5, 1], {"a": [1, 2], "b": [2, 1]}, ("p", "rows")),
        pictures.histogram("h", [0, 1, 2], [3, 4]),
        pictures.trials([(0, 0.5, ""), (1, 0.7, "")], greater_is_better=True, metric="AUC"),
        pictures.timeline("steps", [("read", 1.0, False), ("train", 2.0, True)]),
        pictures.proportions("split", [pictures.Part(label="train", value=7), pictures.Part(label="test", value=3)]),
    ]
    for markup in drawn:
        for svg in _parsed(markup):
            assert svg.get("role") == "img"
            assert svg.get("aria-label")
            assert svg.find("title") is not None


def test_nothing_to_draw_draws_nothing() -> None:
    nan = float("nan")
    assert not pictures.dots(pictures.Plot(title="t", rows=(pictures.Row(label="x", dot=pictures.Dot(value=nan)),)))
    assert not pictures.histogram("h", [0, 1], [0])
    assert not pictures.histogram("h", [1, 1], [5])
    assert not pictures.confusion(["a"], [[1]])
    assert not pictures.confusion([str(i) for i in range(30)], [[1.0] * 30] * 30)
    assert not pictures.trials([], greater_is_better=True, metric="x")
    assert not pictures.predicted_vs_actual([])
    assert not pictures.timeline("t", [])


def test_confusion_shades_by_the_share_of_the_actual_class() -> None:
    svg = _parsed(pictures.confusion(["a", "b"], [[9, 1], [0, 4]]))[0]
    shades = [float(each.get("fill-opacity", "0")) for each in svg.iter() if each.tag == "rect"]
    assert shades[0] > shades[1] > shades[2]
    assert shades[3] == max(shades)


def test_coarser_bins_keep_every_row() -> None:
    svg = _parsed(pictures.overlaid("t", list(range(1001)), {"a": [1.0] * 1000}, ("x", "rows")))[0]
    tips = [each.text or "" for each in svg.iter("title")]
    counted = [int(found.group(1).replace(",", "")) for tip in tips if (found := re.match(r"a: ([\d,]+) from", tip))]
    assert sum(counted) == 1000
    assert len(counted) <= 60


@settings(deadline=None)
@given(st.tuples(NUMBERS, NUMBERS))
def test_ticks_are_round_few_and_inside(ends: tuple[float, float]) -> None:
    low, high = min(ends), max(ends)
    found = ticks(low, high)
    assert 1 <= len(found) <= 12
    span = high - low
    assert all(low - span * 1e-6 <= value <= high + span * 1e-6 for value in found)


def test_tick_labels_are_short() -> None:
    assert [tick_label(value, 0.25) for value in (0, 0.25, 0.5)] == ["0.00", "0.25", "0.50"]
    assert tick_label(20_000, 5_000) == "20k"
    assert tick_label(-5, 5) == "−5"
    assert tick_label(2_500_000, 500_000) == "2.5M"


def test_axes_of_one_value_do_not_fail() -> None:
    assert Axes.make("t", (380, 320), (1, 1), (2, 2), ("x", "y")).svg()


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.95, "0.950"), (0, "0"), (12345, "12,345"), (1234.5, "1,234"), (55.93, "55.9"), (-0.001, "−0.001"), (None, "–")],
)
def test_numbers_read_well(value: float | None, said: str) -> None:
    assert words.number(value) == said


def test_durations_shares_and_spans_read_well() -> None:
    assert [words.duration(s) for s in (0.34, 2.4, 185, 4320)] == ["340 ms", "2.4 s", "3 min 05 s", "1 h 12 min"]
    assert [words.share(s) for s in (0.0, 0.034, 0.5, 0.0001)] == ["0 %", "3.4 %", "50 %", "< 0.1 %"]
    assert words.span(0.943, 1.0) == "0.943 to 1.000"
    assert words.span(0.0, 0.008) == "0.000 to 0.008"
    assert words.listed(["a", "b", "c"]) == "a, b and c"

"""The confusion matrix as a heat map: shade is the share of the actual class, text is the count."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from modelwright.documents.pictures.canvas import CHARACTER, FONT, Canvas, fits
from modelwright.documents.words import share

SIDE = 380.0
LARGEST = 12


def confusion(classes: Sequence[str], counts: Sequence[Sequence[float]]) -> Markup:
    """Rows are what was, columns what was said. Beyond 12 classes the picture would be unreadable: none is drawn."""
    n = len(classes)
    if not 2 <= n <= LARGEST or len(counts) != n or any(len(row) != n for row in counts):
        return Markup("")
    left = 36 + min(70.0, max(len(name) for name in classes) * FONT * CHARACTER)
    top = 14.0
    cell = (SIDE - left - 8) / n
    row = 250.0 / n
    canvas = Canvas(SIDE, top + row * n + 56, "Confusion matrix: actual class by predicted class")
    for i, actual in enumerate(classes):
        total = sum(counts[i]) or 1
        canvas.text(left - 8, top + row * (i + 0.5) + 4, fits(actual, left - 30), "t", anchor="end", tip=actual)
        for j, predicted in enumerate(classes):
            place = (left + cell * j, top + row * i)
            tip = f"actual {actual}, predicted {predicted}: {counts[i][j]:,.0f} ({share(counts[i][j] / total)})"
            _cell(canvas, place, (cell, row), (counts[i][j], counts[i][j] / total, i == j, n), tip)
    for j, predicted in enumerate(classes):
        words = fits(predicted, cell - 4)
        canvas.text(left + cell * (j + 0.5), top + row * n + 17, words, "t", anchor="middle", tip=predicted)
    canvas.text(left + cell * n / 2, top + row * n + 40, "predicted", "t q", anchor="middle")
    canvas.text(10.0, top + row * n / 2, "actual", "t q", anchor="middle", rotate=-90.0)
    return canvas.svg()


def _cell(
    canvas: Canvas,
    place: tuple[float, float],
    size: tuple[float, float],
    what: tuple[float, float, bool, int],
    tip: str,
) -> None:
    count, part, right, n = what
    shade = round(0.06 + 0.84 * part, 2)
    css = "fill s1" if right else "fill s2"
    canvas.rect(place[0] + 1, place[1] + 1, (size[0] - 2, size[1] - 2), css, fill_opacity=str(shade), rx=3, tip=tip)
    x, y = place[0] + size[0] / 2, place[1] + size[1] / 2
    ink = "t on-fill" if part > 0.55 else "t"
    large = n <= 4
    canvas.text(x, y + (0 if large else 4), f"{count:,.0f}", f"{ink} {'big' if large else 'n'}", anchor="middle")
    if large:
        canvas.text(x, y + 18, share(part), ink, anchor="middle")

"""Our own small drawings: plain data in, accessible SVG out. No plotting library, no scripts, no fonts."""

from modelwright.documents.pictures.bands import SMALL, Band, bands, levels
from modelwright.documents.pictures.curves import Bin, calibration, lines, precision_recall, roc
from modelwright.documents.pictures.dots import Dot, Plot, Row, dots
from modelwright.documents.pictures.histograms import histogram, overlaid
from modelwright.documents.pictures.matrix import confusion
from modelwright.documents.pictures.points import predicted_vs_actual, residuals, search_slice, trials
from modelwright.documents.pictures.strips import Part, bars, proportions, small_bars, timeline

__all__ = [
    "SMALL",
    "Band",
    "Bin",
    "Dot",
    "Part",
    "Plot",
    "Row",
    "bands",
    "bars",
    "calibration",
    "confusion",
    "dots",
    "histogram",
    "levels",
    "lines",
    "overlaid",
    "precision_recall",
    "predicted_vs_actual",
    "proportions",
    "residuals",
    "roc",
    "search_slice",
    "small_bars",
    "timeline",
    "trials",
]

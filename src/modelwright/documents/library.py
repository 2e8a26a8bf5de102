"""Every document of a run by its name. Each is a pure function of the record: written again, it says the same."""

from __future__ import annotations

from collections.abc import Callable

from modelwright.core.run import RunRecord
from modelwright.documents import assessment, card, data_sheet, experiment, model_review, pipeline_design, report

#: name -> (file name, how it is written)
DOCUMENTS: dict[str, tuple[str, Callable[[RunRecord], str]]] = {
    "report": ("report.md", report.markdown),
    "page": ("report.html", report.html),
    "model_card": ("card.md", card.markdown),
    "model_review": ("review.md", model_review.markdown),
    "data_sheet": ("data_sheet.md", data_sheet.markdown),
    "pipeline_design": ("pipeline_design.md", pipeline_design.markdown),
    "experiment": ("experiment.md", experiment.markdown),
    "assessment": ("assessment.md", assessment.markdown),
}


def written(record: RunRecord, kind: str = "all") -> dict[str, str]:
    """File name -> text, of one document or of all."""
    names = DOCUMENTS if kind == "all" else (kind,)
    return {DOCUMENTS[name][0]: DOCUMENTS[name][1](record) for name in names}

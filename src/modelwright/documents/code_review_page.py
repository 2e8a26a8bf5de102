"""A review of code as one page that holds everything it needs."""

from __future__ import annotations

import re
from typing import Any

from modelwright.documents.code_review_parts import Result, by_file, not_judged, tally
from modelwright.documents.page import render

#: what HTML does not allow; the reviewed files may hold it
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_MOST = 2_000  # findings that are shown; a longer page does not help anybody
_ICONS = {"APPROVE": "good", "CONDITIONAL": "warn", "NEEDS REWORK": "bad"}


def page(result: Result) -> str:
    """The page as text; the same result gives the same bytes."""
    shown = result["findings"][:_MOST]
    told = {each["path"]: each for each in result["files"]["read"]}
    files = [{"path": path, "found": found, **_about(told.get(path, {}))} for path, found in by_file(shown)]
    open_ = not_judged(result)
    answered = [each for each in result["ignored"] if each["by"] == "comment"]
    sections = [("overview", "Verdict")]
    sections += [("findings", "Findings")] if files else []
    sections += [("open", "Not judged")] if open_ else []
    sections += [("answered", "Answered for")] if answered else []
    sections += [("files", "Files")]
    body = render(
        "code_review.html.j2",
        {
            "sections": sections,
            "result": result,
            "tone": _ICONS[result["verdict"]],
            "tally": tally(result),
            "files": files,
            "more": len(result["findings"]) - len(shown),
            "open": open_,
            "answered": answered,
            "known": len(result["ignored"]) - len(answered),
        },
    )
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", body)


def _about(told: dict[str, Any]) -> dict[str, Any]:
    return {"role": told.get("role", ""), "verdict": told.get("verdict", "")}

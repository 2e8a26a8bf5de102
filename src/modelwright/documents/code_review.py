"""A review of code as text, Markdown, annotations, SARIF or a page: every form is made from the `--json` result."""

from __future__ import annotations

import json

from modelwright.documents.code_review_parts import Result, by_file, not_judged, tally, where

FORMATS = ("text", "sarif", "github", "markdown", "html")
#: what a file name's ending says when no format was asked for
ENDINGS = {
    ".sarif": "sarif", ".html": "html", ".htm": "html", ".md": "markdown", ".markdown": "markdown",
    ".txt": "text", ".json": "json",
}  # fmt: skip
_ANNOTATIONS_SHOWN = 50  # GitHub shows ten of a kind in a step and fifty in a job
_MARKDOWN_ROWS = 200  # a job summary may hold 1 MiB


def render(result: Result, form: str) -> str:
    """The whole document. `json` is the result as it stands."""
    if form == "sarif":
        from modelwright.documents.code_review_sarif import sarif

        return json.dumps(sarif(result), indent=1, ensure_ascii=True, sort_keys=True) + "\n"
    if form == "html":
        from modelwright.documents.code_review_page import page

        return page(result)
    if form == "github":
        return github(result)
    if form == "markdown":
        return markdown(result)
    if form == "json":
        return json.dumps(result, indent=1, ensure_ascii=True) + "\n"
    from modelwright.documents.code_review_text import text

    return text(result)


def github(result: Result) -> str:
    """Workflow commands: annotations of a pull request without any upload."""
    levels = {"critical": "error", "high": "error", "medium": "warning", "low": "notice", "info": "notice"}
    lines = []
    for each in result["findings"][:_ANNOTATIONS_SHOWN]:
        seen = each["evidence"]
        place = f"file={_property(seen['path'])},line={seen['file_line']}"
        if seen["cell"] is None:
            place += f",col={seen['column']}"
        title = _property(f"{each['code']} {seen['name']}")
        steps = "".join(f"\n{step['subject']}: {step['text']}" for step in seen["steps"])
        body = _data(f"{each['message']}{steps}\nFix: {each['advice']}")
        lines.append(f"::{levels[each['severity']]} {place},title={title}::{body}")
    rest = len(result["findings"]) - _ANNOTATIONS_SHOWN
    if rest > 0:
        lines.append(f"::notice title=modelwright::{rest} more findings are in the report")
    lines.append(f"{result['verdict']}: {tally(result)}")
    return "\n".join(lines) + "\n"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def markdown(result: Result) -> str:
    """A summary for a pull request or a job's page."""
    from modelwright.documents.markdown import bullets, code, document, safe, section, table

    rows, details = [], []
    for path, found in by_file(result["findings"]):
        for each in found:
            seen = each["evidence"]
            place = code(f"{path}:{where(seen)}")
            rows.append((each["severity"], f"{code(each['code'])} {safe(seen['name'])}", place, safe(each["message"])))
            if seen["steps"] and each["severity"] in ("critical", "high", "medium"):
                steps = [f"{code(step['subject'])} {safe(step['text'])}" for step in seen["steps"]]
                details.append(f"**{safe(each['code'])}** {place}: {safe(each['advice'])}\n\n" + bullets(steps))
    more = len(rows) - _MARKDOWN_ROWS
    return document(
        [
            f"# Code review: {result['verdict']}",
            tally(result) + ".",
            bullets(safe(reason) for reason in result["reasons"]),
            *section("Findings", table(("severity", "rule", "where", "what"), rows[:_MARKDOWN_ROWS])),
            f"and {more} more" if more > 0 else "",
            *section("The way of each leak", *details[:_MARKDOWN_ROWS]),
            *section(
                "Not judged",
                bullets(f"{code(each['subject'])} {safe(each['message'])}" for each in not_judged(result)),
            ),
            *section(
                "Answered for",
                bullets(
                    f"{code(each['code'])} {code(each['subject'])} {safe(each['reason'])}"
                    for each in result["ignored"]
                    if each["by"] == "comment"
                ),
            ),
        ]
    )

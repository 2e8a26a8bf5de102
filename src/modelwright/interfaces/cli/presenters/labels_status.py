"""How complete a model's labels are, and what they say."""

from __future__ import annotations

from typing import Any

from modelwright.interfaces.cli.page import Page, interval, text


def present(result: Any, page: Page) -> None:
    said = f", {result['said']}" if result.get("said") else ""
    page.line(
        f"{text(result.get('labelled'))} of {text(result.get('predictions'))} predictions have a label{said}.", "bold"
    )
    page.fields(
        {
            str(result.get("metric")): interval(result.get("estimate")) if result.get("estimate") else None,
            "weighted for missing labels": interval(result.get("weighted")) if result.get("weighted") else None,
            "half of them within (s)": (result.get("delay_s") or {}).get("50%"),
            "90 % within (s)": (result.get("delay_s") or {}).get("90%"),
            "of no known prediction": result.get("unknown") or None,
        }
    )
    guess = result.get("expected_without_labels")
    if guess:
        page.line(f"  accuracy expected of rows without labels: {interval(guess)} ({text(guess.get('limit'))})")
    for finding in result.get("findings") or []:
        page.line(f"  {text(finding.get('message'))}", "red")
    if result.get("audits"):
        page.heading("Audits")
        page.table(
            ("audit", "drawn", "labelled", "alarm", "error rate"),
            [
                (one.get("audit"), one.get("drawn"), one.get("labelled"), *_result(one.get("result")))
                for one in result["audits"]
            ],
        )


def _result(found: Any) -> tuple[Any, Any]:
    return ("-", "-") if not found else (found.get("alarm"), interval(found.get("estimate")))

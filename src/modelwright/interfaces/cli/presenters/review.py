"""A review: what a person must decide, the verdict, what to do, the checklist with its evidence, the findings."""

from __future__ import annotations

from typing import Any

from modelwright.interfaces.cli.page import Page


def present(result: Any, page: Page) -> None:
    verdict = result.get("verdict") or result.get("decision") or {}
    inner = verdict if isinstance(verdict, dict) else result
    decision = inner.get("decision") if isinstance(verdict, dict) else verdict
    escalation(inner, page)
    page.verdict(str(decision or "no verdict"), inner.get("confidence"), inner.get("reasons") or [])
    recommendations(inner, page, limit=8)
    conditions = inner.get("conditions") or []
    if conditions:
        page.heading("To clear the conditions")
        for condition in conditions:
            page.line(f"  - {condition}")
    since(inner, page)
    checklist = result.get("checklist") or inner.get("checklist") or []
    if checklist:
        page.heading("Checklist")
        page.table(
            ("question", "answer", "evidence"),
            [(item.get("question"), item.get("answer"), item.get("evidence")) for item in checklist],
        )
    page.heading("Findings")
    page.findings(result.get("findings") or inner.get("findings") or [], limit=20)
    paths = result.get("paths") or {}
    if paths:
        page.heading("Where")
        page.fields(paths)


def escalation(result: Any, page: Page) -> None:
    """Before anything else: what no program may decide."""
    for each in result.get("escalation") or []:
        page.heading(f"A person must decide: {each.get('question')}")
        page.line(f"  {each.get('why')}")
        for option in each.get("options") or []:
            page.line(f"  - {option}")
        page.line()


def recommendations(result: Any, page: Page, limit: int) -> None:
    found = result.get("recommendations") or []
    if not found:
        return
    page.heading("What to do, most urgent first")
    page.table(
        ("", "effort", "do", "expect"),
        [(each.get("priority"), each.get("effort"), each.get("text"), each.get("impact")) for each in found[:limit]],
    )
    if len(found) > limit:
        page.line(f"  and {len(found) - limit} more (--json lists them)", "dim")


def since(result: Any, page: Page) -> None:
    """What became of the conditions of the former version."""
    told = result.get("since") or {}
    if not told or not any(told.get(name) for name in ("cleared", "still_open", "not_judged")):
        return
    former = f"version {told['version']}" if told.get("version") else f"run {told.get('run_id')}"
    for name, words in (
        ("cleared", "Cleared"),
        ("still_open", "Still open"),
        ("not_judged", "Could not be judged again"),
    ):
        if told.get(name):
            page.heading(f"{words} since {former}")
            for each in told[name]:
                page.line(f"  - {each.get('code')}, {each.get('subject')}: {each.get('text')}")

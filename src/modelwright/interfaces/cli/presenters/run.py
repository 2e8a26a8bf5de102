"""A finished run: the verdict, the model against its baseline and goal, the findings, where to look next."""

from __future__ import annotations

from typing import Any

from modelwright.interfaces.cli.page import Page, interval, number
from modelwright.interfaces.cli.presenters import review


def present(result: Any, page: Page) -> None:
    if result.get("verdict") is None:
        page.line(f"Run {result.get('run_id', '')} ended as {result.get('status', 'unknown')}: there is no verdict.")
    else:
        review.escalation(result, page)
        page.verdict(result["verdict"], result.get("confidence"), result.get("reasons") or [])
    page.fields(_figures(result))
    review.recommendations(result, page, limit=4)
    conditions = result.get("conditions") or []
    if conditions:
        page.heading("To clear the conditions")
        for condition in conditions:
            page.line(f"  - {condition}")
    review.since(result, page)
    page.heading("Findings")
    page.findings(result.get("findings") or [])
    page.heading("Steps")
    for step in result.get("steps") or []:
        word = "reused" if step.get("reused") else f"{step.get('seconds', 0):.1f} s"
        page.line(f"  {step.get('name', ''):<12} {word:>8}  {step.get('reason', '')}", "dim")
    paths = result.get("paths") or {}
    page.heading("Where")
    page.fields({name: paths.get(name) for name in ("report", "bundle", "run")})
    for note in result.get("notes") or []:
        page.line(f"  note: {note}", "dim")
    _next(result, page)


def _figures(result: dict[str, Any]) -> dict[str, Any]:
    metric = result.get("metric") or ""
    metrics = result.get("metrics") or {}
    split = next((name for name in ("test", "val", "train") if metric in (metrics.get(name) or {})), None)
    baseline, goal = result.get("baseline"), result.get("goal")
    chosen = result.get("chosen") or {}
    timings = result.get("timings_s") or {}
    return {
        "model": chosen.get("family"),
        f"{metric} on {split}": interval(metrics[split][metric]) if split else None,
        f"baseline ({baseline.get('name', 'best')})" if baseline else "baseline": interval(baseline)
        if baseline
        else None,
        "goal": number(float(goal)) if goal is not None else None,
        "looks at the test rows": result.get("looks"),
        "version": f"{result.get('name')} {result['version']}" if result.get("version") else None,
        "time": f"{timings['total']:.1f} s" if timings.get("total") is not None else None,
    }


def _next(result: dict[str, Any], page: Page) -> None:
    run_id = result.get("run_id", "latest")
    if result.get("next"):
        suggestion = result["next"]
    elif result.get("verdict") == "NEEDS REWORK":
        suggestion = f"modelwright review model {run_id}"
    elif (result.get("paths") or {}).get("bundle"):
        suggestion = f"modelwright predict {result['paths']['bundle']} DATA -o predictions.csv"
    else:
        suggestion = f"modelwright runs show {run_id}"
    page.heading(f"next: {suggestion}")

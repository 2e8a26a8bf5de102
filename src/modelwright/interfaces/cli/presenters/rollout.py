"""A rollout: its state in one line, who answers, what the rules see."""

from __future__ import annotations

from typing import Any

from modelwright.interfaces.cli.page import Page, text, when

_DONE = {"aborted": "red", "finished": "green", "superseded": "yellow", "held": "yellow"}


def present(result: Any, page: Page) -> None:
    to = ", ".join(map(str, result.get("to") or ()))
    state = result.get("state")
    page.line(f"{result.get('id')}: {result.get('strategy')} from version {result.get('from')} to {to}, {state}",
              _DONE.get(str(state), "bold"))  # fmt: skip
    steps = result.get("steps") or []
    page.fields(
        {
            "step": f"{result.get('step')} of {len(steps)} ({', '.join(f'{share:g} %' for share in steps)})",
            "answers": ", ".join(
                f"version {arm['version']} {arm['share']:.1%}" for arm in result.get("arms") or [] if arm["share"]
            ),
            "began": f"{when(result.get('started_at'))} by {result.get('started_by')}",
            "ended": when(result.get("ended_at")) if result.get("ended_at") else None,
            "champion": result.get("champion"),
            "why": result.get("reason"),
            "driver": result.get("driver"),
        }
    )
    _present_now(result, page)
    for finding in result.get("findings") or []:
        page.line(f"  {finding['message']}", "yellow")
    for look in result.get("looks") or []:
        page.line(f"  look {look.get('number')}: {look.get('said')}")
    if result.get("report"):
        page.heading("Report")
        page.fields({name: text(value) for name, value in result["report"].items() if not isinstance(value, list)})
    if state == "running":
        page.line(f"Drive it with `modelwright rollout drive {result.get('name')}`, "
                  f"end it with `modelwright rollout abort {result.get('name')}`.", "dim")  # fmt: skip


def _present_now(result: Any, page: Page) -> None:
    now = result.get("now")
    if not now:
        return
    page.line(f"  now: {now.get('do')}: {now.get('reason')}")
    page.table(
        ("rule", "version", "says", "value", "champion", "rows", "p", "stops at"),
        [
            (one["rule"], one["version"], one["state"], one.get("value"), one.get("champion"), one.get("rows"),
             one.get("p_value"), one.get("needs"))
            for one in now.get("judged") or []
        ],
        empty="no stop rules",
    )  # fmt: skip

"""Everything that happened to a model, oldest first."""

from __future__ import annotations

from typing import Any

from modelwright.interfaces.cli.page import Page, digest, text, when


def present(result: Any, page: Page) -> None:
    if "at" in result:
        _present_moment(result, page)
        return
    page.table(
        ("when", "who", "what", "details"),
        [
            (when(event.get("at")), event.get("actor"), event.get("kind"), _details(event.get("payload") or {}))
            for event in result.get("events") or []
        ],
    )


def _present_moment(result: Any, page: Page) -> None:
    champion = result.get("champion")
    if champion is None:
        page.line(str(result.get("said")), "bold")
    else:
        page.line(f"{result.get('name')} at {when(result.get('at'))}: version {champion['version']}", "bold")
        page.fields(
            {
                "verdict": champion.get("verdict"),
                "conditions": champion.get("conditions"),
                "override": champion.get("override"),
                "data": champion.get("data_digest"),
                "promoted": f"{when(champion.get('promoted_at'))} by {champion.get('promoted_by')}",
                "by way of": champion.get("promoted_how"),
                "why": champion.get("reason"),
                "before": champion.get("before"),
                "bundle": champion.get("bundle_digest"),
                "run": champion.get("run_id"),
            }
        )
    rollout = result.get("rollout")
    if rollout:
        arms = ", ".join(f"version {arm['version']} {arm['share']:.0%}" for arm in rollout["arms"])
        page.line(f"  rollout {rollout['id']} ({rollout['strategy']}, {rollout['state']}): {arms}")


def _details(payload: dict[str, Any]) -> str:
    short = {key: value for key, value in payload.items() if not isinstance(value, (dict, list))}
    return text({_word(key): digest(value) if key.endswith("digest") else str(value) for key, value in short.items()})


def _word(key: str) -> str:
    return key.removesuffix("_id").replace("_", " ")

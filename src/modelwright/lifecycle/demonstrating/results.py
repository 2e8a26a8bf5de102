"""The demo's result: stages, counts, the events of the journal and the commands to try next."""

from __future__ import annotations

import resource
from typing import Any

import msgspec

from modelwright.lifecycle.demonstrating.looks import NAME
from modelwright.lifecycle.demonstrating.scene import Loop

#: what was to be shown, in order
STAGES = ("champion", "serve", "drift", "challenger", "canary", "bad challenger", "rollback")
_TOLD = ("alias.set", "rollout.started", "rollout.stepped", "rollout.aborted", "rollout.finished", "alert.opened",
         "retraining.started", "retraining.finished", "rollback.started", "rollback.finished")  # fmt: skip
_FACTS = ("version", "alias", "reason", "rule", "share", "outcome", "from", "to", "champion", "seconds", "about",
          "message")  # fmt: skip


def result_of(loop: Loop, kept: str | None) -> dict[str, Any]:
    story, parts, traffic = loop.story, loop.parts, loop.traffic
    stages = [stage.as_dict() for stage in story.stages]
    shown = [stage.name for stage in story.stages if stage.shown]
    missing = [name for name in STAGES if name not in shown]
    reasons = [stage.reason for stage in story.stages if stage.reason]
    return {
        "ok": not missing,
        "missing": missing,
        "why": reasons[-1] if reasons else "",
        "seconds": round(story.elapsed_s, 1),
        "cpu_s": _cpu_s(),
        "budget_s": story.budget_s,
        "table": {
            "source": parts.source, "target": parts.target, "rows": parts.rows, "base": parts.base.height,
            "quiet": parts.quiet.height, "learn": parts.learn.height, "fresh": parts.fresh.height,
        },
        "drift": {"columns": list(parts.drift.columns), "classes": [list(pair) for pair in parts.drift.classes],
                  "where": parts.drift.where},
        "requests": 0 if traffic is None else traffic.requests,
        "failed": 0 if traffic is None else traffic.failed,
        "labels": {"told": 0 if traffic is None else traffic.labels_told,
                   "failed": 0 if traffic is None else traffic.labels_failed},
        "traffic": {} if traffic is None else {part: tally.as_dict() for part, tally in traffic.parts.items()},
        "stages": stages,
        "story": story.lines,
        "journal": _events(loop),
        "next": _next(loop, kept),
        "paths": {} if kept is None else {"folder": str(loop.wanted.folder)},
    }  # fmt: skip


def _cpu_s() -> float:
    """Of this process and of every child that has ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return round(sum(one.ru_utime + one.ru_stime for one in used), 1)


def _events(loop: Loop) -> list[dict[str, Any]]:
    """What the journal keeps of it: the moves, each with its time and who made it."""
    found = []
    for event in loop.space.journal().read():
        if event.kind in _TOLD or event.kind.startswith("rollback"):
            payload = msgspec.to_builtins(event.payload)
            kept = {name: payload[name] for name in _FACTS if payload.get(name) not in (None, "")}
            found.append({"at": event.at, "kind": event.kind, "by": event.actor, "what": kept})
    return found


def _next(loop: Loop, kept: str | None) -> list[dict[str, str]]:
    if kept is None:
        return [{"command": "modelwright demo loop --keep loop", "why": "the same, and keep everything to look at"}]
    at = f"--workspace {loop.context.workspace}"
    return [
        {"command": f"modelwright models history {NAME} {at}", "why": "who was live when, and who moved it"},
        {"command": f"modelwright drift {NAME}:1 log:{NAME}:1 --window 100 {at}", "why": "the drift, column by column"},
        {"command": f"modelwright rollout list {at}", "why": "both canaries, and the rule that stopped one"},
        {"command": f"modelwright alerts list {NAME} {at}", "why": "what the watcher told"},
        {"command": f"modelwright log status {at}", "why": "how the prediction log stands"},
        {"command": f"modelwright serve {NAME} {at}", "why": "serve the champion again"},
    ]

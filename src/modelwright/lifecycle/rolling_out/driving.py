"""Look at the log, decide, append: one tick of a rollout, and the loop that makes ticks until it is over.

A tick keeps nothing: everything it needs is in the journal and the log, so a driver may be killed at any moment and
another one goes on. `tick` is what `watch` calls.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from modelwright.core.clock import Clock, SystemClock
from modelwright.core.errors import StateError
from modelwright.core.ports import Journal
from modelwright.lifecycle.rolling_out import evidence as reading
from modelwright.lifecycle.workspace import Workspace
from modelwright.registry import rollout_rules, rollouts
from modelwright.registry.rollout_rules import Evidence, Move
from modelwright.registry.rollout_state import Rollout

_ACTOR = "rollout"
_CHANGED = 0.02  # a bandit's weights are set anew when one moved by more


class Tick(msgspec.Struct, frozen=True, kw_only=True):
    """What one look led to."""

    rollout: Rollout
    move: Move


def driver_name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def claim(workspace: Workspace, name: str) -> int:
    """Become the driver of the rollout that goes on; returns the fencing token."""
    return rollouts.claim(workspace.journal(), name, driver_name()).token


def tick(workspace: Workspace, name: str, token: int, *, clock: Clock | None = None) -> Tick:
    """One look. Raises StateError (`rollout.fenced`, `rollout.none`) and AdapterError (`log.damaged`).

    A move that is refused because the rollout has moved on, or because somebody promoted a rival, is no move: the
    next tick looks again.
    """
    journal = workspace.journal()
    rollout = rollouts.active(journal, name)
    refused = rollouts.refusals(list(journal.read()), rollout)
    found = reading.gather(workspace.root, rollout, refused)
    return decide_and_move(workspace, journal, rollout, found, token, (clock or SystemClock()).now())


def decide_and_move(
    workspace: Workspace,
    journal: Journal,
    rollout: Rollout,
    found: Evidence,
    token: int,
    now: datetime,
    compare: Callable[[Rollout], Any] | None = None,
) -> Tick:
    """The same for a live log and for a rehearsed one. `compare` makes the report that a shadow ends with."""
    move = rollout_rules.decide(rollout, found, now)
    try:
        if move.do == "finish":
            after = _finished(workspace, journal, rollout, found, token, move, compare)
        else:
            after = _moved(journal, rollout, found, token, move, now)
    except StateError as error:
        if error.code not in ("rollout.moved", "journal.lost_race"):
            raise
        after = rollout
    return Tick(rollout=after, move=move)


def _kept(rollout: Rollout, found: Evidence, move: Move) -> dict[str, Any]:
    return {"numbers": rollout_rules.summary(found, rollout.plan), "judged": msgspec.to_builtins(move.judged)}


def _moved(journal: Journal, rollout: Rollout, found: Evidence, token: int, move: Move, now: datetime) -> Rollout:
    kept = _kept(rollout, found, move)
    match move.do:
        case "step":
            return rollouts.step(journal, rollout, token, kept)
        case "hold":
            return rollouts.hold(journal, rollout, token, move.reason)
        case "abort":
            return rollouts.abort(
                journal, rollout.name, reason=move.reason, rule=move.rule, evidence=kept, token=token, at=rollout
            )
    if rollout.state == "running" and rollout.plan.strategy == "bandit":
        return _weighed(journal, rollout, found, token, now)
    if rollout.state == "running" and rollout.plan.strategy == "ab":
        from modelwright.lifecycle.rolling_out.experiment import looked

        return looked(journal, rollout, found, token)
    return rollout


def _finished(
    workspace: Workspace,
    journal: Journal,
    rollout: Rollout,
    found: Evidence,
    token: int,
    move: Move,
    compare: Callable[[Rollout], Any] | None,
) -> Rollout:
    """A gate that says no at the end (deleted, quarantined, bundle gone) holds the rollout; the champion answers on."""
    kept = _kept(rollout, found, move)
    champion = None if rollout.plan.strategy == "shadow" else rollout.plan.to[0]
    if champion is None:
        from modelwright.lifecycle.rolling_out.shadow import compared

        kept["report"] = compared(workspace.root, rollout) if compare is None else compare(rollout)
    try:
        return rollouts.finish(
            journal, workspace.root, rollout.name, champion=champion, reason=move.reason, actor=_ACTOR, evidence=kept,
            token=token, at=rollout,
        )  # fmt: skip
    except StateError as error:
        if error.code.partition(".")[0] not in ("version", "bundle", "promotion"):
            raise
        return rollouts.hold(journal, rollout, token, f"it cannot become champion: {error.message}")


def _weighed(journal: Journal, rollout: Rollout, found: Evidence, token: int, now: datetime) -> Rollout:
    """At most once in the time of a step: each change is an event."""
    from modelwright.lifecycle.rolling_out.bandit import new_weights

    last = datetime.fromisoformat(rollout.weighed_at or rollout.started_at)
    if rollout.weighed_at and (now - last).total_seconds() < rollout.plan.hold_s:
        return rollout
    weights = new_weights(rollout, found)
    if weights is None or all(abs(weights[one] - rollout.weights[one]) <= _CHANGED for one in weights):
        return rollout
    return rollouts.weigh(journal, rollout, token, weights, rollout_rules.summary(found, rollout.plan))


def drive(
    workspace: Workspace,
    name: str,
    *,
    every_s: float = 2.0,
    clock: Clock | None = None,
    told: Callable[[Tick], None] = lambda _tick: None,
    stop: threading.Event | None = None,
    once: bool = False,
) -> Rollout:
    """Tick until it is over or somebody else drives (StateError, `rollout.fenced`). One that is held goes on being
    watched: its stop rules still hold, and a person may resume it."""
    stop = stop or threading.Event()
    token = claim(workspace, name)
    while True:
        found = tick(workspace, name, token, clock=clock)
        told(found)
        if once or not found.rollout.active or stop.wait(every_s):
            return found.rollout

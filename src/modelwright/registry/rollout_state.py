"""What a rollout is and how its events fold: the present of every rollout is derived from the journal.

Events, all with the subject `model:<name>` and the rollout's `id` in the payload: `rollout.started` (the plan),
`rollout.claimed` (a driver; the event's number is its fencing token), `rollout.stepped`, `rollout.weighed`,
`rollout.looked`, `rollout.held`, `rollout.resumed`, and one of `rollout.aborted` and `rollout.finished`. Each move is
one event: routes and the champion follow from it, so that no crash can leave them apart.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from modelwright.core.nouns import Event

STARTED, CLAIMED, STEPPED, WEIGHED = "rollout.started", "rollout.claimed", "rollout.stepped", "rollout.weighed"
LOOKED, HELD, RESUMED = "rollout.looked", "rollout.held", "rollout.resumed"
ABORTED, FINISHED = "rollout.aborted", "rollout.finished"
KINDS = (STARTED, CLAIMED, STEPPED, WEIGHED, LOOKED, HELD, RESUMED, ABORTED, FINISHED)
#: those after which other versions may have to answer
ROUTING = (STARTED, STEPPED, WEIGHED, ABORTED, FINISHED)
ALIASED = "alias.set"

Strategy = Literal["blue_green", "canary", "shadow", "bandit", "ab"]
Policy = Literal["thompson", "ucb", "epsilon"]


class StopRule(msgspec.Struct, frozen=True, kw_only=True):
    """Stop when the metric is shown to be beyond the limit. `over_champion`: beyond the champion's by so much."""

    metric: str
    sign: Literal[">", "<"]
    limit: float  # milliseconds for latencies
    over_champion: bool = False
    text: str = ""  # as it was written


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What was declared at the start; it never changes."""

    strategy: Strategy
    base: int  # the champion at the start
    to: tuple[int, ...]
    steps: tuple[float, ...]  # shares of the requests, 0 to 1
    hold_s: float = 600.0
    min_rows: int = 100  # requests of the challenger in a step before anything is decided
    stops: tuple[StopRule, ...] = ()
    false_stop: float = 0.01  # probability that any rule ever stops a challenger that keeps all limits
    deadline_s: float = 86_400.0  # of a step
    on_deadline: Literal["hold", "abort"] = "hold"
    policy: Policy = "thompson"
    epsilon: float = 0.1
    reward: str = "correct"  # correct | label
    planned_rows: int = 10_000  # labelled rows of an A/B test in both arms together
    looks: int = 5
    alpha: float = 0.05  # two-sided, of an A/B test


class Rollout(msgspec.Struct, frozen=True, kw_only=True):
    """One rollout as its events have left it."""

    id: str
    name: str
    plan: Plan
    started_at: str
    by: str
    state: Literal["running", "held", "aborted", "finished", "superseded"] = "running"
    step: int = 0
    step_at: str = ""
    due_at: str = ""  # from when the deadline of the step counts
    weights: dict[int, float] = {}  # of a bandit's arms
    weighed_at: str = ""
    looks: tuple[dict[str, Any], ...] = ()
    token: int = 0
    holder: str = ""
    ended_at: str = ""
    reason: str = ""
    rule: str = ""
    evidence: Any = None
    champion: int | None = None  # whom the end made champion

    @property
    def active(self) -> bool:
        return self.state in ("running", "held")

    @property
    def share(self) -> float:
        """Of the requests, for the challengers."""
        if self.plan.strategy == "bandit":
            return 1.0 - self.weights.get(self.plan.base, 0.0)
        return self.plan.steps[self.step]

    @property
    def versions(self) -> tuple[int, ...]:
        return (self.plan.base, *self.plan.to)

    def arms(self) -> list[tuple[int, float, str]]:
        """Version, weight and label of each; none once it has ended. The champion stays loaded at weight 0."""
        if not self.active:
            return []
        plan = self.plan
        if plan.strategy == "shadow":
            return [(plan.base, 1.0, "champion")]
        if plan.strategy == "bandit":
            return [(version, self.weights[version], "bandit") for version in self.versions]
        label = "challenger" if plan.strategy == "ab" else "canary"
        each = self.share / len(plan.to)
        # the champion first: a key that was with the challenger stays there as its share grows
        return [(plan.base, 1.0 - self.share, "champion"), *((version, each, label) for version in plan.to)]


def fold(events: Iterable[Event]) -> list[Rollout]:
    """Every rollout, oldest first."""
    rollouts: dict[str, Rollout] = {}
    active: dict[str, str] = {}
    for event in events:
        name = event.subject.removeprefix("model:")
        current = rollouts.get(active.get(name, ""))
        if event.kind == STARTED and current is None:
            begun = _begun(event, name)
            rollouts[begun.id], active[name] = begun, begun.id
        elif event.kind == ALIASED and current is not None and event.payload["alias"] == "champion":
            # somebody has moved the champion by hand, in an emergency: what a person says goes
            rollouts[current.id] = _ended(current, event, "superseded")
        elif event.kind in KINDS and current is not None and event.payload.get("id") == current.id:
            rollouts[current.id] = _after(current, event)
        if current is not None and not rollouts[current.id].active:
            del active[name]
    return list(rollouts.values())


def active_of(events: Iterable[Event], name: str) -> Rollout | None:
    return next((one for one in reversed(fold(events)) if one.name == name and one.active), None)


def _begun(event: Event, name: str) -> Rollout:
    plan = msgspec.convert(event.payload["plan"], Plan)
    weights = {} if plan.strategy != "bandit" else dict.fromkeys((plan.base, *plan.to), 1.0 / (1 + len(plan.to)))
    return Rollout(
        id=event.payload["id"], name=name, plan=plan, started_at=event.at, step_at=event.at, due_at=event.at,
        by=event.actor, weights=weights,
    )  # fmt: skip


def _after(now: Rollout, event: Event) -> Rollout:
    payload, replaced = event.payload, msgspec.structs.replace
    match event.kind:
        case "rollout.claimed":
            return replaced(now, token=event.sequence, holder=payload["holder"])
        case "rollout.stepped":
            return replaced(now, state="running", step=payload["step"], step_at=event.at, due_at=event.at, reason="")
        case "rollout.weighed":
            weights = {int(version): weight for version, weight in payload["weights"].items()}
            return replaced(now, weights=weights, weighed_at=event.at)
        case "rollout.looked":
            return replaced(now, looks=(*now.looks, payload["look"]))
        case "rollout.held":
            return replaced(now, state="held", reason=payload["reason"])
        case "rollout.resumed":
            return replaced(now, state="running", due_at=event.at, reason="")
        case "rollout.aborted":
            return _ended(now, event, "aborted")
        case "rollout.finished":
            return _ended(now, event, "finished")
    return now


def _ended(now: Rollout, event: Event, state: Literal["aborted", "finished", "superseded"]) -> Rollout:
    payload = event.payload
    return msgspec.structs.replace(
        now,
        state=state,
        ended_at=event.at,
        reason=payload.get("reason", ""),
        rule=payload.get("rule", ""),
        evidence=payload.get("evidence"),
        champion=payload.get("champion") if state != "superseded" else payload["version"],
    )

"""Moves of a rollout: each looks at the journal once and appends one event if nobody else has written since.

A model has one rollout at a time. A driver claims it and gets a fencing token; whoever claims later drives, and the
former driver's moves are refused (`rollout.fenced`). What a person asks for needs no token.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from modelwright.core.errors import StateError
from modelwright.core.nouns import Decision, Event
from modelwright.core.ports import Journal
from modelwright.registry import promotion, rollout_state, routes, versions
from modelwright.registry.promotion import Promotion
from modelwright.registry.rollout_state import Plan, Rollout
from modelwright.registry.versions import Snapshot, retried

ANYBODY = 0  # a person: no token is asked for


def start(
    journal: Journal, root: Path, name: str, plan: Plan, *, actor: str, override: str | None = None, reason: str = ""
) -> Rollout:
    """Begin. Raises StateError (`rollout.running`, `rollout.route`, `rollout.versions`, what `promotion.promote` raises
    of the verdict and the bundle) and NotFoundError. A plan with base 0 takes the champion there is now."""

    def attempt(now: Snapshot) -> Rollout:
        running = rollout_state.active_of(now.events, name)
        if running is not None:
            raise promotion.busy(running)
        _check_route(now, name)
        whole = msgspec.structs.replace(plan, base=plan.base or _champion(now, name))
        answers = plan.strategy != "shadow"
        gates = [_checked(now, root, name, whole, one, actor, override, answers=answers) for one in whole.to]
        number = 1 + sum(one.name == name for one in rollout_state.fold(now.events))
        payload = {
            "id": f"{name}-{number}",
            "plan": msgspec.to_builtins(whole),
            "gates": gates,
            "reason": override or reason,
        }
        event = now.append(rollout_state.STARTED, f"model:{name}", payload, expected=now.last)
        return _present(now, event, name)

    return retried(journal, attempt)


def claim(journal: Journal, name: str, holder: str) -> Rollout:
    """Become its driver: the token of what is returned is mine, and every earlier one is worth nothing."""
    return _move(journal, name, rollout_state.CLAIMED, {"holder": holder}, ANYBODY)


def step(journal: Journal, rollout: Rollout, token: int, evidence: Any = None) -> Rollout:
    """Go to the next step. Does nothing where that step has been reached already."""
    payload = {"step": rollout.step + 1, "share": rollout.plan.steps[rollout.step + 1], "evidence": evidence}
    return _move(journal, rollout.name, rollout_state.STEPPED, payload, token, at=rollout)


def weigh(
    journal: Journal, rollout: Rollout, token: int, weights: Mapping[int, float], evidence: Any = None
) -> Rollout:
    payload = {"weights": {str(version): weight for version, weight in weights.items()}, "evidence": evidence}
    return _move(journal, rollout.name, rollout_state.WEIGHED, payload, token, at=rollout)


def look(journal: Journal, rollout: Rollout, token: int, what: Mapping[str, Any]) -> Rollout:
    """Note one interim look of an A/B test: the next one is judged knowing of it."""
    return _move(journal, rollout.name, rollout_state.LOOKED, {"look": dict(what)}, token, at=rollout)


def hold(journal: Journal, rollout: Rollout, token: int, reason: str) -> Rollout:
    return _move(journal, rollout.name, rollout_state.HELD, {"reason": reason}, token, at=rollout)


def resume(journal: Journal, name: str, reason: str = "") -> Rollout:
    """Go on with a held one; the deadline of its step begins again."""
    return _move(journal, name, rollout_state.RESUMED, {"reason": reason}, ANYBODY)


def skip(journal: Journal, name: str, reason: str = "") -> Rollout:
    """To the next step now, because a person says so. Raises StateError (`rollout.last_step`) where there is none."""
    now = active(journal, name)
    if now.step + 1 >= len(now.plan.steps):
        raise StateError(
            f"The rollout {now.id} is in its last step.",
            code="rollout.last_step",
            hint=f"`modelwright rollout promote {name}` makes the new version champion",
            subject=f"model:{name}",
        )
    return step(journal, now, ANYBODY, {"reason": reason})


def abort(
    journal: Journal, name: str, *, reason: str, rule: str = "", evidence: Any = None, token: int = ANYBODY,
    at: Rollout | None = None,
) -> Rollout:  # fmt: skip
    """All requests go to the champion again. Raises StateError (`rollout.none`)."""
    payload = {"reason": reason, "rule": rule, "evidence": evidence}
    return _move(journal, name, rollout_state.ABORTED, payload, token, at=at)


def finish(
    journal: Journal, root: Path, name: str, *, champion: int | None, reason: str, actor: str, evidence: Any = None,
    override: str | None = None, token: int = ANYBODY, at: Rollout | None = None,
) -> Rollout:  # fmt: skip
    """End it; `champion` becomes the champion with the same event, None leaves the one there is.

    The gate of a promotion is asked again: raises StateError as `promotion.promote` does.
    """

    def attempt(now: Snapshot) -> Rollout:
        rollout = _current(now, name, token, at)
        facts: dict[str, Any] = {}
        if champion is not None and champion != rollout.plan.base:
            if champion not in rollout.plan.to:
                raise StateError(
                    f"Version {champion} has no part in the rollout {rollout.id}.",
                    code="rollout.versions",
                    hint=f"it is about {', '.join(map(str, rollout.versions))}",
                    subject=f"model:{name}",
                )
            before = _override_of(now, rollout, champion)
            said, by = (override, actor) if override or before is None else before
            facts = _checked(now, root, name, rollout.plan, champion, by, said, answers=True)
        payload = {
            "id": rollout.id, "champion": champion, "before": rollout.plan.base, "reason": reason,
            "evidence": evidence, "token": token, **facts,
        }  # fmt: skip
        event = now.append(rollout_state.FINISHED, f"model:{name}", payload, expected=now.last)
        return _present(now, event, name)

    return retried(journal, attempt)


def active(journal: Journal, name: str) -> Rollout:
    """The one that goes on. Raises NotFoundError (`model.unknown`) and StateError (`rollout.none`)."""
    now = Snapshot(journal)
    return _current(now, name, ANYBODY, None)


def latest(journal: Journal, name: str) -> Rollout:
    """The last one, over or not. Raises NotFoundError (`model.unknown`) and StateError (`rollout.none`)."""
    now = Snapshot(journal)
    own = [one for one in rollout_state.fold(now.events) if one.name == name]
    if not own:
        versions.show(now, name)
        raise _none(name)
    return own[-1]


def champion_of(journal: Journal, name: str) -> int:
    """Who answers while there is no rollout. Raises NotFoundError (`model.unknown`)."""
    return _champion(Snapshot(journal), name)


def refusals(events: list[Event], rollout: Rollout) -> dict[int, str]:
    """Versions that a server would not load since the start, and why."""
    found: dict[int, str] = {}
    for event in events:
        if (
            event.kind == "serving.refused"
            and event.subject == f"model:{rollout.name}"
            and event.at >= rollout.started_at
        ):
            found[event.payload["version"]] = event.payload["reason"]
    return found


# ---------------------------------------------------------------- inside


def _move(
    journal: Journal, name: str, kind: str, payload: Mapping[str, Any], token: int, *, at: Rollout | None = None
) -> Rollout:
    """`at` is the rollout as it was judged: a move that was decided on another state is not made."""

    def attempt(now: Snapshot) -> Rollout:
        rollout = _current(now, name, token, at)
        if kind == rollout_state.RESUMED and rollout.state != "held":
            return rollout
        whole = {"id": rollout.id, **payload, **({"token": token} if token else {})}
        event = now.append(kind, f"model:{name}", whole, expected=now.last)
        return _present(now, event, name)

    return retried(journal, attempt)


def _current(now: Snapshot, name: str, token: int, at: Rollout | None) -> Rollout:
    rollout = rollout_state.active_of(now.events, name)
    if rollout is None:
        versions.show(now, name)
        raise _none(name)
    if token != ANYBODY and rollout.token != token:
        raise StateError(
            f"Somebody else drives the rollout {rollout.id} now ({rollout.holder or 'nobody'}).",
            code="rollout.fenced",
            hint="nothing is to be done: there is one driver, the last to begin",
            subject=f"model:{name}",
        )
    if at is not None and (rollout.id, rollout.step, rollout.state) != (at.id, at.step, at.state):
        raise StateError(
            f"The rollout of '{name}' has moved on to {rollout.id}, step {rollout.step + 1}.",
            code="rollout.moved",
            hint="look at it again",
            subject=f"model:{name}",
            retryable=True,
        )
    return rollout


def _present(now: Snapshot, event: Event, name: str) -> Rollout:
    return next(one for one in reversed(rollout_state.fold([*now.events, event])) if one.name == name)


def _champion(now: Snapshot, name: str) -> int:
    """Who answers while there is no rollout."""
    own = versions.list_versions(now, name)
    if not own:
        versions.show(now, name)
    return next((one.version for one in own if "champion" in one.aliases), own[-1].version)


def _check_route(now: Snapshot, name: str) -> None:
    if name in routes.fold(now.events):
        raise StateError(
            f"A route says which versions of '{name}' answer.",
            code="rollout.route",
            hint="clear the route first: a rollout needs all requests",
            subject=f"model:{name}",
        )


def _checked(
    now: Snapshot, root: Path, name: str, plan: Plan, version: int, actor: str, override: str | None, *, answers: bool
) -> dict[str, Any]:
    """The gate of a promotion, asked for a version that may become champion by this rollout, or `answers` in it."""
    if version == plan.base or len(set(plan.to)) < len(plan.to) or not plan.to:
        raise StateError(
            f"Version {version} of '{name}' is the champion already, or named twice.",
            code="rollout.versions",
            hint="name another version with --to",
            subject=f"model:{name}",
        )
    versions.show(now, name, plan.base)
    wanted = Promotion(name=name, version=version, override=override, actor=actor)
    facts = promotion.gate(now, root, wanted)
    if facts["decision"] == Decision.NEEDS_REWORK.value and override is None and answers:
        raise StateError(
            f"Version {version} of '{name}' needs rework, so no request is given to it.",
            code="version.not_approved",
            hint="mend what its verdict names, try it with --strategy shadow, or --override with the reason",
            subject=f"model:{name}",
        )
    return {"version": version, **facts}


def _override_of(now: Snapshot, rollout: Rollout, version: int) -> tuple[str, str] | None:
    """What a person said at the start holds for the end of the same rollout, not for a shadow."""
    for event in now.events:
        if event.kind == rollout_state.STARTED and event.payload["id"] == rollout.id:
            for gate in event.payload["gates"]:
                if gate["version"] == version and "override" in gate:
                    return str(gate["override"]["reason"]), str(gate["override"]["by"])
    return None


def _none(name: str) -> StateError:
    return StateError(
        f"No rollout of '{name}' goes on.",
        code="rollout.none",
        hint=f"begin one: `modelwright rollout start {name} --to VERSION --strategy canary`",
        subject=f"model:{name}",
    )

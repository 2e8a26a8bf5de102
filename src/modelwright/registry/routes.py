"""How requests for a model are shared among its versions: a fold over the journal.

Event: `route.set` with the subject `model:<name>`. An arm names a version by number or alias, so that a route may stay
while an alias moves. A route without arms is no route: everything goes to the champion again. While a rollout goes on,
the route is the rollout's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from modelwright.core.errors import StateError
from modelwright.core.nouns import Event
from modelwright.core.ports import Journal
from modelwright.registry import rollout_state
from modelwright.registry.rollout_state import Rollout
from modelwright.registry.versions import Snapshot, show

SET = "route.set"
#: events after which other versions may have to answer
KINDS = (SET, *rollout_state.ROUTING)


class ArmState(msgspec.Struct, frozen=True, kw_only=True):
    which: str  # a number or an alias
    weight: float = 1.0
    label: str = "champion"


class RouteState(msgspec.Struct, frozen=True, kw_only=True):
    arms: tuple[ArmState, ...] = ()
    strategy: Literal["champion", "canary", "ab", "bandit"] = "champion"
    shadows: tuple[str, ...] = ()
    sticky: bool = True
    salt: str = ""


def set_route(journal: Journal, name: str, route: RouteState, *, expected: int | None = None) -> Event:
    """Append a route. Raises NotFoundError for a version that does not exist, StateError (`route.weights`, and
    `rollout.running` while a rollout decides who answers)."""
    total = sum(arm.weight for arm in route.arms)
    if route.arms and (not 0 < total < float("inf") or any(not arm.weight >= 0 for arm in route.arms)):
        raise StateError(
            "A route needs weights of 0 or more, one of them above 0.",
            code="route.weights",
            hint="90 and 10 send every tenth request to the second",
            subject=f"model:{name}",
        )
    now = Snapshot(journal)
    running = rollout_state.active_of(now.events, name)
    if running is not None:
        raise StateError(
            f"The rollout {running.id} decides which versions of '{name}' answer.",
            code="rollout.running",
            hint=f"wait for it, or end it with `modelwright rollout abort {name}`",
            subject=f"model:{name}",
        )
    for which in versions_named(route):
        show(now, name, which)
    return now.append(SET, f"model:{name}", msgspec.to_builtins(route), expected=expected or now.last)


def fold(events: Iterable[Event]) -> dict[str, RouteState]:
    """The route of each model that has one."""
    routes: dict[str, RouteState] = {}
    events = list(events)
    for event in events:
        if event.kind == SET:
            routes[event.subject.removeprefix("model:")] = msgspec.convert(event.payload, RouteState)
    routes |= {rollout.name: of_rollout(rollout) for rollout in rollout_state.fold(events) if rollout.active}
    return {name: route for name, route in routes.items() if route.arms or route.shadows}


def of_rollout(rollout: Rollout) -> RouteState:
    """Who answers in its present step. The salt is the rollout's: keys keep their arm from step to step."""
    kind = rollout.plan.strategy
    return RouteState(
        arms=tuple(
            ArmState(which=str(version), weight=weight, label=label) for version, weight, label in rollout.arms()
        ),
        strategy={"shadow": "champion", "blue_green": "canary"}.get(kind, kind),  # type: ignore[arg-type]
        shadows=tuple(str(version) for version in rollout.plan.to) if kind == "shadow" and rollout.active else (),
        sticky=kind != "bandit",
        salt=rollout.id,
    )


def versions_named(route: RouteState) -> Sequence[str]:
    return (*(arm.which for arm in route.arms), *route.shadows)

"""Which version served before, and moving the pointer back to it: a fold over the journal and a compare-and-append."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec

from modelwright.core.errors import NotFoundError, StateError, did_you_mean
from modelwright.core.nouns import Decision, Event, ModelVersion
from modelwright.core.ports import Journal
from modelwright.registry import promotion, rollout_state, routes, versions

CHAMPION = "champion"
STARTED, FINISHED = "rollback.started", "rollback.finished"
_TRIES = 8


class Past(msgspec.Struct, frozen=True, kw_only=True):
    """How one model came to serve what it serves. `stack` ends with the live version; going back takes it off."""

    name: str
    stack: tuple[int, ...]
    ever: frozenset[int]  # every version that was live for all
    titled: bool  # whether an alias says so; without one the newest version serves
    routed: bool  # whether a route shares the requests now

    @property
    def live(self) -> int:
        return self.stack[-1]

    @property
    def before(self) -> int | None:
        return self.stack[-2] if len(self.stack) > 1 else None


def past(events: Iterable[Event], name: str) -> Past:
    """Raises NotFoundError (`model.unknown`)."""
    events = list(events)
    stack: list[int] = []
    titled = False
    for event in events:
        if event.subject != f"model:{name}":
            continue
        if event.kind == versions.REGISTERED and not titled:
            stack.append(event.payload["version"])
        elif (champion := _made_champion(event)) is not None:
            if not titled:  # the newest served until somebody chose; what is newer than the choice is no way back
                stack, titled = [one for one in stack if one < champion], True
            _moved(stack, champion, back="rolled_back_from" in event.payload)
    if not stack:
        known = {event.subject.removeprefix("model:") for event in events if event.kind == versions.REGISTERED}
        raise NotFoundError(
            f"There is no model named '{name}'.",
            code="model.unknown",
            hint=did_you_mean(name, known) if known else "train one first",
            subject=f"model:{name}",
        )
    return Past(
        name=name, stack=tuple(stack), ever=frozenset(_ever(events, name)), titled=titled,
        routed=name in routes.fold(events),
    )  # fmt: skip


def _moved(stack: list[int], version: int, *, back: bool) -> None:
    if back and version in stack:
        while stack[-1] != version:
            stack.pop()
    elif not stack or stack[-1] != version:
        stack.append(version)


def _ever(events: Sequence[Event], name: str) -> Iterable[int]:
    titled = False
    for event in events:
        if event.subject == f"model:{name}":
            if event.kind == versions.REGISTERED and not titled:
                yield event.payload["version"]
            elif (champion := _made_champion(event)) is not None:
                titled = True
                yield champion


def _made_champion(event: Event) -> int | None:
    """The version that an event has made champion: by hand, or as a rollout ended."""
    if event.kind == versions.ALIASED and event.payload["alias"] == CHAMPION:
        return int(event.payload["version"])
    return event.payload.get("champion") if event.kind == rollout_state.FINISHED else None


def choose(events: Sequence[Event], name: str, to: int | None) -> tuple[Past, ModelVersion]:
    """The version to go back to: `to`, or the one that served before.

    Raises NotFoundError (`model.unknown`, `version.unknown`) and StateError (`rollback.nothing_before`,
    `rollback.deleted`, `rollback.never_live`).
    """
    how = past(events, name)
    subject = f"model:{name}"
    wanted = how.before if to is None else to
    if wanted is None:
        raise StateError(
            f"No version of '{name}' served before version {how.live}.",
            code="rollback.nothing_before",
            hint=f"`modelwright models show {name}` lists its versions; name one with --to",
            subject=subject,
        )
    registered = {e.payload["version"] for e in events if e.kind == versions.REGISTERED and e.subject == subject}
    there = {one.version: one for one in versions.fold(events) if one.name == name}
    if wanted not in registered:
        raise NotFoundError(
            f"The model '{name}' has no version {wanted}.",
            code="version.unknown",
            hint=did_you_mean(str(wanted), [str(number) for number in sorted(registered)]),
            subject=subject,
        )
    alive = sorted(how.ever & there.keys() - {how.live})
    if wanted not in there:
        raise StateError(
            f"Version {wanted} of '{name}' was deleted, so nothing can go back to it.",
            code="rollback.deleted",
            hint=f"versions that served and are still there: {', '.join(map(str, alive)) or 'none'}",
            subject=subject,
        )
    if wanted not in how.ever:
        raise StateError(
            f"Version {wanted} of '{name}' never served, so it is nothing to go back to.",
            code="rollback.never_live",
            hint=f"`modelwright models promote {name} {wanted}` asks its review first; "
            f"versions that served: {', '.join(map(str, alive)) or 'none'}",
            subject=subject,
        )
    return how, there[wanted]


def unfinished(events: Iterable[Event], name: str) -> Event | None:
    """The rollback of this model that was begun and neither ended nor was overtaken, if any: its process was killed."""
    begun: Event | None = None
    for event in events:
        if event.subject != f"model:{name}":
            continue
        if event.kind == STARTED:
            begun = event
        elif event.kind == FINISHED or (begun is not None and _made_champion(event) not in (None, begun.payload["to"])):
            begun = None
    return begun


def _asked(target: ModelVersion, reason: str) -> promotion.Promotion:
    return promotion.Promotion(name=target.name, version=target.version, reason=reason)


def point_back(
    journal: Journal, root: Path, before: Past, target: ModelVersion, *, reason: str, reached: Callable[[str], None]
) -> None:
    """Send every request to the version that is live, then move the champion: each step one event, whole or not there.

    Only from the state that was looked at: what others change elsewhere does not matter, what they change of this
    model does. What runs or routes is ended first. Raises StateError (`rollback.overtaken`, and as a
    promotion does for a version in quarantine).
    """
    subject = f"model:{target.name}"
    for left in reversed(range(_TRIES)):
        events = list(journal.read())
        seen = versions.Snapshot(journal, events)
        now, last = past(events, target.name), seen.last
        if now.live != before.live:
            raise StateError(
                f"Somebody else moved '{target.name}' to version {now.live} first.",
                code="rollback.overtaken",
                hint=f"look at what is live now (`modelwright models history {target.name}`), and say it again",
                subject=subject,
            )
        try:
            running = rollout_state.active_of(events, target.name)
            if running is not None:
                ended = {"id": running.id, "reason": reason or "rolled back", "rule": "rollback", "evidence": None}
                journal.append(rollout_state.ABORTED, subject, ended, expected=last)
            elif now.routed:
                routes.set_route(journal, target.name, routes.RouteState(), expected=last)
            elif now.live == target.version and now.titled:
                return
            else:
                facts = {"before": now.live if now.titled else None, "rolled_back_from": now.live,
                         **promotion.gate(seen, root, _asked(target, reason))}  # fmt: skip
                forced = target.decision is Decision.NEEDS_REWORK  # it served before
                versions.promote(seen, target.name, target.version, reason=reason, force=forced, facts=facts)
                return
            reached("rollback.route_cleared")
        except StateError as error:
            if error.code != "journal.lost_race" or not left:
                raise
    raise AssertionError("unreachable: the last try raises or returns")

"""Moving the pointer back to a version that served: chosen from the past, then a compare-and-append."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from modelwright.core.errors import NotFoundError, StateError, did_you_mean
from modelwright.core.nouns import Decision, Event, ModelVersion
from modelwright.core.ports import Journal
from modelwright.registry import promotion, rollout_state, routes, versions
from modelwright.registry.reigns import Past, made_champion, past

STARTED, FINISHED = "rollback.started", "rollback.finished"
_TRIES = 8


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
        elif event.kind == FINISHED or (begun is not None and made_champion(event) not in (None, begun.payload["to"])):
            begun = None
    return begun


def _asked(target: ModelVersion, reason: str) -> promotion.Promotion:
    return promotion.Promotion(name=target.name, version=target.version, reason=reason, back=True)


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
        there = now.live == target.version and now.titled
        # asked before anything ends: what cannot be gone back to ends nothing
        facts = {} if there else promotion.gate(seen, root, _asked(target, reason))
        try:
            running = rollout_state.active_of(events, target.name)
            if running is not None:
                ended = {"id": running.id, "reason": reason or "rolled back", "rule": "rollback", "evidence": None}
                journal.append(rollout_state.ABORTED, subject, ended, expected=last)
            elif now.routed:
                routes.set_route(journal, target.name, routes.RouteState(), expected=last)
            elif there:
                return
            else:
                facts |= {"before": now.live if now.titled else None, "rolled_back_from": now.live}
                forced = target.decision is Decision.NEEDS_REWORK  # it served before
                versions.promote(seen, target.name, target.version, reason=reason, force=forced, facts=facts)
                return
            reached("rollback.route_cleared")
        except StateError as error:
            if error.code != "journal.lost_race" or not left:
                raise
    raise AssertionError("unreachable: the last try raises or returns")

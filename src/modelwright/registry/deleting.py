"""Hiding versions that nothing uses, bringing them back, and giving them up for good.

What bears an alias, answers by a route or a rollout, or is the champion's way back is never deleted, so that a purge,
which only ever takes what is deleted, never takes it either.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from modelwright.core.errors import NotFoundError, StateError
from modelwright.core.nouns import Event, ModelVersion
from modelwright.core.ports import Journal
from modelwright.registry import reigns, rollout_state, routes, versions
from modelwright.registry.promotion import manifest_of
from modelwright.registry.versions import Snapshot, retried


def delete(journal: Journal, name: str, version: int, *, reason: str, keep_days: int, now_at: datetime) -> Event:
    """Hide a version; its files stay for `keep_days` and can be restored. Raises StateError (`version.in_use`) where
    an alias, a route or a rollout points at it, or it is the champion's way back."""

    def attempt(now: Snapshot) -> Event:
        versions.show(now, name, version)
        uses = uses_of(now.events, name, version)
        if uses:
            raise StateError(
                f"Version {version} of '{name}' is {' and '.join(uses)}, so it is not deleted.",
                code="version.in_use",
                hint="move the alias, end the rollout or clear the route first",
                subject=f"model:{name}",
            )
        until = (now_at + timedelta(days=keep_days)).astimezone(UTC).isoformat(timespec="seconds")
        payload = {"version": version, "reason": reason, "kept_until": until}
        return now.append(versions.DELETED, f"model:{name}", payload, expected=now.last)

    return retried(journal, attempt)


def restore(journal: Journal, root: Path, name: str, version: int) -> ModelVersion:
    """Bring a deleted version back. Raises NotFoundError (`version.unknown`) and StateError (`bundle.missing`)."""

    def attempt(now: Snapshot) -> ModelVersion:
        _require_deleted(now, name, version)
        event = Event(
            sequence=now.last + 1, at="", actor="", kind=versions.RESTORED, subject=f"model:{name}",
            payload={"version": version},
        )  # fmt: skip
        back = versions.show(Snapshot(journal, [*now.events, event]), name, version)
        manifest_of(root, back)
        now.append(event.kind, event.subject, event.payload, expected=now.last)
        return back

    return retried(journal, attempt)


def purge(journal: Journal, name: str, version: int, *, size_bytes: int) -> Event:
    """Give a deleted version up for good; whoever calls removes its files once this is said. Raises NotFoundError
    (`version.unknown`) where it is not deleted, or was restored or purged meanwhile."""

    def attempt(now: Snapshot) -> Event:
        _require_deleted(now, name, version)
        payload = {"version": version, "size_bytes": size_bytes}
        return now.append(versions.PURGED, f"model:{name}", payload, expected=now.last)

    return retried(journal, attempt)


def registered(events: list[Event]) -> dict[tuple[str, int], ModelVersion]:
    """Every version there ever was, by name and number, deleted or not."""
    ever = versions.fold(event for event in events if event.kind == versions.REGISTERED)
    return {(one.name, one.version): one for one in ever}


def purged(events: list[Event], name: str) -> frozenset[int]:
    return frozenset(
        event.payload["version"] for event in events
        if event.kind == versions.PURGED and event.subject == f"model:{name}"
    )  # fmt: skip


def deleted(events: list[Event], name: str) -> dict[int, Event]:
    """Versions that are hidden and can be restored, and the event that hid each."""
    found: dict[int, Event] = {}
    for event in events:
        if event.subject == f"model:{name}" and event.kind == versions.DELETED:
            found[event.payload["version"]] = event
        elif event.subject == f"model:{name}" and event.kind in (versions.RESTORED, versions.PURGED):
            found.pop(event.payload["version"], None)
    return found


def uses_of(events: list[Event], name: str, version: int) -> list[str]:
    """What points at a version, in words; empty where nothing does."""
    now = Snapshot(_READ_ONLY, events)
    shown = versions.show(now, name, version)
    uses = [f"the {alias}" for alias in shown.aliases]
    own = versions.list_versions(now, name)
    if "champion" not in {alias for one in own for alias in one.aliases} and own[-1].version == version:
        uses.append("the newest, which answers while nobody is champion")
    running = rollout_state.active_of(events, name)
    if running is not None and version in running.versions:
        uses.append(f"in the rollout {running.id}")
    route = routes.fold(events).get(name)
    if route is not None and running is None and version in _named(now, name, routes.versions_named(route)):
        uses.append("in the route")
    if version == reigns.past(events, name).before:
        uses.append("the way back from the champion")
    return uses


def _require_deleted(now: Snapshot, name: str, version: int) -> None:
    if version in deleted(now.events, name):
        return
    there = [one.version for one in versions.list_versions(now, name)]
    gone = " any more: its files were removed" if version in purged(now.events, name) else ""
    raise NotFoundError(
        f"The model '{name[:80]}' has no deleted version {version}{gone}.",
        code="version.unknown",
        hint=f"not deleted: {', '.join(map(str, there)) or 'none'}",
        subject=f"model:{name[:80]}",
    )


def _named(now: Snapshot, name: str, whiches: Any) -> set[int]:
    found = set()
    for which in whiches:
        try:
            found.add(versions.show(now, name, which).version)
        except NotFoundError:
            continue
    return found


class _ReadOnly:
    """No journal at all: what is asked is answered from the events at hand."""

    def append(self, kind: str, subject: str, payload: Any, *, expected: int | None = None) -> Event:
        raise StateError("The past cannot be written.", code="journal.past")

    def read(self, after: int = 0) -> list[Event]:
        return []


_READ_ONLY = _ReadOnly()

"""Who may become champion, and what is kept of it: verdict, bundle, quarantine, expectation; delete and restore.

Every move looks at the journal once, decides, and appends only if nobody else has written since.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from modelwright.core.errors import ModelwrightError, NotFoundError, StateError
from modelwright.core.nouns import Decision, Event, ModelVersion
from modelwright.core.ports import Journal
from modelwright.registry import rollout_state, routes, versions
from modelwright.registry.manifest import MANIFEST, decode, digest_of_manifest
from modelwright.registry.versions import Snapshot, retried

NOBODY = 0  # expected version where nobody should bear the alias yet
KEPT_DAYS = 30
#: actors that are programs or nobody in particular: none of them can answer for an override
_NO_PERSON = frozenset({"", "local", "serve", "rollout", "watch", "ci"})


class Promotion(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked: `expect` is the version that should bear the alias now; None for whatever bears it."""

    name: str
    version: int
    alias: str = "champion"
    reason: str = ""
    expect: int | None = None
    override: str | None = None
    actor: str = "local"
    supersede: bool = False  # end a rollout that goes on, as in an emergency
    conditions: tuple[str, ...] = ()  # what the caller knows to be open, beside those of the verdict


class Promoted(msgspec.Struct, frozen=True, kw_only=True):
    version: ModelVersion
    alias: str
    before: int | None
    conditions: tuple[str, ...] = ()
    overridden: bool = False
    superseded: str = ""  # id of the rollout that this ended


def promote(journal: Journal, root: Path, wanted: Promotion) -> Promoted:
    """Move an alias. `root` is the folder that bundle paths start from.

    Raises StateError: `promotion.stale` (another version than expected bears the alias), `journal.lost_race` (a rival
    moved it meanwhile), `version.not_approved`, `promotion.unnamed`, `version.quarantined`, `bundle.missing`,
    `bundle.changed`, `rollout.running`, `alias.unknown`; and NotFoundError.
    """
    seen: list[int | None] = []

    def attempt(now: Snapshot) -> Promoted:
        before = versions.aliases(now, wanted.name).get(wanted.alias)
        _check_expectation(wanted, before, seen)
        facts = gate(now, root, wanted)
        running = rollout_state.active_of(now.events, wanted.name) if wanted.alias == "champion" else None
        if running is not None and not wanted.supersede:
            raise busy(running)
        if running is not None and before == wanted.version:  # back to the champion at once
            ended = {"id": running.id, "reason": wanted.override or wanted.reason or "the champion was set by hand"}
            now.append(rollout_state.ABORTED, f"model:{wanted.name}", ended, expected=now.last)
        moved = versions.promote(
            now,
            wanted.name,
            wanted.version,
            alias=wanted.alias,
            reason=wanted.override or wanted.reason,
            force=wanted.override is not None,
            facts={"before": before, **facts},
        )
        return Promoted(
            version=moved,
            alias=wanted.alias,
            before=before,
            conditions=tuple(facts["conditions"]),
            overridden="override" in facts,
            superseded=running.id if running is not None else "",
        )

    return retried(journal, attempt)


def gate(now: Snapshot, root: Path, wanted: Promotion) -> dict[str, Any]:
    """What the event is to keep: verdict, conditions, data. Raises StateError as `promote` does."""
    version = versions.show(now, wanted.name, wanted.version)
    if wanted.version in quarantined(now.events, wanted.name):
        raise StateError(
            f"Version {wanted.version} of '{wanted.name}' is in quarantine: "
            f"{quarantined(now.events, wanted.name)[wanted.version]}.",
            code="version.quarantined",
            hint=f"`modelwright models release {wanted.name} {wanted.version}` lets it out",
            subject=f"model:{wanted.name}",
        )
    manifest = _manifest(root, version)
    conditions = manifest.verdict.conditions if manifest.verdict is not None else ()
    facts: dict[str, Any] = {
        "decision": version.decision.value,
        "conditions": [*(conditions if version.decision is Decision.CONDITIONAL else ()), *wanted.conditions],
        "data_digest": manifest.data_digest,
        "bundle_digest": version.bundle_digest,
        "run_id": version.run_id,
    }
    if version.decision is Decision.NEEDS_REWORK and wanted.alias == "champion" and wanted.override is not None:
        facts["override"] = {"reason": _reason(wanted), "by": wanted.actor}
    return facts


def quarantine(journal: Journal, name: str, version: int, reason: str) -> Event:
    """Keep a version from being promoted until it is released; what serves goes on serving."""
    return _set(journal, versions.QUARANTINED, name, version, reason)


def release(journal: Journal, name: str, version: int, reason: str) -> Event:
    return _set(journal, versions.RELEASED, name, version, reason)


def quarantined(events: list[Event], name: str) -> dict[int, str]:
    """Version -> why."""
    found: dict[int, str] = {}
    for event in events:
        if event.subject == f"model:{name}" and event.kind == versions.QUARANTINED:
            found[event.payload["version"]] = event.payload["reason"]
        elif event.subject == f"model:{name}" and event.kind == versions.RELEASED:
            found.pop(event.payload["version"], None)
    return found


# ---------------------------------------------------------------- deleting


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
        if version not in deleted(now.events, name):
            there = [one.version for one in versions.list_versions(now, name)]
            raise NotFoundError(
                f"The model '{name[:80]}' has no deleted version {version}.",
                code="version.unknown",
                hint=f"not deleted: {', '.join(map(str, there)) or 'none'}",
                subject=f"model:{name[:80]}",
            )
        event = Event(
            sequence=now.last + 1, at="", actor="", kind=versions.RESTORED, subject=f"model:{name}",
            payload={"version": version},
        )  # fmt: skip
        back = versions.show(Snapshot(journal, [*now.events, event]), name, version)
        _manifest(root, back)
        now.append(event.kind, event.subject, event.payload, expected=now.last)
        return back

    return retried(journal, attempt)


def deleted(events: list[Event], name: str) -> dict[int, Event]:
    """Versions that are hidden, and the event that hid each."""
    found: dict[int, Event] = {}
    for event in events:
        if event.subject == f"model:{name}" and event.kind == versions.DELETED:
            found[event.payload["version"]] = event
        elif event.subject == f"model:{name}" and event.kind == versions.RESTORED:
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
    if version == way_back(events, name):
        uses.append("the way back from the champion")
    return uses


def way_back(events: list[Event], name: str) -> int | None:
    """The champion before the present one: where a rollback goes."""
    reign: list[int] = []
    for event in events:
        if event.subject != f"model:{name}":
            continue
        champion = event.payload.get("champion") if event.kind == rollout_state.FINISHED else None
        if event.kind == versions.ALIASED and event.payload["alias"] == "champion":
            champion = event.payload["version"]
        if champion is not None and (not reign or reign[-1] != champion):
            reign.append(champion)
    return reign[-2] if len(reign) > 1 else None


def busy(running: rollout_state.Rollout) -> StateError:
    return StateError(
        f"The rollout {running.id} of '{running.name}' is {running.state}.",
        code="rollout.running",
        hint=f"look with `modelwright rollout status {running.name}`, end it with `rollout abort {running.name}`",
        subject=f"model:{running.name}",
    )


# ---------------------------------------------------------------- inside


class _ReadOnly:
    """No journal at all: what is asked is answered from the events at hand."""

    def append(self, kind: str, subject: str, payload: Any, *, expected: int | None = None) -> Event:
        raise StateError("The past cannot be written.", code="journal.past")

    def read(self, after: int = 0) -> list[Event]:
        return []


_READ_ONLY = _ReadOnly()


def _check_expectation(wanted: Promotion, before: int | None, seen: list[int | None]) -> None:
    if wanted.expect is not None and (before or NOBODY) != wanted.expect:
        raise StateError(
            f"The {wanted.alias} of '{wanted.name}' is {_said(before)}, not {_said(wanted.expect or None)}.",
            code="promotion.stale",
            hint="look at `modelwright models history` and decide again",
            subject=f"model:{wanted.name}",
        )
    seen.append(before)
    if before != seen[0]:
        raise StateError(
            f"Somebody else made {_said(before)} of '{wanted.name}' the {wanted.alias} first.",
            code="journal.lost_race",
            hint="look at the present state and try again",
            subject="alias",
            retryable=True,
        )


def _said(version: int | None) -> str:
    return f"version {version}" if version else "nobody"


def _reason(wanted: Promotion) -> str:
    if wanted.actor.strip().lower() in _NO_PERSON:
        raise StateError(
            "An override needs a person who answers for it, and nobody is named.",
            code="promotion.unnamed",
            hint="set MODELWRIGHT_ACTOR to your name",
            subject=f"model:{wanted.name}",
        )
    if len((wanted.override or "").strip()) < 3:
        raise StateError("An override needs a reason.", code="promotion.reason", hint="--override 'why'")
    return (wanted.override or "").strip()


def _manifest(root: Path, version: ModelVersion) -> Any:
    """Of the bundle that was registered, and no other."""
    folder = root / version.bundle_path
    try:
        content = (folder / MANIFEST).read_bytes()
    except OSError:
        raise _unusable(version, "missing", "is not there any more") from None
    if digest_of_manifest(content) != version.bundle_digest:
        raise _unusable(version, "changed", "is not the one that was registered")
    try:
        manifest = decode(content)
    except ModelwrightError as error:
        raise _unusable(version, "changed", f"cannot be read ({error.message})") from error
    absent = [name for name in manifest.files if not (folder / name).is_file()]
    if absent:
        raise _unusable(version, "missing", f"lacks {', '.join(sorted(absent)[:3])}")
    return manifest


def _unusable(version: ModelVersion, code: str, why: str) -> StateError:
    return StateError(
        f"The bundle of version {version.version} of '{version.name}' {why}.",
        code=f"bundle.{code}",
        hint="restore its folder, or train the version again",
        subject=f"model:{version.name}",
    )


def _named(now: Snapshot, name: str, whiches: Any) -> set[int]:
    found = set()
    for which in whiches:
        try:
            found.add(versions.show(now, name, which).version)
        except NotFoundError:
            continue
    return found


def _set(journal: Journal, kind: str, name: str, version: int, reason: str) -> Event:
    def attempt(now: Snapshot) -> Event:
        versions.show(now, name, version)
        return now.append(kind, f"model:{name}", {"version": version, "reason": reason}, expected=now.last)

    return retried(journal, attempt)

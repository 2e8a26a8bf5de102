"""Who may become champion, and what is kept of it: verdict, bundle, quarantine, expectation.

Every move looks at the journal once, decides, and appends only if nobody else has written since.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from modelwright.core.clock import SystemClock
from modelwright.core.errors import ModelwrightError, StateError
from modelwright.core.nouns import Decision, Event, ModelVersion
from modelwright.core.ports import Journal
from modelwright.registry import drills, rollout_state, versions
from modelwright.registry.manifest import MANIFEST, decode, digest_of_manifest
from modelwright.registry.versions import Snapshot, retried

NOBODY = 0  # expected version where nobody should bear the alias yet
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
    back: bool = False  # a rollback: nobody asks whether going back was rehearsed
    at: datetime | None = None  # now, by which a drill is fresh


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
    """What the event is to keep: verdict, conditions, data. A promotion over a living champion without a fresh drill is
    CONDITIONAL, whoever asks. Raises StateError as `promote` does."""
    version = versions.show(now, wanted.name, wanted.version)
    if wanted.version in quarantined(now.events, wanted.name):
        raise StateError(
            f"Version {wanted.version} of '{wanted.name}' is in quarantine: "
            f"{quarantined(now.events, wanted.name)[wanted.version]}.",
            code="version.quarantined",
            hint=f"`modelwright models release {wanted.name} {wanted.version}` lets it out",
            subject=f"model:{wanted.name}",
        )
    manifest = manifest_of(root, version)
    conditions = manifest.verdict.conditions if manifest.verdict is not None else ()
    undrilled: tuple[str, ...] = ()
    if wanted.alias == "champion" and not wanted.back:
        undrilled = drills.open_conditions(now.events, wanted.name, wanted.at or SystemClock().now())
    decision = Decision.CONDITIONAL if undrilled and version.decision is Decision.APPROVE else version.decision
    facts: dict[str, Any] = {
        "decision": decision.value,
        "conditions": [*(conditions if version.decision is Decision.CONDITIONAL else ()), *undrilled],
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


def busy(running: rollout_state.Rollout) -> StateError:
    return StateError(
        f"The rollout {running.id} of '{running.name}' is {running.state}.",
        code="rollout.running",
        hint=f"look with `modelwright rollout status {running.name}`, end it with `rollout abort {running.name}`",
        subject=f"model:{running.name}",
    )


# ---------------------------------------------------------------- inside


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


def manifest_of(root: Path, version: ModelVersion) -> Any:
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


def _set(journal: Journal, kind: str, name: str, version: int, reason: str) -> Event:
    def attempt(now: Snapshot) -> Event:
        versions.show(now, name, version)
        return now.append(kind, f"model:{name}", {"version": version, "reason": reason}, expected=now.last)

    return retried(journal, attempt)

"""Model versions and their aliases: a fold over the journal, changed only by compare-and-append.

Events: `version.registered` and `alias.set`, both with the subject `model:<name>`. Nothing else is stored.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from modelwright.core.errors import NotFoundError, StateError, did_you_mean
from modelwright.core.nouns import Decision, Event, ModelVersion
from modelwright.core.ports import Journal

REGISTERED = "version.registered"
ALIASED = "alias.set"
ALIASES = ("champion", "challenger")
_NAME = re.compile(r"^[a-z][a-z0-9_-]{0,63}$")


def register(
    journal: Journal,
    name: str,
    *,
    bundle_digest: str,
    run_id: str,
    decision: Decision,
    bundle_path: str = "",
) -> ModelVersion:
    """Append the next version of a model. Registering one run's bundle again returns the version it has.

    Raises StateError (`journal.lost_race`, retryable) when somebody else wrote in between.
    """
    if not _NAME.fullmatch(name):
        raise StateError(
            f"'{name[:80]}' cannot name a model.",
            code="model.name",
            hint="use 1 to 64 small letters, digits, - and _, beginning with a letter",
            subject="model",
        )
    events = list(journal.read())
    versions = [version for version in fold(events) if version.name == name]
    for version in versions:
        if (version.bundle_digest, version.run_id) == (bundle_digest, run_id):
            return version
    payload = {
        "version": len(versions) + 1,
        "bundle_digest": bundle_digest,
        "run_id": run_id,
        "decision": decision.value,
        "bundle_path": bundle_path,
    }
    event = journal.append(REGISTERED, f"model:{name}", payload, expected=_last(events))
    return _version(event)


def list_versions(journal: Journal, name: str | None = None) -> list[ModelVersion]:
    """Versions in the order they were registered, of one model or of all."""
    versions = fold(journal.read())
    return versions if name is None else [version for version in versions if version.name == name]


def show(journal: Journal, name: str, which: int | str | None = None) -> ModelVersion:
    """One version: by number, by alias, or the latest. Raises NotFoundError (`model.unknown`, `version.unknown`)."""
    versions = fold(journal.read())
    own = [version for version in versions if version.name == name]
    if not own:
        raise NotFoundError(
            f"There is no model named '{name}'.",
            code="model.unknown",
            hint=did_you_mean(name, {version.name for version in versions}) if versions else "train one first",
            subject=f"model:{name}",
        )
    if which is None:
        return own[-1]
    found = [version for version in own if which in (version.version, str(version.version), *version.aliases)]
    if not found:
        known = [str(version.version) for version in own] + [alias for version in own for alias in version.aliases]
        raise NotFoundError(
            f"The model '{name}' has no version or alias '{which}'.",
            code="version.unknown",
            hint=did_you_mean(str(which), known),
            subject=f"model:{name}",
        )
    return found[0]


def history(journal: Journal, name: str) -> list[Event]:
    """Every event of one model, oldest first. Raises NotFoundError (`model.unknown`)."""
    show(journal, name)
    return [
        event for event in journal.read() if event.subject == f"model:{name}" and event.kind in (REGISTERED, ALIASED)
    ]


def aliases(journal: Journal, name: str) -> dict[str, int]:
    """Where each alias of a model points now."""
    return {alias: version.version for version in list_versions(journal, name) for alias in version.aliases}


def promote(
    journal: Journal, name: str, version: int, *, alias: str = "champion", reason: str = "", force: bool = False
) -> ModelVersion:
    """Point an alias at a version; promoting an older version again is how to roll back.

    A version that needs rework becomes nobody's champion unless forced, and the event says so.
    Raises StateError (`version.not_approved`, `alias.unknown`) and NotFoundError.
    """
    if alias not in ALIASES:
        raise StateError(
            f"There is no alias '{alias}'.", code="alias.unknown", hint=did_you_mean(alias, ALIASES), subject="alias"
        )
    events = list(journal.read())
    wanted = show(_Past(events), name, version)
    if alias == "champion" and wanted.decision is Decision.NEEDS_REWORK and not force:
        raise StateError(
            f"Version {version} of '{name}' needs rework and cannot become champion.",
            code="version.not_approved",
            hint="mend what its verdict names, or promote it with force and say why",
            subject=f"model:{name}",
        )
    if alias in wanted.aliases:
        return wanted
    payload = {"alias": alias, "version": version, "reason": reason, "forced": force}
    event = journal.append(ALIASED, f"model:{name}", payload, expected=_last(events))
    return show(_Past([*events, event]), name, version)


def fold(events: Iterable[Event]) -> list[ModelVersion]:
    """The present from the past: versions in order of registration, with the aliases they bear."""
    versions: list[ModelVersion] = []
    borne: dict[tuple[str, str], int] = {}
    for event in events:
        name = event.subject.removeprefix("model:")
        if event.kind == REGISTERED:
            versions.append(_version(event))
        elif event.kind == ALIASED:
            borne[name, event.payload["alias"]] = event.payload["version"]
    return [
        msgspec.structs.replace(
            version,
            aliases=tuple(alias for alias in ALIASES if borne.get((version.name, alias)) == version.version),
        )
        for version in versions
    ]


class _Past:
    """Events already read, as a journal that is only read: one look decides and is compared on append."""

    def __init__(self, events: list[Event]) -> None:
        self._events = events

    def read(self, after: int = 0) -> list[Event]:
        return [event for event in self._events if event.sequence > after]

    def append(self, kind: str, subject: str, payload: Mapping[str, Any], *, expected: int | None = None) -> Event:
        raise StateError("The past cannot be written.", code="journal.past")


def _last(events: list[Event]) -> int:
    return events[-1].sequence if events else 0


def _version(event: Event) -> ModelVersion:
    return ModelVersion(
        name=event.subject.removeprefix("model:"),
        version=event.payload["version"],
        bundle_digest=event.payload["bundle_digest"],
        run_id=event.payload["run_id"],
        decision=Decision(event.payload["decision"]),
        created_at=event.at,
        bundle_path=event.payload.get("bundle_path", ""),
    )

"""Model versions and their aliases: a fold over the journal, changed only by compare-and-append.

Events, all with the subject `model:<name>`: `version.registered`, `alias.set`, `version.deleted`, `version.restored`,
`version.purged`, `version.quarantined`, `version.released`; a `rollout.finished` that names a champion moves that alias
too. Nothing else is stored.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any, TypeVar

import msgspec

from modelwright.core.errors import NotFoundError, StateError, did_you_mean
from modelwright.core.nouns import Decision, Event, ModelVersion
from modelwright.core.ports import Journal
from modelwright.registry import rollout_state

REGISTERED = "version.registered"
ALIASED = rollout_state.ALIASED
DELETED, RESTORED, PURGED = "version.deleted", "version.restored", "version.purged"
QUARANTINED, RELEASED = "version.quarantined", "version.released"
#: events that say which versions there are and which aliases they bear
KINDS = (REGISTERED, ALIASED, DELETED, RESTORED, PURGED, QUARANTINED, RELEASED, rollout_state.FINISHED)
ALIASES = ("champion", "challenger")
_NAME = re.compile(r"^[a-z][a-z0-9_-]{0,63}$")
_TRIES = 64
_T = TypeVar("_T")


def register(
    journal: Journal,
    name: str,
    *,
    bundle_digest: str,
    run_id: str,
    decision: Decision,
    bundle_path: str = "",
    data_digest: str = "",
    attempt: str = "",
) -> ModelVersion:
    """Append the next version of a model. Registering one run's bundle again, or anything by the same `attempt` (of
    whom a kill may have kept from hearing that it was done), returns the version there is.

    Raises StateError: `model.name`, and `journal.lost_race` where others write without a pause.
    """
    if not _NAME.fullmatch(name):
        raise StateError(
            f"'{name[:80]}' cannot name a model.",
            code="model.name",
            hint="use 1 to 64 small letters, digits, - and _, beginning with a letter",
            subject="model",
        )

    def once(now: Snapshot) -> ModelVersion:
        known = by_attempt(now, name, attempt)
        for version in (known,) if known is not None else list_versions(now, name):
            if version is known or (version.bundle_digest, version.run_id) == (bundle_digest, run_id):
                return version
        ever = sum(event.kind == REGISTERED and event.subject == f"model:{name}" for event in now.events)
        payload = {
            "version": ever + 1,
            "bundle_digest": bundle_digest,
            "run_id": run_id,
            "decision": decision.value,
            "bundle_path": bundle_path,
            **({"data_digest": data_digest} if data_digest else {}),
            **({"attempt": attempt} if attempt else {}),
        }
        return _version(now.append(REGISTERED, f"model:{name}", payload, expected=now.last))

    return retried(journal, once)


def by_attempt(journal: Journal, name: str, attempt: str) -> ModelVersion | None:
    """What this attempt has registered, deleted since or not; None for nothing."""
    own = (event for event in journal.read() if event.kind == REGISTERED and event.subject == f"model:{name}")
    found = (event for event in own if attempt and event.payload.get("attempt") == attempt)
    return next(map(_version, found), None)


def retried(journal: Journal, attempt: Callable[[Snapshot], _T]) -> _T:
    """Look, decide, append; again where an event came in between. `attempt` says itself when a rival has won."""
    for left in reversed(range(_TRIES)):
        try:
            return attempt(Snapshot(journal))
        except StateError as error:
            if error.code != "journal.lost_race" or not left or error.subject == "alias":
                raise
    raise AssertionError("unreachable: the last try raises or returns")


def list_versions(journal: Journal, name: str | None = None) -> list[ModelVersion]:
    """Versions in the order they were registered, of one model or of all."""
    versions = _present(journal)
    return versions if name is None else [version for version in versions if version.name == name]


def show(journal: Journal, name: str, which: int | str | None = None) -> ModelVersion:
    """One version: by number, by alias, or the latest. Raises NotFoundError (`model.unknown`, `version.unknown`)."""
    versions = _present(journal)
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
    events = list(journal.read())
    if not any(event.kind == REGISTERED and event.subject == f"model:{name}" for event in events):
        show(Snapshot(journal, events), name)
    kinds = {*KINDS, *rollout_state.KINDS, "route.set", "serving.refused"}
    return [event for event in events if event.subject == f"model:{name}" and event.kind in kinds]


def aliases(journal: Journal, name: str) -> dict[str, int]:
    """Where each alias of a model points now."""
    return {alias: version.version for version in list_versions(journal, name) for alias in version.aliases}


def promote(
    journal: Journal,
    name: str,
    version: int,
    *,
    alias: str = "champion",
    reason: str = "",
    force: bool = False,
    facts: Mapping[str, Any] | None = None,
) -> ModelVersion:
    """Point an alias at a version; promoting an older version again is how to roll back.

    A version that needs rework becomes nobody's champion unless forced, and the event says so, with `facts` beside.
    Raises StateError (`version.not_approved`, `alias.unknown`) and NotFoundError. `registry.promotion` also looks at
    the bundle.
    """
    if alias not in ALIASES:
        raise StateError(
            f"There is no alias '{alias[:60]}'.",
            code="alias.unknown",
            hint=did_you_mean(alias, ALIASES),
            subject="alias",
        )
    now = journal if isinstance(journal, Snapshot) else Snapshot(journal)
    wanted = show(now, name, version)
    if alias == "champion" and wanted.decision is Decision.NEEDS_REWORK and not force:
        raise StateError(
            f"Version {version} of '{name}' needs rework and cannot become champion.",
            code="version.not_approved",
            hint="mend what its verdict names, or promote it with force and say why",
            subject=f"model:{name}",
        )
    if alias in wanted.aliases:
        return wanted
    payload = {"alias": alias, "version": version, "reason": reason, "forced": force, **(facts or {})}
    event = now.append(ALIASED, f"model:{name}", payload, expected=now.last)
    return show(Snapshot(journal, [*now.events, event]), name, version)


def fold(events: Iterable[Event]) -> list[ModelVersion]:
    """The present from the past: versions in order of registration, with the aliases they bear. What is deleted is
    not there."""
    versions: dict[tuple[str, int], ModelVersion] = {}
    gone: set[tuple[str, int]] = set()
    borne: dict[tuple[str, str], int] = {}
    for event in events:
        name, payload = event.subject.removeprefix("model:"), event.payload
        if event.kind == REGISTERED:
            version = _version(event)
            versions[name, version.version] = version
        elif event.kind == ALIASED:
            borne[name, payload["alias"]] = payload["version"]
        elif event.kind == rollout_state.FINISHED and payload.get("champion") is not None:
            borne[name, "champion"] = payload["champion"]
        elif event.kind == DELETED:
            gone.add((name, payload["version"]))
        elif event.kind == RESTORED:
            gone.discard((name, payload["version"]))
    return [
        msgspec.structs.replace(
            version,
            aliases=tuple(alias for alias in ALIASES if borne.get((version.name, alias)) == version.version),
        )
        for key, version in versions.items()
        if key not in gone
    ]


class Snapshot:
    """A journal as it stands at one look: every question is answered from the same events, and what is appended is
    compared with them."""

    def __init__(self, journal: Journal, events: list[Event] | None = None) -> None:
        self._journal = journal
        self.events = list(journal.read()) if events is None else events

    @cached_property
    def versions(self) -> list[ModelVersion]:
        return fold(self.events)

    @property
    def last(self) -> int:
        return _last(self.events)

    def read(self, after: int = 0) -> list[Event]:
        return [event for event in self.events if event.sequence > after]

    def append(self, kind: str, subject: str, payload: Mapping[str, Any], *, expected: int | None = None) -> Event:
        return self._journal.append(kind, subject, payload, expected=expected)


def _present(journal: Journal) -> list[ModelVersion]:
    return journal.versions if isinstance(journal, Snapshot) else fold(journal.read())


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

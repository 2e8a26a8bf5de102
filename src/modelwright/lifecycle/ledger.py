"""The ledger: what was live at a moment, on whose word, and from which data; read from the journal alone."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from modelwright.core.clock import timestamp
from modelwright.core.errors import ModelwrightError, SpecError
from modelwright.core.nouns import Event, ModelVersion
from modelwright.registry import rollout_state, versions


def moment(text: str) -> datetime:
    """`2026-11-03 14:05`, UTC unless it says its zone. Raises SpecError (`ledger.time`)."""
    try:
        at = datetime.fromisoformat(text.strip().replace(" UTC", "+00:00"))
    except ValueError:
        raise SpecError(
            f"--at is '{text[:60]}', which is no time.",
            code="ledger.time",
            hint='write "2026-11-03 14:05" (UTC), or with a zone "2026-11-03 14:05+01:00"',
            subject="option:at",
        ) from None
    return (at.replace(tzinfo=UTC) if at.tzinfo is None else at).astimezone(UTC)


def live_at(events: Iterable[Event], name: str, at: datetime, root: Path) -> dict[str, Any]:
    """Who was champion, since when, by whom and on what; and who else had traffic then. `champion` is None before the
    first promotion, and `newest` then says which version answered in its place."""
    past = until(events, at)
    own = [version for version in versions.fold(past) if version.name == name]
    champion = next((version for version in own if "champion" in version.aliases), None)
    rollout = rollout_state.active_of(past, name)
    found: dict[str, Any] = {
        "at": timestamp(at),
        "name": name,
        "champion": None if champion is None else _told(champion, _promotion(past, name), root, past),
        "newest": own[-1].version if own and champion is None else None,
        "rollout": None if rollout is None else _told_rollout(rollout),
    }
    if champion is None:
        found["said"] = _before(name, own, at)
    return found


def until(events: Iterable[Event], at: datetime) -> list[Event]:
    """Events up to this moment. In the journal's order: a clock that was set back does not hide what came later."""
    past: list[Event] = []
    pending: list[Event] = []
    for event in events:
        pending.append(event)
        if datetime.fromisoformat(event.at) <= at:
            past += pending
            pending = []
    return past


def _promotion(past: list[Event], name: str) -> Event:
    """The event that made the champion. There is one: somebody bears the alias."""
    return next(event for event in reversed(past) if event.subject == f"model:{name}" and _crowns(event))


def _crowns(event: Event) -> bool:
    if event.kind == rollout_state.FINISHED:
        return event.payload.get("champion") is not None
    return event.kind == versions.ALIASED and event.payload["alias"] == "champion"


def _told(version: ModelVersion, event: Event, root: Path, past: list[Event]) -> dict[str, Any]:
    payload = event.payload
    return {
        "version": version.version,
        "verdict": version.decision.value,
        "conditions": payload.get("conditions") or [],
        "override": payload.get("override"),
        "data_digest": payload.get("data_digest") or _data_digest(version, root, past),
        "bundle_digest": version.bundle_digest,
        "run_id": version.run_id,
        "promoted_at": event.at,
        "promoted_by": event.actor,
        "promoted_how": payload["id"] if event.kind == rollout_state.FINISHED else "promotion",
        "reason": payload.get("reason") or None,
        "before": payload.get("before"),
    }


def _data_digest(version: ModelVersion, root: Path, past: list[Event]) -> str | None:
    """Of events from before it was kept: as the version was registered, else from its bundle, if that is the one."""
    for event in past:
        same = event.kind == versions.REGISTERED and event.subject == f"model:{version.name}"
        if same and event.payload["version"] == version.version and event.payload.get("data_digest"):
            return str(event.payload["data_digest"])
    from modelwright.registry.manifest import MANIFEST, decode, digest_of_manifest

    try:
        content = (root / version.bundle_path / MANIFEST).read_bytes()
        return decode(content).data_digest if digest_of_manifest(content) == version.bundle_digest else None
    except (OSError, ModelwrightError):
        return None


def _told_rollout(rollout: rollout_state.Rollout) -> dict[str, Any]:
    arms = [{"version": version, "share": share, "label": label} for version, share, label in rollout.arms()]
    return {
        "id": rollout.id,
        "strategy": rollout.plan.strategy,
        "state": rollout.state,
        "step": rollout.step + 1,
        "arms": arms,
        "shadows": list(rollout.plan.to) if rollout.plan.strategy == "shadow" else [],
        "by": rollout.by,
    }


def _before(name: str, own: list[ModelVersion], at: datetime) -> str:
    if not own:
        return f"Nothing was registered as '{name}' at {timestamp(at)}."
    return f"Nobody was champion of '{name}' at {timestamp(at)}; version {own[-1].version} was the newest."


def told(events: Iterable[Event]) -> list[dict[str, Any]]:
    return [msgspec.to_builtins(event) for event in events]

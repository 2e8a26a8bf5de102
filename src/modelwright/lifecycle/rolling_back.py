"""Move a model back to the version that served before: checked first, one event, and measured until all follow."""

from __future__ import annotations

import contextlib
import fcntl
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelwright.core.errors import ModelwrightError, StateError
from modelwright.core.nouns import ModelVersion
from modelwright.lifecycle.failpoints import reached
from modelwright.registry import reigns, restoring

if TYPE_CHECKING:
    from modelwright.lifecycle.workspace import Workspace
    from modelwright.registry.reading import Verified

#: as often as this the servers' own word is read
_LOOK_S = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    name: str
    to: int | None = None
    reason: str = ""
    wait_s: float = 30.0  # for servers to follow
    hooks: Collection[str] = ()


def roll_back(space: Workspace, order: Order) -> dict[str, Any]:
    """Check the target, move the pointer, wait for every server of the workspace.

    Killed at any point, the same call finishes it. Raises StateError (`rollback.busy`, `rollback.*`), NotFoundError,
    ModelError (`bundle.*`: nothing has moved), AdapterError (`disk.full`, `journal.unusable`).
    """
    began = time.monotonic()
    with only_one(space.root), _room_named():
        journal = space.journal()
        events = list(journal.read())
        resumed = _resumed(events, order)
        to = order.to if resumed is None else resumed
        how, target = restoring.choose(events, order.name, to)
        folder = space.root / target.bundle_path
        how_checked = _check(space, folder, target, order.hooks)
        reached("rollback.checked")
        checked_s = time.monotonic() - began
        former = how.live
        if former != target.version or not how.titled or how.routed:
            if resumed is None:
                payload = {"from": former, "to": target.version, "reason": order.reason}
                journal.append(restoring.STARTED, f"model:{order.name}", payload)
            reached("rollback.started")
            restoring.point_back(journal, space.root, how, target, reason=order.reason, reached=reached)
        reached("rollback.moved")
        moved_s = time.monotonic() - began
        followed = _wait(space, order, target, former)
        told = {
            "from": _from(events, order.name, former) if resumed is not None else former,
            "to": target.version,
            "checked": how_checked,
            "checked_s": round(checked_s, 3),
            "moved_s": round(moved_s, 3),
            "seconds": round(time.monotonic() - began, 3),
            **followed,
        }
        reached("rollback.followed")
        if former != target.version or resumed is not None:
            journal.append(restoring.FINISHED, f"model:{order.name}", {**told, "reason": order.reason})
        return {
            "name": order.name,
            "kind": "pointer",
            **told,
            "resumed": resumed is not None,
            "reason": order.reason,
            "verdict_of_target": target.decision.value,
        }


def _resumed(events: list[Any], order: Order) -> int | None:
    """Where a killed rollback was going, when that is what is asked for again."""
    begun = restoring.unfinished(events, order.name)
    if begun is None or order.to not in (None, begun.payload["to"]):
        return None
    return int(begun.payload["to"])


def _from(events: list[Any], name: str, former: int) -> int:
    begun = restoring.unfinished(events, name)
    return former if begun is None else int(begun.payload["from"])


def _check(space: Workspace, folder: Path, target: ModelVersion, hooks: Collection[str]) -> str:
    """Where every serving process still holds the target in memory, or it passed a probe of this workspace with the
    libraries there are now, that it loads is known; else a child tries it."""
    from modelwright.registry.remembered import Remembered
    from modelwright.serving.presence import present

    servers = present(space.root, target.name)
    if servers and all(target.bundle_digest in one.loaded.get(target.name, ()) for one in servers):
        verified(folder, target)
        return "loaded"
    memory = Remembered(space.root, hooks)
    if memory.holds(target.bundle_digest):
        verified(folder, target)
        return "remembered"
    check(folder, target, hooks)
    memory.add(target.bundle_digest)
    return "probed"


def check(folder: Path, target: ModelVersion, hooks: Collection[str] = ()) -> None:
    """Every byte as it was written, and a child that loads it and answers its golden rows. Raises what is wrong."""
    from modelwright.registry import sandbox

    found = verified(folder, target)
    sandbox.probe(folder, found.digest, sum(map(len, found.files.values())), hooks=hooks)


def verified(folder: Path, target: ModelVersion) -> Verified:
    """Every byte as it was written. Raises StateError (`rollback.bundle_gone`) and ModelError (`bundle.*`)."""
    from modelwright.registry.reading import read_verified

    if not (folder / "manifest.json").is_file():
        raise StateError(
            f"The bundle of version {target.version} of '{target.name}' is gone from {folder}.",
            code="rollback.bundle_gone",
            hint="nothing has moved; `modelwright snapshots list` and your backups may still hold it",
            subject=f"model:{target.name}",
        )
    return read_verified(folder, expected=target.bundle_digest)


def _wait(space: Workspace, order: Order, target: ModelVersion, former: int) -> dict[str, Any]:
    from modelwright.serving.presence import awaited

    ends = time.monotonic() + order.wait_s

    def turn() -> bool:
        time.sleep(_LOOK_S)
        return time.monotonic() < ends

    follow, lag, why = awaited(space.root, order.name, target.version, turn)
    if why:
        _take_back(space, order, target, former, why)
    return {
        "processes": len(follow) + len(lag),
        "followed": len(follow),
        "lagging": [{"pid": one.pid, "url": one.url, "live": list(one.live.get(order.name, ()))} for one in lag],
    }


def _take_back(space: Workspace, order: Order, target: ModelVersion, former: int, why: str) -> None:
    """A server cannot go there: the pointer says again what really serves."""
    from modelwright.registry import versions

    journal = space.journal()
    events = list(journal.read())
    if reigns.past(events, order.name).live == target.version and former != target.version:
        versions.promote(journal, order.name, former, reason=f"rollback refused: {why}"[:500], force=True)
        told = {"from": former, "to": former, "refused": why, "reason": order.reason}
        journal.append(restoring.FINISHED, f"model:{order.name}", told)
    raise StateError(
        f"A server refused to go back: {why}",
        code="rollback.refused",
        hint=f"version {former} goes on serving; look at the server's own words",
        subject=f"model:{order.name}",
    )


@contextlib.contextmanager
def only_one(root: Path) -> Iterator[None]:
    """One rollback at a time in a workspace; the lock dies with its process. Raises StateError (`rollback.busy`)."""
    if not root.is_dir():
        raise StateError(
            f"There is no workspace at {root}.",
            code="workspace.missing",
            hint="say --workspace, or train a model first",
            subject="workspace",
        )
    with (root / "rollback.lock").open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StateError(
                "Somebody else is rolling back in this workspace right now.",
                code="rollback.busy",
                hint="see what is live when it is done (`modelwright models list`), then decide again",
                subject="workspace",
            ) from error
        yield


@contextlib.contextmanager
def _room_named() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _no_room(error) from error


def _no_room(error: OSError) -> ModelwrightError:
    from modelwright.core.errors import AdapterError

    return AdapterError(
        f"The disk did not take what has to be written: {error.strerror or error}.",
        code="disk.failed",
        hint="what was live stays live; make room and say it again",
        subject="workspace",
    )

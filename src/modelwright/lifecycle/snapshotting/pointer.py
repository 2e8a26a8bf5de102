"""Last of all the pointers: champions, challengers and routes as the snapshot saw them, and servers that follow."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from typing import Any

import msgspec

from modelwright.core.errors import StateError
from modelwright.lifecycle.failpoints import reached
from modelwright.lifecycle.snapshotting.taking import pointers
from modelwright.lifecycle.snapshotting.work import DONE, UNCHANGED, Work
from modelwright.registry import reigns, restoring, rollout_state, rollouts, routes, versions
from modelwright.registry.snapshots import PointerState

_LOOK_S = 0.02


class Pointer:
    name = "pointer"

    def prepare(self, work: Work) -> dict[str, Any]:
        """Raises StateError (`rollback.deleted`) where a version it needs was deleted since."""
        events = list(work.space.journal().read())
        there = {(one.name, one.version) for one in versions.fold(events)}
        for name, state in work.snapshot.pointers.items():
            gone = {state.live, *state.aliases.values()} - {version for of, version in there if of == name}
            if gone:
                raise StateError(
                    f"Version {min(gone)} of '{name}', which the snapshot saw in use, was deleted since.",
                    code="rollback.deleted", hint="go back to a snapshot after that, or register it again",
                    subject=f"model:{name}",
                )  # fmt: skip
        return {"pointers": msgspec.to_builtins(pointers(events))}

    def do(self, work: Work, prior: dict[str, Any]) -> tuple[str, str]:
        moved = _point(work, work.snapshot.pointers, work.wish.reason or f"rollback to snapshot {work.snapshot.id}")
        reached("restore.pointer.moved")
        before = msgspec.convert(prior["pointers"], dict[str, PointerState])
        changed = [name for name, state in work.snapshot.pointers.items() if before.get(name) != state]
        told = _reload(work)
        follow, lag = _followed(work)
        processes = f"{follow} of {follow + lag} serving processes follow" if follow + lag else "no server runs"
        what = ", ".join(f"{name} at version {work.snapshot.pointers[name].live}" for name in changed)
        return (DONE if changed or moved else UNCHANGED), f"{what or 'every pointer stood there'}; {processes}{told}"

    def undo(self, work: Work, prior: dict[str, Any]) -> None:
        _point(work, msgspec.convert(prior["pointers"], dict[str, PointerState]), f"{work.id} was undone")


def _point(work: Work, wanted: dict[str, PointerState], reason: str) -> int:
    """Every pointer by one event each; what stands there already is left alone. Returns how many moved."""
    journal, moved = work.space.journal(), 0
    for name, state in wanted.items():
        if rollout_state.active_of(journal.read(), name) is not None:
            rollouts.abort(journal, name, reason=reason, rule="rollback")
        events = list(journal.read())
        how, now = reigns.past(events, name), pointers(events)[name]
        target = next(one for one in versions.fold(events) if one.name == name and one.version == state.live)
        if now.live != state.live or (reigns.CHAMPION in state.aliases and not how.titled):
            restoring.point_back(journal, work.space.root, how, target, reason=reason, reached=reached)
            moved += 1
        challenger = state.aliases.get("challenger")
        if challenger is not None and now.aliases.get("challenger") != challenger:
            versions.promote(journal, name, challenger, alias="challenger", reason=reason)
            moved += 1
        if routes.fold(journal.read()).get(name, routes.RouteState()) != state.route:
            routes.set_route(journal, name, state.route)
            moved += 1
    return moved


def _followed(work: Work) -> tuple[int, int]:
    from modelwright.serving.presence import awaited

    ends, follow, lag = time.monotonic() + work.wish.wait_s, 0, 0

    def turn() -> bool:
        time.sleep(_LOOK_S)
        return time.monotonic() < ends

    for name, state in work.snapshot.pointers.items():
        if state.route.arms or state.route.shadows:
            continue  # several versions answer by turns
        with_it, behind, why = awaited(work.space.root, name, state.live, turn)
        if why:
            raise StateError(
                f"A server refused to go back: {why}", code="rollback.refused", subject=f"model:{name}",
                hint="what began is undone, and what served goes on serving",
            )  # fmt: skip
        follow, lag = follow + len(with_it), lag + len(behind)
    return follow, lag


def _reload(work: Work) -> str:
    """Servers that read one of the files again are told to: each worker is replaced by one that has read it."""
    from modelwright.serving.presence import present

    files = {str((work.wish.project / kept.path).absolute()) for kept in work.snapshot.configuration}
    servers = {one.server for one in present(work.space.root) if one.config in files}
    for pid in servers:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGHUP)
    return f"; {len(servers)} servers read their configuration again" if servers else ""

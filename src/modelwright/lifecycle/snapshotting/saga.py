"""Go back to a snapshot: seven steps in order, each in the journal before and after it; a failure undoes them all.

Events of `restore:<id>`: `restore.started` (the snapshot, and what was there before each step), `restore.step`,
`restore.finished`, `restore.undone`. A killed one is gone on with by the same command, from the step it was in.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from modelwright.core.clock import new_run_id
from modelwright.core.errors import AdapterError, ModelwrightError, NotFoundError, StateError
from modelwright.core.nouns import Event
from modelwright.lifecycle.copying_databases import problem, repair
from modelwright.lifecycle.failpoints import reached
from modelwright.lifecycle.operation import Progress
from modelwright.lifecycle.rolling_back import only_one
from modelwright.lifecycle.snapshotting.artifacts import Artifacts
from modelwright.lifecycle.snapshotting.code import Code
from modelwright.lifecycle.snapshotting.configuration import Configuration
from modelwright.lifecycle.snapshotting.databases import Databases
from modelwright.lifecycle.snapshotting.dependencies import Dependencies
from modelwright.lifecycle.snapshotting.pointer import Pointer
from modelwright.lifecycle.snapshotting.validation import Validation
from modelwright.lifecycle.snapshotting.work import Step, Wish, Work
from modelwright.lifecycle.workspace import journal_url
from modelwright.registry import snapshots

if TYPE_CHECKING:
    from modelwright.lifecycle.operation import Context
    from modelwright.lifecycle.workspace import Workspace
    from modelwright.registry.snapshots import Snapshot

STARTED, STEP, FINISHED, UNDONE = "restore.started", "restore.step", "restore.finished", "restore.undone"
STEPS: tuple[Step, ...] = (
    Code(), Dependencies(), Databases(), Artifacts(), Configuration(), Validation(), Pointer(),
)  # fmt: skip

#: backwards, but the files of the project once the code is there that they belong to
_UNDONE = ("pointer", "validation", "artifacts", "databases", "code", "configuration", "dependencies")


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """A rollback that has neither ended nor been undone."""

    id: str
    snapshot: str
    prior: dict[str, dict[str, Any]]
    project: str = ""  # where it began, wherever it is gone on with
    touched: tuple[str, ...] = ()  # steps that began
    done: dict[str, dict[str, Any]] = {}


def unfinished(events: Iterable[Event]) -> Begun | None:
    begun: Begun | None = None
    for event in events:
        payload = event.payload
        if event.kind == STARTED:
            begun = Begun(
                id=event.subject.removeprefix("restore:"), snapshot=payload["snapshot"], prior=payload["prior"],
                project=payload.get("project", ""),
            )  # fmt: skip
        elif begun is not None and event.subject == f"restore:{begun.id}":
            if event.kind in (FINISHED, UNDONE):
                begun = None
            elif payload["state"] == "begun":
                begun = msgspec.structs.replace(begun, touched=tuple(dict.fromkeys((*begun.touched, payload["step"]))))
            else:
                begun = msgspec.structs.replace(begun, done={**begun.done, payload["step"]: payload})
    return begun


def go_back(space: Workspace, wish: Wish, context: Context) -> dict[str, Any]:
    """Raises StateError (`rollback.busy`, `rollback.unfinished`, `snapshot.*`, `rollback.*`), NotFoundError, and what a
    step raises, once everything is as it was."""
    began = time.monotonic()
    with only_one(space.root):
        told = _whole_journal(space, wish)
        events = list(space.journal().read())
        begun = unfinished(events)
        if begun is not None and begun.project:
            wish = replace(wish, project=Path(begun.project))
        if wish.undo:
            return _undo_by_hand(space, wish, context, begun, began)
        snapshot = snapshots.read(space.root, str(wish.to))
        if begun is not None and begun.snapshot != snapshot.id:
            raise StateError(
                f"A rollback to snapshot {begun.snapshot} was stopped midway.",
                code="rollback.unfinished",
                hint=f"`modelwright rollback --to {begun.snapshot}` finishes it, `rollback --undo` undoes it",
                subject=f"restore:{begun.id}",
            )
        snapshots.require_as_taken(space.root, snapshot, events)
        resumed = begun is not None
        work = Work(
            id=new_run_id(context.clock) if begun is None else begun.id, space=space, snapshot=snapshot, wish=wish,
            context=context, told=told,
        )  # fmt: skip
        begun = begun or _start(work)
        reached("restore.started")
        steps = _forward(work, begun)
        seconds = round(time.monotonic() - began, 3)
        payload = {"snapshot": snapshot.id, "seconds": seconds, "steps": steps, "reason": wish.reason}
        space.journal().append(FINISHED, f"restore:{work.id}", payload)
        return {
            "kind": "snapshot", "id": work.id, "snapshot": snapshot.id, "resumed": resumed, "seconds": seconds,
            "steps": steps, "said": f"Everything is as it was at snapshot {snapshot.name or snapshot.id}.",
        }  # fmt: skip


def _start(work: Work) -> Begun:
    """Ask every step what stands in its way before the first one changes anything."""
    prior = {step.name: step.prepare(work) for step in STEPS}
    reached("restore.prepared")
    project = str(work.wish.project.absolute())
    payload = {"snapshot": work.snapshot.id, "prior": prior, "reason": work.wish.reason, "project": project}
    work.space.journal().append(STARTED, f"restore:{work.id}", payload)
    return Begun(id=work.id, snapshot=work.snapshot.id, prior=prior)


def _forward(work: Work, begun: Begun) -> list[dict[str, Any]]:
    journal, subject, told = work.space.journal(), f"restore:{work.id}", []
    for number, step in enumerate(STEPS):
        if step.name in begun.done:
            told.append({key: begun.done[step.name][key] for key in ("step", "outcome", "seconds", "said")})
            continue
        work.context.progress(Progress(step="rollback", message=step.name, done=number, total=len(STEPS)))
        since = time.monotonic()
        try:
            journal.append(STEP, subject, {"step": step.name, "state": "begun"})
            reached(f"restore.{step.name}.begun")
            outcome, said = step.do(work, begun.prior[step.name])
            reached(f"restore.{step.name}.done")
        except (ModelwrightError, OSError) as error:
            _undo(work, begun, up_to=number, why=str(error))
            raise as_adapter_error(error) from error
        line = {"step": step.name, "outcome": outcome, "seconds": round(time.monotonic() - since, 3), "said": said}
        journal.append(STEP, subject, {**line, "state": "done"})
        reached(f"restore.{step.name}.said")
        told.append(line)
    return told


def _undo(work: Work, begun: Begun, *, up_to: int, why: str) -> None:
    """Backwards from the step that failed. Raises StateError (`rollback.undo`) where even that does not work."""
    for step in sorted(STEPS[: up_to + 1], key=lambda step: _UNDONE.index(step.name)):
        try:
            step.undo(work, begun.prior[step.name])
        except (ModelwrightError, OSError) as error:
            raise StateError(
                f"The step '{step.name}' could not be undone ({error}) after this: {why}",
                code="rollback.undo",
                hint="mend that, then `modelwright rollback --undo`; what served goes on serving",
                subject=f"restore:{work.id}",
            ) from error
        reached(f"restore.{step.name}.undone")
    work.space.journal().append(UNDONE, f"restore:{work.id}", {"snapshot": work.snapshot.id, "why": why[:1000]})


def _undo_by_hand(space: Workspace, wish: Wish, context: Context, begun: Begun | None, began: float) -> dict[str, Any]:
    if begun is None:
        raise NotFoundError(
            "No rollback to a snapshot was stopped midway.",
            code="rollback.nothing_to_undo",
            hint="to take back a finished one, go to a snapshot taken before it",
            subject="rollback",
        )
    snapshot = snapshots.read(space.root, begun.snapshot)
    work = Work(id=begun.id, space=space, snapshot=snapshot, wish=wish, context=context)
    names = [step.name for step in STEPS]
    last = max((names.index(name) for name in begun.touched), default=-1)
    _undo(work, begun, up_to=last, why=wish.reason or "undone by hand")
    return {
        "kind": "snapshot", "id": work.id, "snapshot": snapshot.id, "resumed": True,
        "seconds": round(time.monotonic() - began, 3), "steps": [],
        "said": f"The rollback to snapshot {snapshot.name or snapshot.id} was undone.",
    }  # fmt: skip


def _whole_journal(space: Workspace, wish: Wish) -> dict[str, str]:
    """A journal that cannot be read is rebuilt first: nothing else could be written down."""
    journal = space.root / "journal.sqlite"
    if journal_url(space.root):
        return {}  # its server looks after it
    wrong = "it is missing" if not journal.is_file() else problem(journal)
    if not wrong or "locked" in wrong:
        return {}
    if wish.to is None:
        raise AdapterError(f"The journal is damaged: {wrong}.", code="journal.unusable", subject="file:journal.sqlite")
    snapshot: Snapshot = snapshots.read(space.root, wish.to)
    aside = journal.with_name(f"journal.damaged-{snapshot.id}-{int(time.time())}.sqlite.bad")
    copy = snapshots.folder(space.root) / f".{snapshot.id}.journal"
    try:
        snapshots.objects(space.root).take(snapshot.journal, copy)
        first, last = repair(journal, copy, aside)
    finally:
        copy.unlink(missing_ok=True)
    said = (
        f"the journal was damaged ({wrong}); rebuilt from the snapshot's {first} events and {last - first} later ones"
    )
    space.journal().append(
        "journal.rebuilt", "file:journal.sqlite", {"why": wrong, "snapshot": snapshot.id, "last": last}
    )
    return {"journal": f"{said}; the damaged file lies beside it"}


def as_adapter_error(error: ModelwrightError | OSError) -> ModelwrightError:
    if isinstance(error, ModelwrightError):
        return error
    return AdapterError(
        f"The disk did not take what has to be written: {error.strerror or error}.",
        code="disk.failed",
        hint="everything is as it was before; make room and say it again",
        subject="workspace",
    )

"""Take a snapshot: code, dependencies, journal, bundles, configuration and where every pointer stands."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from modelwright.core.clock import new_run_id, timestamp
from modelwright.core.digests import digest
from modelwright.core.errors import SpecError, StateError
from modelwright.core.nouns import Event, ModelVersion
from modelwright.lifecycle.copying_databases import copy_journal
from modelwright.lifecycle.environment import packages
from modelwright.lifecycle.failpoints import reached
from modelwright.lifecycle.snapshotting import git
from modelwright.lifecycle.snapshotting.git import Repository
from modelwright.registry import reigns, routes, snapshots, versions
from modelwright.registry.snapshots import BundleState, CodeState, Kept, PointerState, Snapshot

if TYPE_CHECKING:
    from modelwright.lifecycle.operation import Context
    from modelwright.lifecycle.workspace import Workspace

LOCKS = ("requirements.txt", "requirements.lock", "requirements-lock.txt", "uv.lock", "poetry.lock", "pdm.lock",
         "constraints.txt", "conda-lock.yml", "environment.yml")  # fmt: skip
CONFIGURATION = ("pipeline.yaml", "serving.yaml", "pyproject.toml")


def take(
    space: Workspace, project: Path, context: Context, *, name: str = "", config: Sequence[str] = ()
) -> tuple[Snapshot, int]:
    """Write a snapshot; returns it and how many contents were new. Nothing that exists is changed.

    Raises StateError (`snapshot.empty`, `snapshot.name`), SpecError, AdapterError (`disk.full`, `database.*`).
    """
    _check_name(space, name)
    identity = new_run_id(context.clock)
    journal_file = space.root / "journal.sqlite"
    if not journal_file.is_file():
        raise StateError(
            "There is no journal in this workspace, so there is nothing to keep.",
            code="snapshot.empty", hint="train a model first, or say --workspace", subject="workspace",
        )  # fmt: skip
    store = snapshots.objects(space.root)
    fresh: list[bool] = []

    def keep(root: Path, path: str) -> Kept:
        kept, new = store.put(root / path, path)
        fresh.append(new)
        return kept

    with tempfile.TemporaryDirectory(dir=_made(snapshots.folder(space.root)), prefix=".") as scratch:
        copy_journal(space.root, Path(scratch) / "journal.sqlite")
        kept_journal = keep(Path(scratch), "journal.sqlite")
        from modelwright.core.plugins import load

        events = list(load("journals", "sqlite")(Path(scratch) / "journal.sqlite").read())
    reached("snapshot.journal")
    last = events[-1].sequence if events else 0
    bundles = tuple(_bundle(space.root, one, keep) for one in _needed(events))
    snapshot = Snapshot(
        id=identity,
        name=name,
        created_at=timestamp(context.clock.now()),
        actor=context.actor,
        code=_code(project, space.root, identity),
        packages=packages(),
        locks=tuple(keep(project, path) for path in LOCKS if (project / path).is_file()),
        sequence=last,
        history=snapshots.history_digest(events, last),
        journal=kept_journal,
        bundles=bundles,
        pointers=pointers(events),
        configuration=tuple(keep(project, path) for path in _configuration(project, config)),
    )
    reached("snapshot.contents")
    _write(space, snapshot)
    return snapshot, sum(fresh)


def pointers(events: Iterable[Event]) -> dict[str, PointerState]:
    """Where every model's aliases and route stand."""
    events = list(events)
    found: dict[str, PointerState] = {}
    shared = routes.fold(events)
    known = versions.fold(events)
    for name in dict.fromkeys(version.name for version in known):
        aliases = {alias: one.version for one in known if one.name == name for alias in one.aliases}
        live = aliases.get(reigns.CHAMPION) or [one.version for one in known if one.name == name][-1]
        found[name] = PointerState(live=live, aliases=aliases, route=shared.get(name, routes.RouteState()))
    return found


def _needed(events: Sequence[Event]) -> list[ModelVersion]:
    """Every version that answers, may answer by its route, or bears an alias."""
    where = pointers(events)
    needed = []
    for version in versions.fold(events):
        state = where[version.name]
        named = set(routes.versions_named(state.route))
        if version.version == state.live or version.aliases or str(version.version) in named:
            needed.append(version)
    return needed


def _bundle(root: Path, version: ModelVersion, keep: Callable[[Path, str], Kept]) -> BundleState:
    from modelwright.registry.manifest import MANIFEST
    from modelwright.registry.reading import read_verified

    folder = root / version.bundle_path
    verified = read_verified(folder, expected=version.bundle_digest)
    names = sorted((MANIFEST, *verified.files))
    files = tuple(keep(folder, name) for name in names)
    return BundleState(
        name=version.name, version=version.version, digest=version.bundle_digest, path=version.bundle_path, files=files
    )


def _code(project: Path, workspace: Path, identity: str) -> CodeState:
    repository = Repository(project, workspace)
    if repository.top is None:
        return CodeState(why=repository.why)
    if repository.changed():
        commit = git.keep(repository, f"snapshots/{identity}", f"The working tree at snapshot {identity}")
        return CodeState(commit=commit, branch=repository.branch, uncommitted=True)
    head = repository.head
    git.hold(repository, f"snapshots/{identity}", head)
    return CodeState(commit=head, branch=repository.branch)


def _configuration(project: Path, named: Sequence[str]) -> list[str]:
    for path in named:
        if Path(path).is_absolute() or ".." in Path(path).parts or not (project / path).is_file():
            raise SpecError(
                f"There is no configuration '{path}' in {project.absolute().name}.",
                code="snapshot.config", hint="name files below the project's folder", subject="--config",
            )  # fmt: skip
    return list(dict.fromkeys([*(path for path in CONFIGURATION if (project / path).is_file()), *named]))


def _check_name(space: Workspace, name: str) -> None:
    if name and (not name.replace("-", "").replace("_", "").replace(".", "").isalnum() or len(name) > 64):
        raise StateError(
            f"'{name[:64]}' cannot name a snapshot.",
            code="snapshot.name", hint="use letters, digits, - _ and .", subject="snapshot",
        )  # fmt: skip
    if name and (name == "latest" or name.isdecimal()):
        raise StateError(f"'{name}' would be mistaken for something else.", code="snapshot.name", subject="snapshot")


def _write(space: Workspace, snapshot: Snapshot) -> None:
    from modelwright.lifecycle.workspace import write_atomically

    content = snapshots.encode(snapshot)
    write_atomically(snapshots.folder(space.root) / f"{snapshot.id}.json", content)
    reached("snapshot.written")
    payload = {"name": snapshot.name, "digest": digest(content), "sequence": snapshot.sequence}
    space.journal().append(snapshots.TAKEN, f"snapshot:{snapshot.id}", payload)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder

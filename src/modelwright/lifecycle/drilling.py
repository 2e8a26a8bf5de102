"""Rehearse going back, on copies of everything: the pointer under load, then all six kinds; each step timed.

What serves is never touched. The result is an event of the model, `drill.finished`, that the deployment review and the
gate of a promotion read.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelwright.core.errors import ModelwrightError
from modelwright.core.nouns import ModelVersion
from modelwright.lifecycle.copying_databases import copy_journal
from modelwright.lifecycle.operation import Progress
from modelwright.lifecycle.rolling_back import Order, roll_back
from modelwright.registry import reigns, routes, versions
from modelwright.registry.drills import DRILLED

if TYPE_CHECKING:
    from collections.abc import Collection

    from modelwright.lifecycle.operation import Context
    from modelwright.lifecycle.workspace import Workspace

#: what issue and reports promise
POINTER_LIMIT_S, ALL_LIMIT_S = 5.0, 60.0
_CLIENTS, _PAUSE_S, _AROUND = 4, 0.005, 50


def drill(
    space: Workspace, name: str, context: Context, *, under_load: bool = True, pointer_only: bool = False,
    project: Path | None = None, hooks: Collection[str] = (),
) -> dict[str, Any]:  # fmt: skip
    """Raises NotFoundError (`model.unknown`) and StateError (`trial.start`); what else goes wrong is the result."""
    events = list(space.journal().read())
    how = reigns.past(events, name)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="modelwright-drill-") as folder:
        scratch = _copy(space, name, how, Path(folder))
        told = _pointer(scratch, name, context, under_load=under_load, hooks=hooks)
        if not pointer_only:
            told |= _all_kinds(scratch, Path(folder), project, context)
    problems = [one for one in (told.pop("pointer_problem", ""), told.pop("kinds_problem", "")) if one]
    if told["failed"]:
        problems.append(f"{told['failed']} of {told['requests']} requests failed: {told['failures'][:2]}")
    if told["pointer_s"] > POINTER_LIMIT_S:
        problems.append(f"the pointer took {told['pointer_s']:.1f} s, more than {POINTER_LIMIT_S:.0f} s")
    if (told.get("all_kinds_s") or 0.0) > ALL_LIMIT_S:
        problems.append(f"all six kinds took {told['all_kinds_s']:.0f} s, more than {ALL_LIMIT_S:.0f} s")
    payload = {
        "ok": not problems, "why": "; ".join(problems), "version": how.live, "under_load": under_load, **told,
        "seconds": round(time.monotonic() - began, 3),
    }  # fmt: skip
    space.journal().append(DRILLED, f"model:{name}", payload)
    return {"name": name, **payload}


# ---------------------------------------------------------------- copies


def _copy(space: Workspace, name: str, how: reigns.Past, folder: Path) -> Workspace:
    """The journal, and the bundles of the live version and of where it would go back to."""
    from modelwright.lifecycle.workspace import Workspace as Space

    scratch = Space(folder / "project" / ".modelwright", actor="drill")
    scratch.root.mkdir(parents=True)
    copy_journal(space.root, scratch.root / "journal.sqlite")
    journal = scratch.journal()
    wanted = {how.live, how.before} - {None}
    for version in versions.list_versions(journal, name):
        if version.version in wanted:
            _copy_bundle(space.root, scratch.root, version)
    for other in {one.name for one in versions.list_versions(journal)} - {name}:
        live = reigns.past(journal.read(), other).live
        _copy_bundle(space.root, scratch.root, versions.show(journal, other, live))
    return scratch


def _copy_bundle(source: Path, target: Path, version: ModelVersion) -> None:
    bundle = source / version.bundle_path
    shutil.copytree(bundle, target / version.bundle_path, dirs_exist_ok=True)
    spec = bundle.parent / "pipeline.yaml"
    if spec.is_file():
        shutil.copy2(spec, (target / version.bundle_path).parent / spec.name)


def _second(scratch: Workspace, name: str) -> str:
    """A model that never had another version goes back to a twin of itself: the way is the same."""
    journal = scratch.journal()
    only = versions.show(journal, name, reigns.past(journal.read(), name).live)
    twin = versions.register(
        journal, name, bundle_digest=only.bundle_digest, run_id="drill", decision=only.decision,
        bundle_path=only.bundle_path,
    )  # fmt: skip
    versions.promote(journal, name, twin.version, reason="drill", force=True)
    return "the model has no earlier version, so a twin of the live one was rehearsed"


# ---------------------------------------------------------------- rehearsals


def _pointer(
    scratch: Workspace, name: str, context: Context, *, under_load: bool, hooks: Collection[str]
) -> dict[str, Any]:
    from modelwright.lifecycle.trial_server import Load, golden_requests, quantile, trial_server

    journal = scratch.journal()
    note = ""
    if name in routes.fold(journal.read()):
        note = "a route or rollout is on its way; it was ended in the copy"
    if reigns.past(journal.read(), name).before is None:
        note = _second(scratch, name)
    live = versions.show(journal, name, reigns.past(journal.read(), name).live)
    context.progress(Progress(step="drill", message=f"pointer of {name} from version {live.version}"))
    with trial_server(scratch.root, name, workers=2 if under_load else 1, hooks=sorted(hooks)) as server:
        path = f"/v1/models/{name}/predict"
        bodies = [
            body for body, _ in golden_requests(scratch.root / live.bundle_path) if server.ask(path, body)[0] == 200
        ]
        with Load(server.port, path, bodies, _CLIENTS if under_load else 1, pause_s=_PAUSE_S) as load:
            _more(load)
            problem, back = "", {}
            try:
                back = roll_back(scratch, Order(name=name, reason="drill", hooks=hooks))
                if back["lagging"]:
                    problem = f"{len(back['lagging'])} processes did not follow"
            except ModelwrightError as error:
                problem = f"going back failed: {error.message}"
            _more(load)
        answered = {version: count for version, count in load.answered.items() if version >= 0}
        if back and not problem and back["to"] not in answered:
            problem = f"nobody was answered by version {back['to']} afterwards"
    return {
        "to": int(back.get("to", 0)), "pointer_s": float(back.get("seconds", 0.0)),
        "moved_s": float(back.get("moved_s", 0.0)), "requests": load.count, "failed": len(load.failures),
        "failures": load.failures[:5], "answered": {str(version): count for version, count in answered.items()},
        "p50_ms": round(quantile(load.latencies_s, 0.5) * 1e3, 3),
        "p99_ms": round(quantile(load.latencies_s, 0.99) * 1e3, 3), "note": note, "pointer_problem": problem,
    }  # fmt: skip


def _more(load: Any, count: int = _AROUND, patience_s: float = 60.0) -> None:
    goal, ends = load.count + count, time.monotonic() + patience_s
    while load.count < goal and not load.failures and time.monotonic() < ends:
        time.sleep(0.01)


def _all_kinds(scratch: Workspace, folder: Path, project: Path | None, context: Context) -> dict[str, Any]:
    """Snapshot the copy, change everything in it, and go back. The project's code comes as a clone."""
    from modelwright.lifecycle.snapshotting.saga import go_back
    from modelwright.lifecycle.snapshotting.taking import take
    from modelwright.lifecycle.snapshotting.work import Wish

    place = folder / "project"
    code = _clone(project, place)
    context.progress(Progress(step="drill", message="all six kinds"))
    try:
        snapshot, _ = take(scratch, place, context, name="drill")
        _change(scratch, place, snapshot.bundles)
        done = go_back(scratch, Wish(to=snapshot.id, project=place, reason="drill", force_code=True), context)
    except ModelwrightError as error:
        return {"all_kinds_s": 0.0, "steps": [], "kinds_problem": f"all six kinds: {error.message}"}
    steps = [{key: step[key] for key in ("step", "outcome", "seconds")} for step in done["steps"]]
    return {"all_kinds_s": done["seconds"], "steps": steps, "code": code}


def _clone(project: Path | None, place: Path) -> str:
    """The project's last commit and its configuration, in a repository that shares nothing with it."""
    from modelwright.lifecycle.snapshotting.taking import CONFIGURATION, LOCKS

    said = "no project was named"
    if project is not None:
        clone = place.with_name("clone")
        try:
            done = subprocess.run(  # noqa: S603 - fixed program, fixed verbs, no shell
                ["git", "clone", "--quiet", "--no-hardlinks", "--depth", "1", project.absolute().as_uri(), str(clone)],  # noqa: S607
                capture_output=True, text=True, timeout=120, check=False, stdin=subprocess.DEVNULL,
            )  # fmt: skip
            said = (
                "a clone of the last commit" if not done.returncode else "the project is no git repository of its own"
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            said = f"git cannot be run: {error}"
        if clone.is_dir():
            for entry in clone.iterdir():
                if not (place / entry.name).exists():
                    entry.replace(place / entry.name)
        for name in (*CONFIGURATION, *LOCKS):
            if (project / name).is_file():
                shutil.copy2(project / name, place / name)
    return said


def _change(scratch: Workspace, place: Path, bundles: Iterable[Any]) -> None:
    """What a bad release does: another file, another configuration, a bundle that is gone."""
    (place / "drill.txt").write_text("changed by the drill\n")
    serving = place / "serving.yaml"
    if serving.is_file():
        serving.write_text(serving.read_text() + "\n# changed by the drill\n")
    for one in list(bundles)[:1]:
        shutil.rmtree(scratch.root / one.path)

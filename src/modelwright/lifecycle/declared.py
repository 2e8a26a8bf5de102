"""What a registered model's pipeline file declares: the one it was made by, or a newer one that somebody names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from modelwright.core.errors import StateError
from modelwright.core.nouns import ModelVersion
from modelwright.lifecycle.workspace import Workspace
from modelwright.spec.model import Spec


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    name: str
    spec: Spec
    text: str
    base_dir: Path


def declared(workspace: Workspace, name: str, pipeline: str | None = None) -> Declared:
    """Raises NotFoundError (`model.unknown`), SpecError, or StateError (`run.damaged`)."""
    version = in_charge(workspace, name)
    if pipeline is not None:
        from modelwright.spec.load import load_spec

        path = Path(pipeline)
        loaded = load_spec(path)
        return Declared(name=name, spec=loaded.spec, text=loaded.text, base_dir=path.absolute().parent)
    record = workspace.read_run(_first_run(workspace, name, version.run_id))
    try:
        spec = msgspec.convert(record.spec, Spec)
    except msgspec.ValidationError as error:
        raise StateError(
            f"The run {record.run_id} was declared in a form that is not known: {error}.",
            code="run.damaged",
            hint="name its pipeline file with --pipeline",
            subject=f"run:{record.run_id}",
        ) from error
    return Declared(name=name, spec=spec, text=record.spec_text, base_dir=Path(record.paths.get("base", ".")))


def _first_run(workspace: Workspace, name: str, run_id: str) -> str:
    """The run that a person declared: a retraining's own run reads the tables that were gathered for it."""
    events = [event for event in workspace.journal().read() if event.subject == f"retraining:{name}"]
    champions = {e.payload["job"]: e.payload["champion"] for e in events if e.kind == "retraining.started"}
    made = {e.payload["run_id"]: e.payload["job"] for e in events if e.kind == "retraining.trained"}
    from modelwright.registry.versions import list_versions

    runs = {version.version: version.run_id for version in list_versions(workspace.journal(), name)}
    seen: set[str] = set()
    while run_id in made and run_id not in seen and champions.get(made[run_id]) in runs:
        seen.add(run_id)
        run_id = runs[champions[made[run_id]]]
    return run_id


def in_charge(workspace: Workspace, name: str) -> ModelVersion:
    """The champion, else the newest version. Raises NotFoundError (`model.unknown`)."""
    from modelwright.registry.versions import list_versions, show

    journal = workspace.journal()
    for version in list_versions(journal, name):
        if "champion" in version.aliases:
            return version
    return show(journal, name)

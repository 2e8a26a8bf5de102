"""Validation, before anything points there: the pipeline in a dry run, each model loaded and asked its golden rows,
and a server started for it that answers them over HTTP as the bundle did when it was written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from modelwright.core.errors import AdapterError, DataError, NotFoundError, StateError
from modelwright.lifecycle.rolling_back import check
from modelwright.lifecycle.snapshotting.work import DONE, Work
from modelwright.registry import versions


class Validation:
    name = "validation"

    def prepare(self, work: Work) -> dict[str, Any]:
        return {}

    def do(self, work: Work, prior: dict[str, Any]) -> tuple[str, str]:
        said = [_dry_run(work)] if _has(work, "pipeline.yaml") else []
        config = (work.wish.project / "serving.yaml") if _has(work, "serving.yaml") else None
        known = versions.fold(work.space.journal().read())
        for name, state in work.snapshot.pointers.items():
            version = next(one for one in known if one.name == name and one.version == state.live)
            folder = work.space.root / version.bundle_path
            check(folder, version, work.wish.hooks)
            asked = asked_over_http(work.space.root, folder, config, work.wish.hooks)
            said.append(
                f"{name} version {version.version} loads, answers its golden rows, and {asked} of them over HTTP"
            )
        return DONE, "; ".join(said) or "there is no model to ask"

    def undo(self, work: Work, prior: dict[str, Any]) -> None:
        """It changed nothing."""


def asked_over_http(workspace: Path, folder: Path, config: Path | None, hooks: Any = ()) -> int:
    """Ask golden rows of a server of their own. Returns how many were answered, none otherwise than by the bundle.

    Raises StateError (`rollback.test_request`, `trial.start`).
    """
    from modelwright.lifecycle.trial_server import differs, golden_requests, trial_server
    from modelwright.registry.manifest import decode
    from modelwright.registry.parity import TOLERANCE

    manifest = decode((folder / "manifest.json").read_bytes())
    name, answered, last = str(manifest.name), 0, ""
    with trial_server(workspace, str(folder), config=config, hooks=sorted(hooks)) as server:
        for body, answer in golden_requests(folder):
            status, reply = server.ask(f"/v1/models/{name}/predict", body)
            if status != 200:
                last = f"status {status}: {str(reply)[:200]}"  # a row that the door's own rules refuse is no answer
                continue
            if reply.get("degraded") or differs(reply, None if manifest.scorers.batch_only else answer, TOLERANCE):
                raise _wrong(f"it answered a golden row otherwise: {str(reply)[:200]}")
            answered += 1
    if not answered:
        raise _wrong(f"it answered no golden row ({last})")
    return answered


def _wrong(why: str) -> StateError:
    return StateError(
        f"A server started to try the model failed: {why}.",
        code="rollback.test_request",
        hint="what served goes on serving; `modelwright serve` on the bundle shows more",
        subject="validation",
    )


def _has(work: Work, path: str) -> bool:
    return any(kept.path == path for kept in work.snapshot.configuration)


def _dry_run(work: Work) -> str:
    """Read the pipeline with every check, its data and the plan of its features; nothing is trained or written.

    Raises SpecError and ModelError. Data that cannot be reached now is said: going back must not wait for it.
    """
    from modelwright.lifecycle.prepare import prepare
    from modelwright.spec.load import load_spec

    loaded = load_spec(work.wish.project / "pipeline.yaml")
    try:
        with loaded.locating():
            prepared = prepare(loaded.spec, loaded.base_dir)
    except (AdapterError, DataError, NotFoundError) as error:
        return f"pipeline.yaml is sound, its data could not be read now ({error.message.rstrip('.')})"
    return f"pipeline.yaml runs dry on {prepared.dataset.n_rows} rows"

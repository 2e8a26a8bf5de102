"""Train a run again from its record: the same bundle digest, or the name of every difference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request

if TYPE_CHECKING:
    from modelwright.core.run import RunRecord
    from modelwright.lifecycle.champion import Champion
    from modelwright.lifecycle.workspace import Workspace


class Request(_Request, frozen=True, kw_only=True):
    run: Annotated[str, Meta(description="a run id, a beginning of one, or latest", extra={"positional": True})] = (
        "latest"
    )
    base: Annotated[
        str | None, Meta(description="folder the pipeline's relative paths start from; the current one by default")
    ] = None


def perform(request: Request, context: Context) -> dict[str, Any]:
    import tempfile
    from dataclasses import replace
    from pathlib import Path

    import msgspec

    from modelwright.lifecycle.pipeline import Order, execute
    from modelwright.lifecycle.reproduction import changed_files, changed_inputs
    from modelwright.lifecycle.workspace import Workspace
    from modelwright.spec.model import Spec

    workspace = Workspace(context.workspace)
    record = workspace.read_run(request.run)
    folder = workspace.run_folder(record.run_id)
    base_dir = Path(request.base or record.paths.get("base") or ".")
    chosen = next((scorer.name for scorer in record.scorers if scorer.chosen), None)
    order = Order(
        spec=msgspec.convert(record.spec, Spec),
        text=record.spec_text,
        base_dir=base_dir,
        name=record.name,
        replay=record.plan,
        scorer=chosen,
        looks=record.report.looks if record.report is not None else None,
        champion=_champion(workspace, record),
        register=False,
        commit=record.commit,
    )
    # a fresh workspace: nothing of the first run can be reused, so equality is evidence
    with tempfile.TemporaryDirectory(prefix="modelwright-reproduce-") as scratch:
        again = execute(order, replace(context, workspace=Path(scratch)))
        differing = changed_files(folder / "bundle", Path(again.paths["bundle"]))
    inputs = changed_inputs(record, again)
    return {
        "run_id": record.run_id,
        "reproduced": again.bundle_digest == record.bundle_digest,
        "bundle_digest": {"before": record.bundle_digest, "now": again.bundle_digest},
        "changed_inputs": inputs,
        "changed_files": differing,
        "explanation": _explanation(inputs, differing),
        "timings_s": again.timings_s,
    }


def _champion(workspace: Workspace, record: RunRecord) -> Champion | None:
    """The version that the run was compared with, if it was."""
    from modelwright.lifecycle.champion import Champion
    from modelwright.registry.versions import show

    judged = record.judgement
    if judged is None or judged.champion_version is None:
        return None
    version = show(workspace.journal(), record.name, judged.champion_version)
    return Champion(version=version, folder=workspace.root / version.bundle_path)


def _explanation(inputs: dict[str, Any], files: list[str]) -> str:
    if not files:
        return "The same bundle, byte for byte."
    if inputs:
        return f"The bundle differs because these inputs do: {', '.join(sorted(inputs))}."
    return f"Inputs are the same, yet {', '.join(files)} differ: another processor may change the last bits."


PLUGIN: Operation = Operation(request=Request, perform=perform)

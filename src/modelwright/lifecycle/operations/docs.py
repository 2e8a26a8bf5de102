"""Write the documents of a run: report, model card, review, data sheet, pipeline design, experiment, assessment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request

Kind = Literal[
    "all", "report", "page", "model_card", "model_review", "data_sheet", "pipeline_design", "experiment", "assessment"
]


class Request(_Request, frozen=True, kw_only=True):
    run: Annotated[str, Meta(description="a run id, a beginning of one, or latest", extra={"positional": True})] = (
        "latest"
    )
    kind: Annotated[Kind, Meta(description="one document, or all")] = "all"
    output: Annotated[
        str | None, Meta(description="folder to write to; the run's own folder by default", extra={"flag": "-o"})
    ] = None


def perform(request: Request, context: Context) -> dict[str, Any]:
    """From the record alone: nothing is trained, opened or asked."""
    from modelwright.documents.library import DOCUMENTS, written
    from modelwright.lifecycle.workspace import Workspace, write_atomically

    workspace = Workspace(context.workspace)
    record = workspace.read_run(request.run)
    folder = workspace.run_folder(record.run_id) / "documents" if request.output is None else Path(request.output)
    made = written(record, request.kind)
    for name, text in made.items():
        write_atomically(folder / name, text.encode())
    paths = {kind: str(folder / name) for kind, (name, _) in DOCUMENTS.items() if name in made}
    result: dict[str, Any] = {"run_id": record.run_id, "kind": request.kind, "paths": paths}
    if len(made) == 1 and request.kind != "page":
        result["markdown"] = next(iter(made.values()))
    return result


PLUGIN: Operation = Operation(request=Request, perform=perform)

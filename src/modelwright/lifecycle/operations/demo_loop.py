"""Show the whole loop in minutes: live traffic, drift, a challenger, a canary, a bad one stopped, a way back."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    data: Annotated[str, Meta(description="a table with classes: sklearn:digits, or a file of 1,000 rows or more")] = (
        "sklearn:digits"
    )
    target: Annotated[str, Meta(description="its column of classes")] = "target"
    budget_s: Annotated[
        float, Meta(gt=0, le=3_600, description="seconds for everything; what does not fit is said, with exit code 1")
    ] = 175.0
    rate: Annotated[float, Meta(ge=1, le=500, description="requests a second")] = 40.0
    label_lag_s: Annotated[float, Meta(ge=0, le=60, description="how late labels come")] = 2.0
    seed: Annotated[int, Meta(ge=0, lt=2**31, description="orders the rows and seeds training")] = 7
    output: Annotated[str, Meta(description="folder of the report", extra={"flag": "-o"})] = "loop-report"
    keep: Annotated[str | None, Meta(description="keep tables, pipeline files and workspace in this folder")] = None


def perform(request: Request, context: Context) -> dict[str, Any]:
    import tempfile
    from pathlib import Path

    from modelwright.core.errors import StateError

    if request.keep is None:
        with tempfile.TemporaryDirectory(prefix="modelwright-loop-") as folder:
            return _shown(request, context, Path(folder))
    folder_ = Path(request.keep).absolute()
    if folder_.exists() and any(folder_.iterdir()):
        raise StateError(f"{folder_} is not empty.", code="demo.exists", hint="name a new folder with --keep",
                         subject="option:keep")  # fmt: skip
    folder_.mkdir(parents=True, exist_ok=True)
    return _shown(request, context, folder_)


def _shown(request: Request, context: Context, folder: Any) -> dict[str, Any]:
    from pathlib import Path

    from modelwright.documents.loop_report import markdown, page
    from modelwright.lifecycle.demonstrating.loop import show
    from modelwright.lifecycle.demonstrating.results import result_of
    from modelwright.lifecycle.demonstrating.scene import Wanted
    from modelwright.lifecycle.demonstrating.story import Story
    from modelwright.lifecycle.workspace import write_atomically

    wanted = Wanted(folder=folder, source=request.data, target=request.target,
                    per_s=request.rate, lag_s=request.label_lag_s, seed=request.seed)  # fmt: skip
    loop = show(wanted, Story(context, request.budget_s), context)
    result = result_of(loop, kept=request.keep)
    place = Path(request.output).absolute()
    place.mkdir(parents=True, exist_ok=True)
    result["paths"] |= {"html": str(place / "loop.html"), "markdown": str(place / "loop.md")}
    write_atomically(place / "loop.html", page(result).encode())
    write_atomically(place / "loop.md", markdown(result).encode())
    return result


PLUGIN: Operation = Operation(request=Request, perform=perform)

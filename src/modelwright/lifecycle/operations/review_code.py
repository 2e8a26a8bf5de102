"""Review Python files and notebooks: leaks, judging on the wrong rows, unsafe loading, loops that do not learn."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request

Grade = Literal["critical", "high", "medium", "low", "info"]


class Request(_Request, frozen=True, kw_only=True):
    paths: Annotated[
        tuple[str, ...], Meta(description="files, or folders that are searched", extra={"positional": True})
    ]
    diff: Annotated[str | None, Meta(description="only what changed since this git commit, branch or tag")] = None
    baseline: Annotated[str | None, Meta(description="a file of known findings; only new ones count")] = None
    write_baseline: Annotated[bool, Meta(description="take all findings of today as known")] = False
    fail_on: Annotated[Grade | None, Meta(description="exit 3 on a new finding of this severity or above")] = None
    fix: Annotated[bool, Meta(description="mend what is safe to mend, in the files")] = False
    suggest: Annotated[bool, Meta(description="show what else could be done, as a diff")] = False
    format: Annotated[
        Literal["text", "sarif", "github", "markdown", "html"] | None, Meta(description="the form of the output")
    ] = None
    output: Annotated[str | None, Meta(description="write the review here", extra={"flag": "-o"})] = None
    select: Annotated[tuple[str, ...], Meta(description="only these rules: LK, LK101,EV202; repeatable")] = ()
    ignore: Annotated[tuple[str, ...], Meta(description="not these rules; repeatable")] = ()
    noisy: Annotated[bool, Meta(description="also the advice that is off by default")] = False


def perform(request: Request, context: Context) -> dict[str, Any]:
    with _seldom_collected():
        return _perform(request, context)


@contextlib.contextmanager
def _seldom_collected() -> Iterator[None]:
    """Rules and syntax trees are many small objects; looking for cycles among them took a seventh of the start and a
    fifth of each file."""
    before = gc.get_threshold()
    gc.set_threshold(200_000, 20, 20)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _perform(request: Request, context: Context) -> dict[str, Any]:
    from modelwright.lifecycle.reviewing_code import CodeRequest, review_code

    return review_code(
        CodeRequest(
            paths=request.paths,
            diff=request.diff,
            baseline=request.baseline,
            write_baseline=request.write_baseline,
            fail_on=request.fail_on,
            fix=request.fix,
            suggest=request.suggest,
            form=request.format,
            output=request.output,
            select=request.select,
            ignore=request.ignore,
            noisy=request.noisy,
        ),
        context,
    )


PLUGIN: Operation = Operation(request=Request, perform=perform)

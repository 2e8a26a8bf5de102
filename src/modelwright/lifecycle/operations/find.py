"""Find model code, training, serving, configurations and saved models below a folder, without loading any."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    paths: Annotated[
        tuple[str, ...], Meta(description="folders or files; the current folder if none", extra={"positional": True})
    ] = ()
    exclude: Annotated[tuple[str, ...], Meta(description="leave these folders, files or globs out; repeatable")] = ()


def perform(request: Request, context: Context) -> dict[str, Any]:
    from pathlib import Path

    import msgspec

    from modelwright.checks.code.inventory import survey, tally
    from modelwright.core.errors import NotFoundError

    paths = request.paths or (".",)
    found = survey(paths, Path.cwd(), request.exclude)
    if not found.looked_at:
        why = "; ".join(f"{name}: {reason}" for name, reason in found.skipped[:3]) or "the folder is empty"
        raise NotFoundError(
            f"There is nothing to look at ({why}).", code="find.nothing", hint="name a folder", subject=" ".join(paths)
        )
    return {
        "looked_at": found.looked_at,
        "counts": tally(found.items),
        "found": [msgspec.to_builtins(item) for item in found.items],
        "skipped": [{"path": name, "reason": reason} for name, reason in found.skipped],
    }


PLUGIN: Operation = Operation(request=Request, perform=perform)

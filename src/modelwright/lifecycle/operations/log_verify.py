"""Read every sealed file's checksum and every segment's, and name what is damaged."""

from __future__ import annotations

from typing import Any

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    pass


def perform(request: Request, context: Context) -> dict[str, Any]:
    from modelwright.lifecycle.prediction_log import log_folder
    from modelwright.records.reading import problems, snapshot

    folder = log_folder(context.workspace)
    now = snapshot(folder)
    damaged = [{"file": file.path, "problem": error.message} for file, error in problems(folder, now.files)]
    damaged += [{"file": found.id, "problem": "; ".join(found.damage)} for found in now.unsealed if found.damage]
    if (folder / "damaged").is_dir():
        kept = [path.name for path in sorted((folder / "damaged").iterdir())]
        damaged += [{"file": f"damaged/{name}", "problem": "was damaged as it was sealed"} for name in kept]
    return {
        "files": len(now.files),
        "segments": len(now.unsealed),
        "rows": sum(file.rows for file in now.files) + sum(found.rows for found in now.unsealed),
        "ok": not damaged,
        "first": damaged[0]["file"] if damaged else None,
        "damaged": damaged,
    }


PLUGIN: Operation = Operation(request=Request, perform=perform)

"""Tell what the prediction log holds, what waits to be sealed and for how long, and what has failed."""

from __future__ import annotations

from typing import Any

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    pass


def perform(request: Request, context: Context) -> dict[str, Any]:
    from datetime import UTC, datetime

    from modelwright.core.clock import timestamp
    from modelwright.lifecycle.prediction_log import log_folder, sealer_status
    from modelwright.records.manifest import LABELS, PREDICTIONS, REPLACED, Manifest
    from modelwright.records.reading import snapshot
    from modelwright.records.segments import segment_folder

    folder = log_folder(context.workspace)
    now = snapshot(folder)
    where = segment_folder(folder)
    sizes = {path.stem: path.stat().st_size for path in where.iterdir()} if where.is_dir() else {}
    waiting = [found for found in now.unsealed if found.records]
    times = [int(frame["at"].dt.epoch("us").min() or 0) for one in waiting for frame in one.predictions.values()]  # type: ignore[arg-type]
    oldest = datetime.fromtimestamp(min(times) / 1_000_000, UTC) if times else None
    models: dict[str, dict[str, Any]] = {}
    for file in (file for file in now.files if file.kind == PREDICTIONS):
        one = models.setdefault(file.model, {"model": file.model, "rows": 0, "files": 0, "bytes": 0, "to": ""})
        one["rows"] += file.rows
        one["files"] += 1
        one["bytes"] += file.bytes
        one["to"] = max(one["to"], timestamp(datetime.fromtimestamp(file.max_us / 1_000_000, UTC)))
    damaged = folder / "damaged"
    return {
        "sealed": {
            "rows": sum(one["rows"] for one in models.values()),
            "labels": sum(file.rows for file in now.files if file.kind == LABELS),
            "files": len(now.files),
            "bytes": sum(file.bytes for file in now.files),
            "replaced_files": len(Manifest(folder).files(state=REPLACED)),
        },
        "unsealed": {
            "segments": len(now.unsealed),
            "rows": sum(found.rows for found in now.unsealed),
            "bytes": sum(sizes.values()),
            "oldest_at": timestamp(oldest) if oldest else None,
            "lag_s": round((context.clock.now() - oldest).total_seconds(), 1) if oldest else 0.0,
        },
        "models": sorted(models.values(), key=lambda one: str(one["model"])),
        "damaged_segments": sorted(path.name for path in damaged.glob("*")) if damaged.is_dir() else [],
        "sealer": sealer_status(context.workspace),
    }


PLUGIN: Operation = Operation(request=Request, perform=perform)

"""The two ways of `modelwright predict`: a large table in chunks, any other one at once."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from modelwright.core.digests import digest_of
from modelwright.core.tables import Predictions, Quarantined
from modelwright.lifecycle.batch.chunks import ROWS, Chunks, about_rows, fingerprint, source_for, unpacked_bytes
from modelwright.lifecycle.batch.targets import Target
from modelwright.lifecycle.operation import Context, Progress
from modelwright.lifecycle.scoring import identity, write_table

if TYPE_CHECKING:
    import polars as pl

    from modelwright.registry.bundle import LoadedBundle

#: below this a table is scored at once, without other processes
_SMALL_BYTES = 24 << 20
_MAX_BYTES = 1 << 50
_LISTED = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What was asked for: the fields of the command of the same names."""

    bundle: str
    data: str
    table: str | None
    prepare: str | None
    allow_hook: tuple[str, ...]
    intervals: bool
    log: bool
    workers: int | None
    chunk_rows: int | None


def in_chunks(
    request: Wanted, bundle: LoadedBundle, folder: Path, target: Target, context: Context
) -> dict[str, Any] | None:
    """None where the table is small, or has to be seen whole."""
    from modelwright.data.read import files_of

    if request.prepare is not None or request.table is not None or not bundle.model.by_row:
        if request.chunk_rows is not None:
            why = "a function of yours, a database table or windows over rows need the whole table"
            context.progress(Progress(step="read", message=f"not in chunks: {why}"))
        return None
    fetched = target.work / "input" if "://" in request.data else None
    files = files_of(request.data, Path.cwd(), fetched or target.work / "input", _MAX_BYTES)
    source = source_for(files) if files else None
    small = files is None or (request.chunk_rows is None and unpacked_bytes(files) <= _SMALL_BYTES)
    if source is None or files is None or (small and fetched is None):
        return None
    return _score(request, bundle, folder, target, context, _Input(files, source, fetched is not None))


class _Input:
    def __init__(self, files: list[Path], source: Any, fetched: bool) -> None:
        self.files, self.source, self.fetched = files, source, fetched


def _score(
    request: Wanted, bundle: LoadedBundle, folder: Path, target: Target, context: Context, table: _Input
) -> dict[str, Any]:
    from modelwright.lifecycle.batch.scoring import score
    from modelwright.lifecycle.batch.worker import Setup
    from modelwright.training.capacity import cores

    rows = request.chunk_rows or ROWS
    same = {
        "input": fingerprint(table.files, fetched=table.fetched),
        "bundle": bundle.digest,
        "suffix": target.path.suffix,
        "intervals": request.intervals,
        "log": request.log,
        "rows": rows,
    }
    name, version = identity(request.bundle, context.workspace)
    setup = Setup(
        folder=str(folder),
        digest=bundle.digest,
        hooks=tuple(request.allow_hook),
        suffix=target.path.suffix,
        intervals=request.intervals,
        request_id=f"batch-{digest_of(same).removeprefix('b3:')[:16]}",
        log=str(context.workspace) if request.log else "",
        name=name,
        version=version,
    )
    target.work.mkdir(parents=True, exist_ok=True)
    chunks = Chunks(table.source, table.files, target.work / "quarantine.jsonl", rows)
    scored = score(
        chunks,
        target,
        setup,
        bundle,
        identity=same,
        workers=request.workers or cores(),
        total=about_rows(table.files),
        tell=context.progress,
    )
    coercions = [
        {"column": column, "count": count, "what": f"{count:,} values became missing or were rewritten"}
        for column, count in scored.coercions.items()
    ]
    return {
        "rows": scored.rows,
        "resumed_rows": scored.resumed,
        "columns": scored.columns,
        "bundle_digest": bundle.digest,
        "quarantined": _listed(chunks.first_bad),
        "quarantined_rows": chunks.quarantined,
        "coercions": coercions,
        "paths": target.publish(quarantined=chunks.quarantined > 0),
    }


def whole(request: Wanted, bundle: LoadedBundle, folder: Path, target: Target, context: Context) -> dict[str, Any]:
    """Read, answer and write in one go. Raises ModelwrightError."""
    from modelwright.lifecycle.prepare import apply_prepare, read_source
    from modelwright.lifecycle.typed import texts_of_training, typed
    from modelwright.registry.answers import predictions_frame
    from modelwright.spec.model import DataSpec, Spec

    context.progress(Progress(step="read", message=f"reading {request.data}"))
    raw = read_source(Spec(data=DataSpec(source=request.data, table=request.table)), Path.cwd())
    if request.prepare is not None:
        raw = typed(raw, texts_of_training(raw.frame, bundle.signature))
        raw = apply_prepare(raw, request.prepare, Path.cwd())
    context.progress(Progress(step="predict", message=f"scoring {raw.frame.height:,} rows"))
    stored, coercions = bundle.conform(raw.frame)
    predictions = bundle.predict(raw.frame)
    answers = predictions_frame(bundle.signature, predictions)
    if request.intervals:
        answers = answers.hstack(bundle.uncertain(predictions))
    if request.log:
        _log(request, bundle, folder, context, stored, predictions)
    write_table(answers, target.path)
    _write_quarantine(target.quarantine, raw.quarantined)
    return {
        "rows": answers.height,
        "columns": answers.columns,
        "bundle_digest": bundle.digest,
        "quarantined": _listed(raw.quarantined),
        "quarantined_rows": len(raw.quarantined),
        "coercions": [{"column": each.column, "count": each.count, "what": each.what} for each in coercions],
        "paths": target.publish(quarantined=bool(raw.quarantined)),
    }


def _log(
    request: Wanted,
    bundle: LoadedBundle,
    folder: Path,
    context: Context,
    stored: pl.DataFrame,
    predictions: Predictions,
) -> None:
    import secrets

    from modelwright.lifecycle.batch.logging import BatchLog
    from modelwright.lifecycle.scoring import prediction_log

    name, version = identity(request.bundle, context.workspace)
    log = BatchLog(
        prediction_log(context.workspace),
        bundle,
        name=name,
        version=version,
        folder=folder,
        workspace=context.workspace,
    )
    try:
        log.write(f"batch-{secrets.token_hex(8)}", stored, predictions)
    finally:
        log.close()


def _write_quarantine(path: Path, rows: tuple[Quarantined, ...]) -> None:
    """Whole or not at all; none where every row was read."""
    if not rows:
        path.unlink(missing_ok=True)
        return
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as draft:
        for row in rows:
            said = {"line": row.line, "reason": row.reason, "content": row.content}
            draft.write(msgspec.json.encode(said) + b"\n")
    Path(draft.name).replace(path)


def _listed(rows: Any) -> list[dict[str, Any]]:
    return [{"line": row.line, "reason": row.reason} for row in list(rows)[:_LISTED]]

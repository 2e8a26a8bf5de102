"""Seal the prediction log now: finished segments become Parquet files of the manifest; hours are compacted."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    compact: Annotated[bool, Meta(description="also merge the small files of each past hour into one")] = False


def perform(request: Request, context: Context) -> dict[str, Any]:
    from dataclasses import asdict

    from modelwright.lifecycle.prediction_log import log_folder
    from modelwright.records.keeping import compact
    from modelwright.records.sealing import seal

    folder = log_folder(context.workspace)
    now_us = int(context.clock.now().timestamp() * 1_000_000)
    done: dict[str, Any] = asdict(seal(folder, now_us))
    if request.compact and folder.is_dir():
        done["compacted"] = asdict(compact(folder, now_us))
    return done


PLUGIN: Operation = Operation(request=Request, perform=perform)

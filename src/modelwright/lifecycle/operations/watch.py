"""Watch a live model: drift, decay, health; retrain by policy, drive the rollout, tell who should know."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    name: Annotated[str, Meta(description="the registered model", extra={"positional": True})]
    once: Annotated[bool, Meta(description="one round, then end")] = False
    every: Annotated[
        str, Meta(description="pause between rounds: 60s, 5m, 1h", pattern=r"^[1-9][0-9]*(s|m|h|d|w)$")
    ] = "60s"
    pipeline: Annotated[
        str | None, Meta(description="the pipeline file, read anew each round (default: what made the live version)")
    ] = None


def perform(request: Request, context: Context) -> dict[str, Any] | None:
    import signal
    import threading

    from modelwright.lifecycle.watching import Watcher
    from modelwright.spec.monitoring import seconds

    watcher = Watcher(request.name, context, request.pipeline)
    if request.once:
        return watcher.once()
    stop = threading.Event()
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        watcher.watch(seconds(request.every), stop, context.announce)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return None


PLUGIN: Operation = Operation(request=Request, perform=perform)

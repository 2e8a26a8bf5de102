"""Serve models over HTTP: one command, a live endpoint with health, metrics, a log and swaps nobody notices."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    models: Annotated[
        tuple[str, ...],
        Meta(description="NAME, NAME@alias, NAME:version, run:ID or a bundle folder", extra={"positional": True}),
    ]
    host: Annotated[str, Meta(description="address to listen on; beyond this machine only with keys")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535, description="0 takes a free one")] = 8080
    workers: Annotated[int, Meta(ge=1, le=256, description="processes that answer; the model's memory is shared")] = 1
    grpc_port: Annotated[
        Annotated[int, Meta(ge=0, le=65_535)] | None, Meta(description="also answer gRPC, in a process of its own")
    ] = None
    config: Annotated[
        str | None, Meta(description="YAML with a `serving:` section; by default that of the run that made the model")
    ] = None
    allow_open: Annotated[bool, Meta(description="let everybody ask who can reach it, without a key")] = False
    tls_cert: Annotated[str | None, Meta(description="certificate chain in PEM form")] = None
    tls_key: Annotated[str | None, Meta(description="its key in PEM form, readable by its owner only")] = None
    no_log: Annotated[bool, Meta(description="write no prediction down")] = False
    memory_mb: Annotated[
        Annotated[int, Meta(ge=32)] | None, Meta(description="a worker that grows beyond it is replaced")
    ] = None
    hang_s: Annotated[float, Meta(ge=1.0, le=600.0, description="a worker silent for so long is replaced")] = 15.0
    allow_hook: Annotated[
        tuple[str, ...], Meta(description="let a bundle call this function of yours, module:function; repeatable")
    ] = ()


def perform(request: Request, context: Context) -> dict[str, Any] | None:
    from pathlib import Path

    from modelwright.core.plugins import load
    from modelwright.serving.door import Opening

    opening = Opening(
        models=request.models,
        workspace=context.workspace,
        host=request.host,
        port=request.port,
        grpc_port=request.grpc_port,
        workers=request.workers,
        config=None if request.config is None else Path(request.config),
        open_to_all=request.allow_open,
        tls_cert=None if request.tls_cert is None else Path(request.tls_cert),
        tls_key=None if request.tls_key is None else Path(request.tls_key),
        log=not request.no_log,
        memory_mb=request.memory_mb,
        hang_s=request.hang_s,
        hooks=request.allow_hook,
        ready=context.announce,
        announce=_say,
    )
    code: int = load("doors", "http").serve(opening)
    return None if code == 0 else {"ok": False}


def _say(line: str) -> None:
    """What happens while it serves, for the operator: standard error, one line each."""
    import sys

    sys.stderr.write(f"modelwright serve: {line}\n")
    sys.stderr.flush()


PLUGIN: Operation = Operation(request=Request, perform=perform)

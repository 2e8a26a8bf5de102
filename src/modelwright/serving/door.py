"""What a door is: something that `serve` opens onto the plane, loaded by name because doors stand above this room."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from modelwright.serving.asking import Limits

if TYPE_CHECKING:
    import asyncio
    import socket
    import ssl

    from modelwright.records.ports import PredictionLog
    from modelwright.records.prediction import Label
    from modelwright.serving.access import Access
    from modelwright.serving.asking import Health
    from modelwright.serving.counters import Counters
    from modelwright.serving.plane import Plane
    from modelwright.serving.shedding import Shedder
    from modelwright.spec.serving import ServingSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """Everything that `modelwright serve` was asked for."""

    models: tuple[str, ...]  # NAME, NAME:VERSION, NAME@ALIAS, run:ID or a bundle folder
    workspace: Path
    host: str = "127.0.0.1"
    port: int = 8080
    grpc_port: int | None = None
    workers: int = 1
    limits: Limits = field(default_factory=Limits)
    options: Mapping[str, Any] = field(default_factory=dict)  # the `serving:` section, checked
    config: Path | None = None  # where the `serving:` section is read from; else the run that made the model
    open_to_all: bool = False  # beyond loopback without keys
    tls_cert: Path | None = None
    tls_key: Path | None = None
    log: bool = True
    memory_mb: int | None = None  # of one worker
    hang_s: float = 15.0  # without a sign of life, after which a worker is replaced
    hooks: tuple[str, ...] = ()  # the user's own functions that a bundle may call
    ready: Callable[[Mapping[str, Any]], None] = field(default=lambda _facts: None)  # once, when it answers
    announce: Callable[[str], None] = field(default=lambda _line: None)


@dataclass(slots=True, kw_only=True)
class Desk:
    """What one process that serves hands to its door. Everything is for the thread of its event loop."""

    opening: Opening
    spec: ServingSpec
    plane: Plane
    access: Access
    counters: Counters
    shedder: Shedder
    limits: Limits
    health: Callable[[], Health]
    feedback: Callable[[Label], None]
    log: PredictionLog | None
    stopping: asyncio.Event
    sock: socket.socket | None = None  # listens already; stays open in the supervisor
    replays: Any = None  # replies by idempotency key, in memory that the workers share
    tls: ssl.SSLContext | None = None


@runtime_checkable
class Hosted(Protocol):
    """A door that the supervisor hosts in processes of its own, each with an event loop."""

    async def host(self, desk: Desk) -> None:
        """Answer until `desk.stopping`, then finish what is in flight and return."""
        ...


@runtime_checkable
class Door(Protocol):
    def serve(self, opening: Opening) -> int:
        """Serve until told to stop (SIGTERM, SIGINT); returns the exit code."""
        ...

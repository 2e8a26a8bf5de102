"""What the HTTP door is given: the plane, and everything round it that the process which hosts the door owns."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from modelwright.interfaces.http.replaying import Remembered
from modelwright.records.ports import PredictionLog
from modelwright.records.prediction import Label
from modelwright.serving.asking import Answer, Ask, Health, Limits
from modelwright.serving.counters import Reading
from modelwright.serving.live import Served
from modelwright.serving.shedding import Shedder

#: the scopes a route can ask for; `open` asks for no key at all
SCOPES = ("open", "predict", "explain", "feedback", "read", "admin")


class Plane(Protocol):
    """The part of `serving.plane.Plane` that this door uses."""

    def answer(self, ask: Ask) -> Answer: ...

    def quickly(self, name: str, body: bytes, received: float, caller: str) -> tuple[bytes, bytes, float, int] | None:
        """Request id, reply, when it was there and of how many rows, for what most requests are; None: ask `answer`."""
        ...

    def commit(self) -> int:
        """Hand every record appended since the last call to the log; returns its position. Raises AdapterError."""
        ...

    def explain(self, ask: Ask, most_rows: int = 10) -> dict[str, Any]: ...

    def find(self, name: str, which: str = "") -> Served: ...

    def models(self) -> dict[str, tuple[Served, ...]]: ...

    def aliases(self, name: str) -> dict[str, int]: ...


class Caller(Protocol):
    """Who asks. `id` names the key in the log and in counters; never the key itself."""

    @property
    def id(self) -> str: ...


class Access(Protocol):
    def check(self, key: str | None, scope: str, client: str) -> Caller:
        """Who this is, if the key is allowed `scope` now. Called once a request, so it also takes from the caller's
        rate. `client` is the peer's address. Raises Refused: key.missing, key.unknown, key.scope, key.rate."""
        ...

    def charge(self, caller: Any, rows: int) -> None:
        """Take all rows of an answered request but the first from the rate of whom `check` gave."""
        ...


class Counters(Protocol):
    """`serving.counters.Counters`. The door counts `http_requests` by (model, status) and `http_refused` by (code,)."""

    def count(self, name: str, labels: tuple[str, ...] = (), by: float = 1.0) -> None: ...

    def put(self, name: str, value: float, labels: tuple[str, ...] = ()) -> None: ...

    def observe_latency(self, us: int, model: str = "") -> None: ...

    def read(self) -> Iterable[Reading]:
        """Every family, summed over the workers."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """What one connection may cost. Times in seconds."""

    header_timeout_s: float = 10.0  # from the first byte of a request (or the connection) to the end of its headers
    body_timeout_s: float = 30.0  # from the end of the headers to the last byte of the body
    keep_alive_s: float = 75.0  # an idle connection is closed after it
    connections: int = 2_048  # further ones get 503 and are closed
    header_bytes: int = 32 << 10  # all headers of one request together
    drain_s: float = 20.0  # what is in flight at the stop may take


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Everything the HTTP door asks for. Functions are called in the event loop's thread and must not wait."""

    plane: Plane
    access: Access
    counters: Counters
    health: Callable[[], Health]
    #: appends one late label to the prediction log; the commit before the reply writes it, with all others of the turn
    feedback: Callable[[Label], None]
    #: the log whose `when_synced` replies wait for under durability `disk`; None where nothing is logged
    log: PredictionLog | None = None
    limits: Limits = field(default_factory=Limits)
    wire: Wire = field(default_factory=Wire)
    #: called after the replies of a turn of the loop have left, for what must not delay them (shadows)
    after_replies: Callable[[], None] | None = None
    #: decides who waits and who is refused where there are too many; None: each is answered where it was read
    shedder: Shedder | None = None
    #: names (without port, lower case) that a Host or Origin header may say; None allows any
    allowed_hosts: frozenset[str] | None = frozenset({"localhost", "127.0.0.1", "[::1]"})
    #: where tracebacks of unexpected errors go; None: nowhere but standard error
    incidents: Path | None = None
    #: remembered replies by idempotency key, shared with the other workers, and for how long
    replays: Remembered = field(default_factory=Remembered)
    replay_s: float = 600.0

    @property
    def durability(self) -> str:
        """What the reply's `x-modelwright-log` says: group, disk, buffered or off."""
        return "off" if self.log is None else self.log.durability

"""The HTTP door as an application object, for hosting under any ASGI server: same dialects, keys and prediction log as
`modelwright serve`, one model, no supervisor beside it.

The model is loaded when the object is made, so that a mistake stops the host; whatever belongs to one process (the
log, counters) is opened when that process starts to answer, and closed by the lifespan's end or at the process's.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import time
from collections.abc import Iterable
from pathlib import Path

from modelwright.core.clock import SystemClock
from modelwright.core.errors import ModelwrightError, StateError
from modelwright.core.plugins import load as load_plugin
from modelwright.interfaces.http.application import Application, Receive, Scope, Send, make
from modelwright.interfaces.http.service import Service
from modelwright.interfaces.server.asked import Asked, specs_of
from modelwright.lifecycle.workspace import Workspace
from modelwright.records.keys import load_key
from modelwright.records.ports import PredictionLog
from modelwright.records.prediction import Label, encode
from modelwright.registry import keys as registered
from modelwright.serving import live
from modelwright.serving.access import Access, Rates
from modelwright.serving.asking import Health, Limits
from modelwright.serving.counters import READY, Board, Counters, Reading
from modelwright.serving.door import Opening
from modelwright.serving.plane import Plane
from modelwright.serving.shedding import Shedder

_TICK_S = 0.5
_KEYS_S = 2.0  # a key that is revoked is refused within twice of it


def asgi(
    model: str | os.PathLike[str],
    *,
    workspace: str | os.PathLike[str] = ".modelwright",
    keys: bool = True,
    log: bool = True,
    config: str | os.PathLike[str] | None = None,
    hosts: Iterable[str] | None = None,
    hooks: tuple[str, ...] = (),
) -> Hosted:
    """An ASGI application that serves one model: NAME, NAME:VERSION, NAME@ALIAS, run:ID or a bundle folder.

    keys: ask for a key of the workspace; False lets anybody ask. log: write predictions down in the workspace.
    config: YAML with a `serving:` section; by default that of the run that made the model. hosts: names that the Host
    header may say; by default any. Raises NotFoundError, ModelError (`bundle.*`), StateError (`serve.no_keys`).
    """
    return Hosted(str(model), Path(workspace).absolute(), keys=keys, log=log, hooks=hooks, hosts=hosts,
                  config=None if config is None else Path(config))  # fmt: skip


class Hosted:
    """The application. One event loop at a time may run it."""

    def __init__(
        self, model: str, workspace: Path, *, keys: bool, log: bool, config: Path | None, hosts: Iterable[str] | None,
        hooks: tuple[str, ...],
    ) -> None:  # fmt: skip
        self._workspace, self._keyed, self._hooks = workspace, keys, hooks
        self._hosts = None if hosts is None else frozenset(name.lower() for name in hosts)
        self._journal = Workspace(workspace, actor="asgi").journal()
        events = list(self._journal.read())
        self._wanted = Asked.of(Opening(models=(model,), workspace=workspace), events).wanted(events)[0]
        self._spec = specs_of([self._wanted], config)[self._wanted.name]
        self._logs = log and self._spec.log.enabled
        self._log: PredictionLog | None = None
        self._keys, self._events = registered.fold(events), events
        self._seen = events[-1].sequence if events else 0
        self._check_keys()
        self._served = self._load(probe=True)
        self._process = os.getpid()
        self._app: Application | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def _check_keys(self) -> None:
        """Raises StateError (`serve.no_keys`) where keys are asked for and there are none."""
        now = SystemClock().now()
        if self._keyed and not any(key.live(now) for key in self._keys):
            raise StateError(
                "A hosted application may be reached by others, and there is no key to keep them out.",
                code="serve.no_keys",
                hint="make one with `modelwright keys create NAME`, or say keys=False if anybody may ask",
                subject="asgi",
            )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        else:
            await self._opened()(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                try:
                    self._opened()
                except Exception as error:
                    await send({"type": "lifespan.startup.failed", "message": str(error)})
                    raise
                await send({"type": "lifespan.startup.complete"})
            else:
                self.close()
                await send({"type": "lifespan.shutdown.complete"})
                return

    def close(self) -> None:
        """Write the log to the disk and close it. A later request opens it again."""
        app, self._app = self._app, None
        if app is not None:
            app.exchange.tracing.close()
        log, self._log = self._log, None
        if log is not None and self._process == os.getpid():
            log.close()

    # ------------------------------------------------------------ what belongs to one process

    def _opened(self) -> Application:
        loop = asyncio.get_running_loop()
        if self._app is not None and self._loop is loop and self._process == os.getpid():
            return self._app
        self._app = self._open(loop)
        return self._app

    def _open(self, loop: asyncio.AbstractEventLoop) -> Application:
        if self._process != os.getpid():  # forked: buffers are one process's own, and not every runtime survives it
            self._process, self._log, self._served = os.getpid(), None, self._load(probe=False)
            self._journal = Workspace(self._workspace, actor="asgi").journal()
        if self._log is not None:
            self._log.close()
        self._log = self._open_log()
        plane = Plane(self._log)
        plane.put(
            self._served, aliases=[name for name, at in self._wanted.aliases.items() if at == self._served.version]
        )
        access = Access(Rates(), beyond_loopback=self._keyed, open_to_all=not self._keyed)
        access.set_keys(self._keys)
        counters = _Counters(plane)
        service = Service(
            plane=plane, access=access, counters=counters, health=lambda: _health(plane), feedback=self._feedback,
            log=self._log, limits=self._limits(), allowed_hosts=self._hosts, incidents=self._workspace / "incidents",
            shedder=Shedder(
                loop.call_soon, most=self._spec.queue, longest_s=self._spec.deadline_ms / 2e3,
                shed=lambda why: counters.count("shed", (why,)),
            ),
        )  # fmt: skip
        app = make(service)
        self._loop = loop
        loop.call_later(_TICK_S, self._tick, app, access, time.monotonic())
        return app

    def _open_log(self) -> PredictionLog | None:
        if not self._logs:
            return None
        folder = self._workspace / "log" / "predictions"
        opened: PredictionLog = load_plugin("logs", "segments")(
            folder, durability=self._spec.log.durability, sync_ms=self._spec.log.sync_ms
        )
        atexit.register(self.close)
        return opened

    def _load(self, *, probe: bool) -> live.Served:
        place = next(one for one in self._wanted.places if one.version == self._wanted.live[0])
        key = load_key(self._workspace / "log" / "predictions") if self._logs else b""
        return live.load(
            Path(place.folder), self._wanted.name, place.version, self._spec, limits=self._limits(), probe=probe,
            expected=place.digest, hooks=self._hooks, key=key,
        )  # fmt: skip

    def _limits(self) -> Limits:
        spec = self._spec
        return Limits(max_bytes=spec.max_bytes, max_rows=spec.max_rows, deadline_s=spec.deadline_ms / 1e3)

    def _feedback(self, label: Label) -> None:
        if self._log is not None:
            self._log.append(encode(label))

    def _tick(self, app: Application, access: Access, last: float) -> None:
        """Give up on replies that the disk keeps, and hear of keys that were made or revoked."""
        if app is not self._app or self._loop is None:
            return
        now = time.monotonic()
        app.outbox().expire(now)
        if now - last >= _KEYS_S:
            last = now
            self._refresh(access)
        self._loop.call_later(_TICK_S, self._tick, app, access, last)

    def _refresh(self, access: Access) -> None:
        """A journal that cannot be read now leaves the keys as they are."""
        with contextlib.suppress(ModelwrightError):
            fresh = list(self._journal.read(after=self._seen))
            if fresh:
                self._seen = fresh[-1].sequence
                self._events += fresh
                self._keys = registered.fold(self._events)
                access.set_keys(self._keys)


class _Counters(Counters):
    """Counts of this process alone; what models count for themselves is moved here when somebody reads."""

    def __init__(self, plane: Plane) -> None:
        super().__init__(Board(2), 1)
        self.live(os.getpid())
        self.state = READY
        self._plane = plane

    def read(self) -> list[Reading]:
        for found in self._plane.models().values():
            for served in found:
                labels = (served.name, str(served.version))
                for route, count in served.by_route().items():
                    self.put("predictions", float(count), (*labels, route))
                self.put("rows", float(served.rows), labels)
        return super().read()


def _health(plane: Plane) -> Health:
    models = {name: sorted(one.version for one in found) for name, found in plane.models().items()}
    return Health(live=True, ready=True, started=True, models=models)

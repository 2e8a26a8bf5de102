"""A process that answers: forked with the models loaded, it opens the log, plugs things together and hosts a door."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import ssl
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from modelwright.core.errors import ModelwrightError
from modelwright.core.plugins import load
from modelwright.interfaces.server.link import Link
from modelwright.records.keys import load_key
from modelwright.records.prediction import Label, encode
from modelwright.registry.keys import Key
from modelwright.serving import live
from modelwright.serving.access import Access, Rates
from modelwright.serving.asking import Health, Limits
from modelwright.serving.counters import DRAINING, FAMILIES, READY, REFUSED, Board, Counters
from modelwright.serving.door import Desk, Opening
from modelwright.serving.fallback import Chain
from modelwright.serving.plane import Plane
from modelwright.serving.presence import Sign
from modelwright.serving.shedding import Shedder
from modelwright.serving.swapping import Deployment, Place, Wanted
from modelwright.spec.serving import ServingSpec

if TYPE_CHECKING:
    import socket

    from modelwright.registry.bundle import LoadedBundle

_BEAT_S = 0.25
_SHADOWS_S = 0.01
#: objects made before garbage is looked for: a request leaves none in circles, and each look costs all of them time
_COLLECT = (20_000, 20, 50)
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(slots=True, kw_only=True)
class Post:
    """What a process is given by the supervisor that forks it."""

    opening: Opening
    door: str
    slot: int
    board: Board
    rates: Rates
    link: Link
    sock: socket.socket | None
    tls: ssl.SSLContext | None
    beyond_loopback: bool
    keys: Sequence[Key]
    wanted: Sequence[Wanted]
    spares: Mapping[str, Mapping[str, Place]]  # bundles that answer when a model fails, by name of the model
    specs: Mapping[str, ServingSpec]
    loaded: Mapping[str, LoadedBundle] = field(default_factory=dict)  # by digest; their golden rows are not rechecked
    started: float = 0.0
    replays: Any = None


def run(post: Post) -> int:
    """The whole life of the process; returns its exit code."""
    import uvloop

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the supervisor alone decides
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    Counters(post.board, post.slot).live(os.getpid())
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_Worker(post).work())
    except ModelwrightError as error:
        post.link.say(said="failed", code=error.code, message=error.message, hint=error.hint)
        return 1
    return 0


class _Worker:
    def __init__(self, post: Post) -> None:
        self.post = post
        self.counters = Counters(post.board, post.slot)
        self.spec = next(iter(post.specs.values()), ServingSpec())
        self.log = self._open_log()
        self.plane = Plane(self.log)
        self.access = Access(post.rates, beyond_loopback=post.beyond_loopback, open_to_all=post.opening.open_to_all)
        self.access.set_keys(post.keys)
        self.refused: dict[str, str] = {}
        self.started = False
        self.counted: dict[tuple[str, ...], int] = {}

    #: the workspace's own: every worker writes a value's hash alike, so that a person's records can be erased
    _hashing_key = b""

    def _open_log(self) -> Any:
        if not self.post.opening.log or not self.spec.log.enabled:
            return None
        opened = load("logs", "segments")
        folder = self.post.opening.workspace / "log" / "predictions"
        self._hashing_key = load_key(folder)
        return opened(folder, durability=self.spec.log.durability, sync_ms=self.spec.log.sync_ms)

    async def work(self) -> None:
        loop = asyncio.get_running_loop()
        self.stopping = asyncio.Event()
        soon = loop.call_soon_threadsafe
        self.shedder = Shedder(
            loop.call_soon,
            most=self.spec.queue,
            longest_s=self.spec.deadline_ms / 2e3,
            shed=lambda why: self.counters.count("shed", (why,)),
        )
        self.deployment = Deployment(self.plane, self._load, soon, went_live=self._went_live, refused=self._refused)
        self.chain = Chain(self.plane, self.deployment.former, self._spec, soon=soon, count=self.counters.count)
        self.sign = Sign(self.post.opening, self.post.door, self._url())
        self._adopt()
        gc.freeze()  # what is loaded by now lives as long as the process
        gc.set_threshold(*_COLLECT)
        gc.enable()
        loop.add_signal_handler(signal.SIGTERM, self.stop)
        loop.add_reader(self.post.link.fileno(), self._listen)
        beating = asyncio.ensure_future(self._beat())
        shadowing = asyncio.ensure_future(self._shadow())
        hosting = asyncio.ensure_future(load("doors", self.post.door).host(self._desk()))
        loop.call_later(0, self._ready)
        self._fetch_spares()
        try:
            await hosting
        finally:
            for task in (beating, shadowing):
                task.cancel()
            self._collect()
            if self.log is not None:
                self.log.close()

    def stop(self) -> None:
        if not self.stopping.is_set():
            self.counters.state = DRAINING
            self.sign.end()
            self.shedder.flush()
            self.stopping.set()

    # ------------------------------------------------------------ models

    def _adopt(self) -> None:
        for wanted in self.post.wanted:
            places = {place.version: self._serve_loaded(wanted.name, place) for place in wanted.places}
            self.deployment.adopt(wanted, places)

    def _serve_loaded(self, name: str, place: Place) -> live.Served:
        bundle = self.post.loaded.get(place.digest)
        if bundle is None:
            return self._load(name, place)
        served = live.Served(
            bundle, name, place.version, self._spec(name), _limits(self._spec(name)), key=self._hashing_key
        )
        served.recheck()
        return served

    def _load(self, name: str, place: Place) -> live.Served:
        """In a thread of its own while others are answered; a child has probed it."""
        spec = self._spec(name)
        return live.load(
            Path(place.folder), name, place.version, spec,
            limits=_limits(spec), probe=False, expected=place.digest, hooks=self.post.opening.hooks,
            key=self._hashing_key,
        )  # fmt: skip

    def _spec(self, name: str) -> ServingSpec:
        return self.post.specs.get(name, self.spec)

    def _went_live(self, name: str, version: int) -> None:
        self.refused.pop(name, None)
        if self.started:
            self.counters.count("swaps", (name, str(version)))
        self.post.link.say(said="live", name=name, version=version)
        asyncio.get_running_loop().call_soon(self._tell)

    def _refused(self, name: str, place: Place, error: ModelwrightError) -> None:
        self.refused[name] = f"version {place.version} of '{name}' was refused: {error.message}"
        self.counters.count("refused_versions", (name, str(place.version)))
        self.post.link.say(said="refused", name=name, version=place.version, message=error.message, code=error.code)

    def _fetch_spares(self) -> None:
        for name, places in self.post.spares.items():
            self.chain.fetch(name, places, self._load)

    # ------------------------------------------------------------ the supervisor's word

    def _listen(self) -> None:
        for line in self.post.link.lines():
            match line.get("do"):
                case "drain":
                    self.stop()
                case "keys":
                    self.access.set_keys(msgspec.convert(line["keys"], list[Key]))
                case "become":
                    self.deployment.become(msgspec.convert(line["wanted"], list[Wanted]))
                case "spares":
                    spares = msgspec.convert(line["spares"], dict[str, dict[str, Place]])
                    for name, places in spares.items():
                        self.chain.fetch(name, places, self._load)
                case "refused":
                    self.refused[line["name"]] = line["why"]
        if self.post.link.closed:  # the supervisor is gone: nobody would replace us, or stop us
            asyncio.get_running_loop().remove_reader(self.post.link.fileno())
            self.stop()

    # ------------------------------------------------------------ what the door is given

    def _desk(self) -> Desk:
        return Desk(
            opening=self.post.opening, spec=self.spec, plane=self.plane, access=self.access, counters=self.counters,
            shedder=self.shedder, limits=_limits(self.spec), health=self.health, feedback=self.feedback, log=self.log,
            stopping=self.stopping, sock=self.post.sock, tls=self.post.tls, replays=self.post.replays,
        )  # fmt: skip

    def health(self) -> Health:
        whole = self.post.board.state_of(0)
        ready = self.started and self.counters.state == READY and whole not in (DRAINING, REFUSED)
        why = "; ".join(self.refused.values()) if ready else "it is stopping" if self.started else "it is starting"
        models = {name: sorted(one.version for one in found) for name, found in self.plane.models().items()}
        return Health(live=True, ready=ready, started=self.started, why=why, models=models)

    def feedback(self, label: Label) -> None:
        if self.log is None:
            return
        self.log.append(encode(label))

    def _ready(self) -> None:
        self.started = True
        if not self.stopping.is_set():
            self.counters.state = READY
        self.counters.put("load_seconds", time.monotonic() - self.post.started)
        self.counters.beat()
        self.post.link.say(said="ready", slot=self.post.slot)

    # ------------------------------------------------------------ in between

    async def _beat(self) -> None:
        while True:
            self.counters.beat()
            self._collect()
            self._tell()
            await asyncio.sleep(_BEAT_S)

    def _tell(self) -> None:
        """Whoever waits for this process to follow reads it from the workspace."""
        if self.started and not self.stopping.is_set():
            live = {name: wanted.live for name, wanted in self.deployment.wanted.items()}
            loaded = {name: tuple(one.digest for one in found) for name, found in self.plane.models().items()}
            self.sign.say(live, loaded, self.refused)

    def _url(self) -> str:
        opening, sock = self.post.opening, self.post.sock
        port = sock.getsockname()[1] if sock is not None else opening.grpc_port or opening.port
        return f"{'https' if self.post.tls else 'http'}://{opening.host}:{port}"

    async def _shadow(self) -> None:
        while True:
            more = self.plane.work_shadows()
            await asyncio.sleep(0 if more else _SHADOWS_S)

    def _collect(self) -> None:
        """Numbers that others keep for themselves, moved to where all can see them."""
        counters = self.counters
        with contextlib.suppress(OSError, ValueError, IndexError), open("/proc/self/statm", "rb") as facts:  # noqa: PTH123
            counters.put("memory_bytes", float(int(facts.read().split()[1]) * _PAGE))
        counters.put("queued", float(self.shedder.waiting))
        for name, value in self.log.numbers().items() if self.log is not None else ():
            if FAMILIES[name].kind == "gauge":
                counters.put(name, value)
            else:
                self._moved(name, int(value), ())
        for name, found in self.plane.models().items():
            hits = sum(served.cache.hits for served in found if served.cache is not None)
            if hits:
                self._moved("cache_hits", hits, (name,))
            for served in found:
                for route, count in served.by_route().items():
                    self._moved("predictions", count, (served.name, str(served.version), route))
                self._moved("rows", served.rows, (served.name, str(served.version)))
                for field_ in served.decoder.fields:
                    if field_.unseen:
                        self._moved("unseen", field_.unseen, (served.name, str(served.version), field_.name))

    def _moved(self, name: str, value: int, labels: tuple[str, ...]) -> None:
        key = (name, *labels)
        gained = value - self.counted.get(key, 0)
        if gained > 0:
            self.counters.count(name, labels, gained)
        self.counted[key] = value


def _limits(spec: ServingSpec) -> Limits:
    return Limits(max_bytes=spec.max_bytes, max_rows=spec.max_rows, deadline_s=spec.deadline_ms / 1e3)


def ended(code: int) -> None:
    """Leave without running what the supervisor has registered for its own end."""
    with contextlib.suppress(Exception):
        sys.stderr.flush()
    os._exit(code)

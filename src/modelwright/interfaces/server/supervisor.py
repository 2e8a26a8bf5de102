"""One command, a live endpoint: load, fork, watch, swap, drain. The supervisor itself answers nothing.

It has one thread and no event loop, so that it may fork at any time. Order at the start: everything that can be wrong
with the command, then the sockets, then the bundles (each verified and probed once), then the workers.
"""

from __future__ import annotations

import contextlib
import gc
import math
import os
import selectors
import signal
import socket
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelwright.core.clock import SystemClock
from modelwright.core.errors import MissingExtraError, ModelwrightError, NotFoundError, StateError
from modelwright.core.plugins import names
from modelwright.interfaces.server import sockets
from modelwright.interfaces.server.asked import Asked, spares_of, specs_of
from modelwright.interfaces.server.crew import Crew, Station
from modelwright.interfaces.server.link import Link
from modelwright.interfaces.server.probing import Probes
from modelwright.interfaces.server.sealing import Sealing
from modelwright.interfaces.server.watching import Watch, plain
from modelwright.lifecycle.workspace import Workspace
from modelwright.serving.access import Rates
from modelwright.serving.counters import DRAINING, READY, REFUSED, Board, Counters
from modelwright.serving.door import Opening

if TYPE_CHECKING:
    from modelwright.interfaces.server.worker import Post
    from modelwright.registry.bundle import LoadedBundle

_TURN_S = 0.25
_SETTLE_S = 0.05  # for handshakes that had begun when the door closed
_EMPTY_S = 2.0  # until the queues of the sockets must be empty
_BASE_MEMORY = 512 << 20
#: the sealer imports a library as large as all of ours: not while the first workers start
_SEAL_AFTER_S = 1.0
_WEIGH_EVERY_S = 2.0
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)


def listed(seam: str, name: str) -> None:
    """Raise NotFoundError unless there is such a plugin. Not imported: not every library survives a fork."""
    if name not in names(seam):
        raise NotFoundError(
            f"This installation has no {name} door.",
            code="serve.door",
            hint=f"leave --{name}-port out",
            subject=f"{seam}:{name}",
        )
    if any(find_spec(one) is None for one in ("grpc", "google", "google.protobuf")):
        raise MissingExtraError("Answering gRPC", "grpc")


class Supervisor:
    def __init__(self, opening: Opening) -> None:
        self.opening = opening
        self.space = Workspace(opening.workspace, actor="serve")
        self.journal = self.space.journal()
        events = list(self.journal.read())
        self.asked = Asked.of(opening, events)
        self.probes = Probes(opening.workspace, opening.hooks)
        self.watch = Watch(self.journal, self.asked, self.probes, events, announce=opening.announce)
        self.specs = specs_of(self.watch.wanted, opening.config)
        self.tls = sockets.tls_context(opening.tls_cert, opening.tls_key)
        self.beyond = not sockets.is_loopback(opening.host)
        self._check_access()
        if opening.grpc_port is not None:
            listed("doors", "grpc")
        self.sockets = sockets.listen(opening.host, opening.port, opening.workers)
        # a station's socket each, but only those of `sockets` listen
        self.held = [sockets.hold(opening.host, opening.grpc_port)] if opening.grpc_port is not None else []
        self.loaded: dict[str, LoadedBundle] = {}
        self.spares: dict[str, Any] = {}
        self.rates = Rates()
        self._told: list[int] = []
        self._sealing = Sealing(opening.workspace, self.specs) if self._logs() else None
        self._seal_from, self._next_weighing = math.inf, 0.0
        self._restarting = False

    # ------------------------------------------------------------ the life of a server

    def serve(self) -> int:
        """Returns the exit code. Raises ModelwrightError where it cannot start, or cannot go on."""
        began = time.monotonic()
        wake, woken = self._listen_to_signals()
        try:
            self._load()
            self.crew = self._crew()
            for station in self.crew.stations:
                self.crew.start(station)
            self._until_ready(began)
            return self._watch(wake)
        finally:
            signal.set_wakeup_fd(-1)
            if hasattr(self, "crew"):
                self.crew.draining = True
                self.crew.kill_all()
                self._bury_all()
            if self._sealing is not None:
                self._sealing.stop()
            sockets.close(self.sockets + self.held)
            wake.close()
            woken.close()

    def _check_access(self) -> None:
        if not self.beyond:
            return
        if self.opening.open_to_all:
            self.opening.announce(
                f"WARNING: everybody who can reach {self.opening.host} may ask this server: no key is asked for."
            )
            return
        now = SystemClock().now()
        if not any(key.live(now) for key in self.watch.keys):
            raise StateError(
                f"{self.opening.host} can be reached by others, and there is no key to keep them out.",
                code="serve.no_keys",
                hint="make one with `modelwright keys create NAME`, or say --allow-open if anybody may ask",
                subject="serve",
            )

    def _load(self) -> None:
        """Import what the workers need while nothing waits for it, then verify, probe and load each bundle once."""
        import uvloop  # noqa: F401

        import modelwright.interfaces.http.listening
        import modelwright.interfaces.server.worker  # noqa: F401
        from modelwright.registry import bundle

        for wanted in self.watch.wanted:
            for place in wanted.places:
                folder = Path(place.folder)
                probe = None if self.probes.passed(folder) else self.probes.begin(folder)
                try:
                    # Beside the probe: what crashes here would have crashed there, and nothing is answered before it
                    # has passed. A graph is loaded by each worker, because its runtime may not survive a fork.
                    loaded = bundle.load(
                        folder, probe=False, expected=place.digest, hooks=self.opening.hooks, recheck=False
                    )
                finally:
                    while probe is not None and not probe.done(0.5):
                        pass
                if loaded.manifest.scorers.chosen != "onnx":
                    self.loaded[loaded.digest] = loaded

    def _crew(self) -> Crew:
        doors = ["http"] * self.opening.workers + (["grpc"] if self.opening.grpc_port is not None else [])
        from modelwright.interfaces.http.replaying import Remembered

        self.board, self.replays = Board(1 + 2 * len(doors)), Remembered()
        stations = [
            Station(
                number=number,
                door=door,
                sock=(self.sockets + self.held)[number],
                slots=(1 + 2 * number, 2 + 2 * number),
            )
            for number, door in enumerate(doors)
        ]
        sizes = sum(f.stat().st_size for w in self.watch.wanted for p in w.places for f in Path(p.folder).rglob("*"))
        limit = (self.opening.memory_mb << 20) if self.opening.memory_mb else _BASE_MEMORY + 32 * sizes
        self.counters = Counters(self.board, 0)
        self.counters.live(os.getpid())
        self.counters.state = READY
        return Crew(
            stations, self.board, self._post, hang_s=self.opening.hang_s, memory_bytes=limit,
            announce=self.opening.announce, foreign=list,
        )  # fmt: skip

    def _post(self, station: Station, slot: int, link: Link) -> Post:
        from modelwright.interfaces.server.worker import Post

        return Post(
            opening=self.opening, door=station.door, slot=slot, board=self.board, rates=self.rates, link=link,
            sock=station.sock, tls=self.tls, beyond_loopback=self.beyond, keys=self.watch.keys,
            wanted=self.watch.wanted, spares=self.spares, specs=self.specs, loaded=self.loaded,
            started=time.monotonic(), replays=self.replays,
        )  # fmt: skip

    def _until_ready(self, began: float) -> None:
        """Every worker answers, or the reason why not."""
        while not self.crew.ready:
            self._turn(0.02)
            if self.crew.broken:
                raise StateError(
                    f"The server did not start: {self.crew.broken}.",
                    code="serve.failed",
                    hint="what the worker said stands above",
                    subject="serve",
                )
            if self._told:
                return
        self.opening.ready(self._facts(time.monotonic() - began))
        gc.enable()
        self._seal_from = time.monotonic() + _SEAL_AFTER_S
        self._spare()

    def _facts(self, took_s: float) -> dict[str, Any]:
        host = self.opening.host if ":" not in self.opening.host else f"[{self.opening.host}]"
        url = f"{'https' if self.tls else 'http'}://{host}:{self.sockets[0].getsockname()[1]}"
        return {
            "url": url,
            "grpc": f"{host}:{self.held[0].getsockname()[1]}" if self.held else None,
            "pid": os.getpid(),
            "workers": self.opening.workers,
            "models": {wanted.name: sorted(wanted.live) for wanted in self.watch.wanted},
            "digests": {wanted.name: [place.digest for place in wanted.places] for wanted in self.watch.wanted},
            "keys": "no key is asked for" if not self._asks_for_keys() else "a key is asked for",
            "log": str(self.opening.workspace / "log" / "predictions") if self._logs() else None,
            "started_s": round(took_s, 3),
            "curl": self._curl(url),
        }

    def _asks_for_keys(self) -> bool:
        return not self.opening.open_to_all and (self.beyond or bool(self.watch.keys))

    def _logs(self) -> bool:
        return self.opening.log and all(spec.log.enabled for spec in self.specs.values())

    def _curl(self, url: str) -> str:
        from modelwright.interfaces.server.example import curl

        return curl(url, self.watch.wanted[0], key=self._asks_for_keys(), certificate=self.opening.tls_cert)

    # ------------------------------------------------------------ turning

    def _watch(self, wake: socket.socket) -> int:
        while True:
            if any(number in (signal.SIGTERM, signal.SIGINT) for number in self._told):
                return self._end()
            if signal.SIGHUP in self._told:
                self._told = [number for number in self._told if number != signal.SIGHUP]
                self._reload()
            self._turn(_TURN_S, wake)
            if self.crew.broken:
                self.counters.state = REFUSED
                self.opening.announce(f"giving up: {self.crew.broken}")
                self._end()
                raise StateError(
                    f"The server could not go on: {self.crew.broken}.",
                    code="serve.failed",
                    hint="what the worker said stands above",
                    subject="serve",
                )

    def _turn(self, wait_s: float, wake: socket.socket | None = None) -> None:
        with selectors.DefaultSelector() as waiting:
            if wake is not None:
                waiting.register(wake, selectors.EVENT_READ)
            for child in self.crew.children():
                if not child.link.closed:
                    waiting.register(child.link, selectors.EVENT_READ)
            waiting.select(wait_s)
        if wake is not None:
            with contextlib.suppress(OSError):
                wake.recv(4_096)
        now = time.monotonic()
        self.counters.beat()
        for child in list(self.crew.children()):
            for line in child.heard():
                if line.get("said") == "refused" and self.watch.refuse(
                    line["name"], line["version"], line["code"], line["message"]
                ):
                    self._tell_refusals()
        self.crew.tick(now)
        self._go_on(now)

    def _go_on(self, now: float) -> None:
        """What the journal has said since, restarts that are under way, and the sealer."""
        if self.crew.draining:
            return
        before = len(self.watch.refused)
        changed, wanted = self.watch.look(now)
        if changed:
            self.crew.say(do="keys", keys=plain(self.watch.keys))
        if wanted:
            self.crew.say(do="become", wanted=plain(wanted))
            self._spare()
        if len(self.watch.refused) != before:
            self._tell_refusals()
        retiring = self.crew.retire()
        if self._restarting and not retiring:
            self._restart_next()
        if self._sealing is not None and now >= self._seal_from:
            self._sealing.keep(now)
            if now >= self._next_weighing:
                self._next_weighing = now + _WEIGH_EVERY_S
                self.counters.put("log_unsealed_bytes", float(self._sealing.waiting_bytes()))

    def _tell_refusals(self) -> None:
        for name, why in self.watch.refused:
            self.crew.say(do="refused", name=name, why=why)

    def _spare(self) -> None:
        """Find and probe the bundles that answer when a model fails; workers fetch them while they answer."""
        try:
            found = spares_of(self.watch.wanted, self.specs, self.opening.workspace)
            for places in found.values():
                for which, place in list(places.items()):
                    try:
                        self.probes.check(Path(place.folder))
                    except ModelwrightError as error:
                        del places[which]
                        self.opening.announce(f"the fallback '{which}' cannot be used: {error.message}")
        except ModelwrightError as error:
            self.opening.announce(f"a fallback cannot be used: {error.message}")
            return
        self.spares = found
        if found:
            from modelwright.interfaces.server.asked import plain_spares

            self.crew.say(do="spares", spares=plain_spares(found))

    # ------------------------------------------------------------ reload and end

    def _reload(self) -> None:
        """SIGHUP: read the configuration, the certificate and its key again, and replace one worker after the other.
        A mistake changes nothing."""
        try:
            specs = specs_of(self.watch.wanted, self.opening.config)
            self.tls = sockets.tls_context(self.opening.tls_cert, self.opening.tls_key)
        except ModelwrightError as error:
            self.opening.announce(f"the configuration was not taken, everything stays as it is: {error.message}")
            return
        self.specs = specs
        self._restarting, self._to_restart = True, list(self.crew.stations)
        self._restart_next()

    def _restart_next(self) -> None:
        if not self._to_restart:
            self._restarting = False
            self.opening.announce("every worker has been replaced")
            return
        self.crew.replace(self._to_restart.pop(0), "reload")

    def _end(self) -> int:
        """Not ready, no new connection, empty the queues, finish, flush. A second signal ends it at once."""
        self._told = []
        self.crew.draining = True
        self.counters.state = DRAINING
        closed = [sockets.refuse_new(sock) for sock in self.sockets]
        time.sleep(_SETTLE_S)
        ends = time.monotonic() + (_EMPTY_S if all(closed) else 0.0)
        while any(sockets.queued(sock) for sock in self.sockets) and time.monotonic() < ends and not self._told:
            time.sleep(0.005)
        for child in self.crew.children():
            self.crew.drain(child)
        while any(self.crew.children()):
            if any(number in (signal.SIGTERM, signal.SIGINT) for number in self._told):
                self.crew.kill_all()
            self._turn(0.05)
        return 0

    def _bury_all(self) -> None:
        ends = time.monotonic() + 5.0
        while any(self.crew.children()) and time.monotonic() < ends:
            self.crew.tick(time.monotonic())
            time.sleep(0.01)

    def _listen_to_signals(self) -> tuple[socket.socket, socket.socket]:
        wake, woken = socket.socketpair()
        for one in (wake, woken):
            one.setblocking(False)
        for number in _SIGNALS:
            signal.signal(number, self._signalled)
        signal.set_wakeup_fd(woken.fileno(), warn_on_full_buffer=False)
        return wake, woken

    def _signalled(self, number: int, _frame: object) -> None:
        if number != signal.SIGCHLD:
            self._told.append(number)

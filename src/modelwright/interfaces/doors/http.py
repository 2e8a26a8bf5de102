"""HTTP: the REST dialects, health, metrics and the pages, in one or more worker processes under a supervisor."""

from __future__ import annotations

import gc

from modelwright.serving.door import Desk, Door, Opening

_LOCAL = frozenset({"localhost", "127.0.0.1", "[::1]"})


class _Http:
    def serve(self, opening: Opening) -> int:
        gc.disable()  # until the workers answer: what is imported and loaded stays, so there is nothing to collect
        try:
            from modelwright.interfaces.server.supervisor import Supervisor

            return Supervisor(opening).serve()
        finally:
            gc.enable()

    async def host(self, desk: Desk) -> None:
        from modelwright.interfaces.http import application, listening
        from modelwright.interfaces.http.service import Service
        from modelwright.interfaces.server.sockets import is_loopback

        service = Service(
            plane=desk.plane,
            access=desk.access,
            counters=desk.counters,
            health=desk.health,
            feedback=desk.feedback,
            log=desk.log,
            limits=desk.limits,
            shedder=desk.shedder,
            incidents=desk.opening.workspace / "incidents",
            replays=desk.replays,
            # beyond loopback a key is what lets a request in, and the names of this machine are not known
            allowed_hosts=_LOCAL if is_loopback(desk.opening.host) else None,
        )
        assert desk.sock is not None
        await listening.serve(desk.sock, application.make(service), service, desk.stopping, desk.tls)


PLUGIN: Door = _Http()

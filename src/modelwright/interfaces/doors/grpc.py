"""gRPC: the Open Inference Protocol V2 and grpc.health.v1, in a process of its own beside the HTTP workers."""

from __future__ import annotations

import os

from modelwright.serving.door import Desk, Hosted


class _Grpc:
    async def host(self, desk: Desk) -> None:
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # read once, when the library is loaded
        from modelwright.interfaces.grpc.listening import Listener
        from modelwright.interfaces.http.service import Service

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
        )
        assert desk.sock is not None  # it holds the port, and never listens
        address, port = desk.sock.getsockname()[:2]
        certificate, key = desk.opening.tls_cert, desk.opening.tls_key
        tls = (certificate, key) if certificate is not None and key is not None else None
        await Listener(service, address, port, tls).serve(desk.stopping)


PLUGIN: Hosted = _Grpc()

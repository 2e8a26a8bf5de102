"""Serve gRPC until told to stop: the server's settings, the table of methods, the drain."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path
from typing import Any

from modelwright.core.errors import StateError
from modelwright.core.plugins import require
from modelwright.interfaces.grpc.calls import Calls
from modelwright.interfaces.grpc.health import Health
from modelwright.interfaces.grpc.inference import Inference
from modelwright.interfaces.grpc.protocol import HEALTH, SERVICE
from modelwright.interfaces.http.service import Service

_TICK_S = 0.5
_GAP_S, _GAPS = 0.05, 40
#: gRPC leaves cycles behind every call, and looking for them after each 700 objects costs a tenth of a call
_COLLECT = (10_000, 20, 20)


class Listener:
    """A server of one process. `host` may be a name or an address; port 0 takes a free one (`port` says which)."""

    def __init__(self, service: Service, host: str, port: int, tls: tuple[Path, Path] | None = None) -> None:
        grpc = require("grpc", "grpc", "Answering gRPC")
        aio = require("grpc.aio", "grpc", "Answering gRPC")
        self._drain_s = service.wire.drain_s
        self.calls = Calls(service, asyncio.get_running_loop())
        self.health, self._inference = Health(self.calls), Inference(self.calls)
        self._server = aio.server(options=_options(service), maximum_concurrent_rpcs=service.wire.connections)
        self._server.add_generic_rpc_handlers((_table(grpc, self._inference, self.health),))
        place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            if tls is None:
                self.port = self._server.add_insecure_port(place)
            else:
                certificate, key = (path.read_bytes() for path in tls)
                self.port = self._server.add_secure_port(place, grpc.ssl_server_credentials(((key, certificate),)))
        except RuntimeError as error:
            raise StateError(
                f"{place} cannot be listened on.", code="serve.port_taken", hint="choose another with --grpc-port",
                subject="serve",
            ) from error  # fmt: skip

    async def serve(self, stopping: asyncio.Event) -> None:
        """Answer until `stopping`; then say NOT_SERVING, take nothing new and finish what is in flight."""
        await self._server.start()
        gc.freeze()  # what is loaded by now lives as long as the process
        gc.set_threshold(*_COLLECT)
        clock = asyncio.ensure_future(self._ticking())
        try:
            await stopping.wait()
            self.health.leave()
            await self._quiet()
        finally:
            await self._server.stop(self._drain_s)
            clock.cancel()
            await asyncio.gather(clock, return_exceptions=True)

    async def _quiet(self) -> None:
        """Wait for a moment without a call, for a while: what has arrived and was not taken yet, a stop cancels."""
        for _ in range(_GAPS):
            seen = self._inference.begun
            await asyncio.sleep(_GAP_S)
            if self._inference.begun == seen and not self._inference.running:
                return

    async def _ticking(self) -> None:
        """Give up on replies that the disk keeps."""
        while True:
            await asyncio.sleep(_TICK_S)
            self.calls.outbox.expire(asyncio.get_running_loop().time())


def _options(service: Service) -> list[tuple[str, int]]:
    """What a connection may cost. Compressed messages are not taken: a small one can hold any number of bytes."""
    wire = service.wire
    return [
        ("grpc.so_reuseport", 1),
        ("grpc.max_receive_message_length", service.limits.max_bytes),
        ("grpc.max_send_message_length", -1),
        ("grpc.max_metadata_size", wire.header_bytes),
        ("grpc.absolute_max_metadata_size", wire.header_bytes),
        ("grpc.max_concurrent_streams", 1_024),
        ("grpc.compression_enabled_algorithms_bitset", 1),
        ("grpc.server_handshake_timeout_ms", int(wire.header_timeout_s * 1e3)),
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ]


def _table(grpc: Any, inference: Inference, health: Health) -> Any:
    """Every method this door has. Reflection is not among them."""
    unary = grpc.unary_unary_rpc_method_handler
    table = {f"/{SERVICE}/{name}": unary(answer) for name, answer in inference.methods().items()}
    table[f"/{HEALTH}/Check"] = unary(health.check)
    table[f"/{HEALTH}/Watch"] = grpc.unary_stream_rpc_method_handler(health.watch)

    class Table(grpc.GenericRpcHandler):  # type: ignore[misc]
        def service(self, details: Any) -> Any:
            return table.get(details.method)

    return Table()

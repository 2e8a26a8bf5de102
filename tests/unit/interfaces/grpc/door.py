"""A real gRPC door on loopback for the tests, in a thread with a loop of its own, and calls to it."""

from __future__ import annotations

import asyncio
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import grpc

from modelwright.interfaces.grpc.listening import Listener
from modelwright.interfaces.grpc.protocol import SERVICE, message, messages
from tests.unit.interfaces.http.hosting import ROW, Host

PATIENCE_S = 60.0


@dataclass
class Door:
    host: Host
    loop: asyncio.AbstractEventLoop
    listener: Listener
    stop: Any
    channel: Any

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.listener.port}"

    def call(self, method: str, content: bytes, service: str = SERVICE, **how: Any) -> tuple[bytes, dict[str, Any]]:
        """The reply's bytes and the trailing metadata. Raises grpc.RpcError."""
        how.setdefault("timeout", PATIENCE_S)
        reply, call = self.channel.unary_unary(f"/{service}/{method}").with_call(content, **how)
        return reply, dict(call.trailing_metadata())

    def infer(self, request: Any, **how: Any) -> Any:
        return message("ModelInferResponse").FromString(self.call("ModelInfer", request.SerializeToString(), **how)[0])

    def refused(
        self, content: Any, method: str = "ModelInfer", **how: Any
    ) -> tuple[grpc.StatusCode, str, dict[str, Any]]:
        """Status, what is said, and the trailing metadata of a call that must fail."""
        sent = content if isinstance(content, bytes) else content.SerializeToString()
        try:
            self.call(method, sent, **how)
        except grpc.RpcError as error:
            return error.code(), error.details(), dict(error.trailing_metadata() or ())
        raise AssertionError("the call was answered")

    def tasks(self) -> int:
        """Tasks that live in the door's loop now."""
        found: list[int] = []
        told = threading.Event()

        def count() -> None:
            found.append(len(asyncio.all_tasks(self.loop)))
            told.set()

        self.loop.call_soon_threadsafe(count)
        assert told.wait(PATIENCE_S)
        return found[0]


@contextmanager
def serving(host: Host) -> Iterator[Door]:
    import uvloop

    ready = threading.Event()
    found: list[Any] = []

    async def run() -> None:
        listener, stopping = Listener(host.service, "127.0.0.1", 0), asyncio.Event()
        found.extend((asyncio.get_running_loop(), listener, stopping))
        asyncio.get_running_loop().call_soon(ready.set)
        await listener.serve(stopping)

    thread = threading.Thread(target=lambda: uvloop.run(run()), daemon=True)
    thread.start()
    assert ready.wait(PATIENCE_S)
    loop, listener, stopping = found
    stop = lambda: loop.call_soon_threadsafe(stopping.set)  # noqa: E731
    channel = grpc.insecure_channel(
        f"127.0.0.1:{listener.port}",
        options=[("grpc.use_local_subchannel_pool", 1), ("grpc.max_send_message_length", -1)],
    )
    try:
        yield Door(host, loop, listener, stop, channel)
    finally:
        channel.close()
        if not loop.is_closed():
            stop()
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


def raw(*rows: dict[str, Any], model: str = "churn", **fields: Any) -> Any:
    """A request with one tensor a column, its contents in the binary form."""
    request = message("ModelInferRequest")(model_name=model, **fields)
    for name, first in (rows or (ROW,))[0].items():
        values = [row[name] for row in rows or (ROW,)]
        datatype = "BOOL" if isinstance(first, bool) else "FP64" if isinstance(first, float) else "BYTES"
        request.inputs.add(name=name, datatype=datatype, shape=[len(values)])
        request.raw_input_contents.append(b"".join(_binary(value) for value in values))
    return request


def _binary(value: Any) -> bytes:
    if isinstance(value, bool):
        return bytes((value,))
    if isinstance(value, float):
        return struct.pack("<d", value)
    return struct.pack("<I", len(value.encode())) + value.encode()


def details(trailers: dict[str, Any]) -> dict[str, Any]:
    """google.rpc's details by their name."""
    known = messages()
    status = known["google.rpc.Status"].FromString(trailers["grpc-status-details-bin"])
    names = [one.type_url.rpartition("/")[2] for one in status.details]
    return {
        name.rpartition(".")[2]: known[name].FromString(one.value)
        for name, one in zip(names, status.details, strict=True)
    }

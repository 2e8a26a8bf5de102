"""NATS JetStream: nats://host:4222/STREAM/subject, read by a durable pull consumer."""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from modelwright.adapters.brokers._loop import Loop
from modelwright.adapters.brokers._urls import Place, parse, trouble, wrong
from modelwright.core.plugins import require
from modelwright.records.ports import Broker, Inlet, Message, Outlet

_MESSAGE_ID = "Nats-Msg-Id"
#: publishes that wait for their acknowledgement at once
_IN_FLIGHT = 500


class _Nats:
    schemes = ("nats", "nats+tls")

    def inlet(self, url: str, group: str, start: Mapping[str, int]) -> Inlet:
        return _Inlet(_place(url), group)

    def outlet(self, url: str) -> Outlet:
        return _Outlet(_place(url))


def _place(url: str) -> Place:
    place = parse(url, port=4222, options=("ack_wait_s",))
    if len(place.path) != 2:
        raise wrong(
            "A NATS address names a stream and a subject.", "write nats://host:4222/STREAM/subject", place.shown
        )
    place.seconds("ack_wait_s", 30.0)  # a wrong one is said at once
    return place


class _Connection:
    def __init__(self, place: Place) -> None:
        require("nats", "streams", "NATS")
        self.place = place
        self.stream, self.subject = place.path
        self.loop = Loop()
        try:
            self.loop.run(self._connect(), 15.0)
        except Exception as error:
            self.loop.close()
            raise trouble(place, "connecting", error) from error

    async def _connect(self) -> None:
        import nats
        from nats.js.api import StreamConfig
        from nats.js.errors import NotFoundError

        options: dict[str, Any] = {"tls": ssl.create_default_context()} if self.place.scheme == "nats+tls" else {}
        if self.place.password:
            options |= {"user": self.place.user, "password": self.place.password}
        elif self.place.user:
            options |= {"token": self.place.user}
        self.client = await nats.connect(
            [f"{'tls' if self.place.scheme == 'nats+tls' else 'nats'}://{h}:{p}" for h, p in self.place.hosts],
            connect_timeout=5,
            max_reconnect_attempts=1,
            reconnect_time_wait=0.2,
            allow_reconnect=False,  # a lost connection is an error that the caller answers by opening anew
            error_cb=_quiet,
            **options,
        )
        self.jetstream = self.client.jetstream(timeout=10)
        try:
            await self.jetstream.stream_info(self.stream)
        except NotFoundError:
            await self.jetstream.add_stream(StreamConfig(name=self.stream, subjects=[self.subject]))

    def run(self, doing: str, work: Any, timeout_s: float = 30.0) -> Any:
        try:
            return self.loop.run(work, timeout_s)
        except Exception as error:
            raise trouble(self.place, doing, error) from error

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self.loop.run(self.client.close(), 5.0)
        self.loop.close()


async def _quiet(_error: Exception) -> None:
    """What went wrong is raised where it matters."""


class _Inlet:
    def __init__(self, place: Place, group: str) -> None:
        self._connection = _Connection(place)
        try:
            self._subscription = self._connection.run("subscribing", self._subscribe(group))
        except BaseException:
            self._connection.close()
            raise

    async def _subscribe(self, group: str) -> Any:
        from nats.js.api import AckPolicy, ConsumerConfig

        here = self._connection
        config = ConsumerConfig(
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=here.place.seconds("ack_wait_s", 30.0),
            max_deliver=-1,  # the broker would drop without a copy
            max_ack_pending=20_000,
        )
        durable = re.sub(r"[^A-Za-z0-9_-]", "_", group)
        return await here.jetstream.pull_subscribe(here.subject, durable=durable, stream=here.stream, config=config)

    def take(self, most: int, wait_s: float) -> Sequence[Message]:
        found = self._connection.run("reading", self._fetch(most, wait_s), wait_s + 30.0)
        return [_message(each) for each in found]

    async def _fetch(self, most: int, wait_s: float) -> list[Any]:
        try:
            found: list[Any] = await self._subscription.fetch(most, timeout=max(wait_s, 0.05))
        except TimeoutError:
            return []
        return found

    def done(self, messages: Iterable[Message]) -> None:
        self._connection.run("acknowledging", self._acknowledge([each.handle for each in messages]))

    async def _acknowledge(self, handles: Sequence[Any]) -> None:
        for handle in handles:
            await handle.ack()
        await self._connection.client.flush(10)

    def again(self, message: Message, delay_s: float) -> None:
        self._connection.run("giving back", message.handle.nak(delay=max(delay_s, 0.001)))

    def lag(self) -> int | None:
        info = self._connection.run("asking for the lag", self._subscription.consumer_info())
        return int(info.num_pending or 0) + int(info.num_ack_pending or 0)

    def close(self) -> None:
        self._connection.close()


def _message(found: Any) -> Message:
    headers = {str(name): str(value) for name, value in (found.headers or {}).items()}
    metadata = found.metadata
    return Message(
        key=headers.pop(_MESSAGE_ID, ""),
        body=found.data,
        partition=metadata.stream,
        position=metadata.sequence.stream,
        headers=headers,
        attempts=metadata.num_delivered or 1,
        handle=found,
    )


class _Outlet:
    """The key is the message id that JetStream knows duplicates by, within the stream's window (2 minutes)."""

    def __init__(self, place: Place) -> None:
        self._connection = _Connection(place)

    def send(self, messages: Sequence[Message]) -> None:
        for start in range(0, len(messages), _IN_FLIGHT):
            self._connection.run("publishing", self._publish(messages[start : start + _IN_FLIGHT]), 60.0)

    async def _publish(self, messages: Sequence[Message]) -> None:
        here = self._connection
        work = []
        for message in messages:
            headers = message.headers | ({_MESSAGE_ID: message.key} if message.key else {})
            work.append(here.jetstream.publish(here.subject, message.body, stream=here.stream, headers=headers or None))
        await asyncio.gather(*work)

    def close(self) -> None:
        self._connection.close()


PLUGIN: Broker = _Nats()

"""RabbitMQ: amqp://host:5672/queue (or /vhost/queue), a quorum queue; amqps:// with TLS."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from modelwright.adapters.brokers._held import Held
from modelwright.adapters.brokers._loop import Loop
from modelwright.adapters.brokers._urls import Place, parse, trouble, wrong
from modelwright.core.plugins import require
from modelwright.records.ports import Broker, Inlet, Message, Outlet

#: the broker's own net below ours: a message returned this often goes to QUEUE.undeliverable instead of nowhere
_DELIVERY_LIMIT = 1_000
_IN_FLIGHT = 500


class _RabbitMq:
    schemes = ("amqp", "amqps")

    def inlet(self, url: str, group: str, start: Mapping[str, int]) -> Inlet:
        return _Inlet(_place(url))

    def outlet(self, url: str) -> Outlet:
        return _Outlet(_place(url))


def _place(url: str) -> Place:
    place = parse(url, port=5671 if url.startswith("amqps") else 5672)
    if len(place.path) not in (1, 2):
        raise wrong("A RabbitMQ address names a queue.", "write amqp://host:5672/queue", place.shown)
    return place


class _Connection:
    def __init__(self, place: Place) -> None:
        require("aio_pika", "streams", "RabbitMQ")
        self.place = place
        self.queue = place.path[-1]
        self.loop = Loop()
        try:
            self.loop.run(self._connect(), 20.0)
        except Exception as error:
            self.loop.close()
            raise trouble(place, "connecting", error) from error

    async def _connect(self) -> None:
        import aio_pika

        self.connection = await aio_pika.connect(
            host=self.place.host,
            port=self.place.port,
            login=self.place.user or "guest",
            password=self.place.password or "guest",
            virtualhost=self.place.path[0] if len(self.place.path) == 2 else "/",
            ssl=self.place.scheme == "amqps",
            timeout=10,
        )
        self.channel = await self.connection.channel(publisher_confirms=True)
        await self._declare()

    async def _declare(self) -> None:
        """As it is where it exists; else a quorum queue that loses nothing when its own limit is reached."""
        from aio_pika.exceptions import ChannelNotFoundEntity

        try:
            self.declared = await self.channel.declare_queue(self.queue, passive=True)
        except ChannelNotFoundEntity:
            self.channel = await self.connection.channel(publisher_confirms=True)
            undeliverable = f"{self.queue}.undeliverable"
            await self.channel.declare_queue(undeliverable, durable=True, arguments={"x-queue-type": "quorum"})
            arguments: dict[str, Any] = {
                "x-queue-type": "quorum",
                "x-delivery-limit": _DELIVERY_LIMIT,
                "x-dead-letter-exchange": "",
                "x-dead-letter-routing-key": undeliverable,
            }
            self.declared = await self.channel.declare_queue(self.queue, durable=True, arguments=arguments)

    def run(self, doing: str, work: Any, timeout_s: float = 30.0) -> Any:
        try:
            return self.loop.run(work, timeout_s)
        except Exception as error:
            raise trouble(self.place, doing, error) from error

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self.loop.run(self.connection.close(), 5.0)
        self.loop.close()


class _Inlet:
    def __init__(self, place: Place) -> None:
        self._connection = _Connection(place)
        self._held = Held()
        self._arrived: asyncio.Queue[Any] = asyncio.Queue()
        self._most = 0

    def take(self, most: int, wait_s: float) -> Sequence[Message]:
        if self._most < most:
            self._connection.run("consuming", self._consume(most))
        found = self._held.due(most)
        if not found:
            wait = self._held.wait_s(wait_s)
            arrived = self._connection.run("reading", self._next(most, wait), wait + 30.0)
            found = [_message(each, self._connection.queue) for each in arrived]
        return found

    async def _consume(self, most: int) -> None:
        """The broker sends ahead no more than is taken at once, so that nothing piles up here."""
        await self._connection.channel.set_qos(prefetch_count=most)
        if self._most == 0:
            await self._connection.declared.consume(self._arrived.put)
        self._most = most

    async def _next(self, most: int, wait_s: float) -> list[Any]:
        try:
            found = [await asyncio.wait_for(self._arrived.get(), max(wait_s, 0.05))]
        except TimeoutError:
            if self._connection.channel.is_closed:
                raise ConnectionError("the connection was lost") from None
            return []
        while len(found) < most and not self._arrived.empty():
            found.append(self._arrived.get_nowait())
        return found

    def done(self, messages: Iterable[Message]) -> None:
        self._connection.run("acknowledging", self._acknowledge([each.handle for each in messages]))

    async def _acknowledge(self, handles: Sequence[Any]) -> None:
        for handle in handles:
            await handle.ack()

    def again(self, message: Message, delay_s: float) -> None:
        self._held.push(message, delay_s)

    def lag(self) -> int | None:
        return int(self._connection.run("asking for the lag", self._count()))

    async def _count(self) -> int:
        """Ready messages, and those that this consumer has been sent."""
        declared = await self._connection.channel.declare_queue(self._connection.queue, passive=True)
        return (declared.declaration_result.message_count or 0) + self._arrived.qsize() + len(self._held)

    def close(self) -> None:
        self._connection.close()


def _message(found: Any, queue: str) -> Message:
    headers = {str(name): str(value) for name, value in (found.headers or {}).items()}
    times = headers.pop("x-delivery-count", "0")
    if found.content_type:
        headers.setdefault("content-type", found.content_type)
    return Message(
        key=found.message_id or "",
        body=found.body,
        partition=queue,
        headers=headers,
        attempts=1 + (int(times) if times.isdigit() else 0),
        handle=found,
    )


class _Outlet:
    """The key travels as the message id; RabbitMQ itself knows no duplicates."""

    def __init__(self, place: Place) -> None:
        self._connection = _Connection(place)

    def send(self, messages: Sequence[Message]) -> None:
        for start in range(0, len(messages), _IN_FLIGHT):
            self._connection.run("publishing", self._publish(messages[start : start + _IN_FLIGHT]), 60.0)

    async def _publish(self, messages: Sequence[Message]) -> None:
        import aio_pika

        exchange, queue = self._connection.channel.default_exchange, self._connection.queue
        work = []
        for each in messages:
            made = aio_pika.Message(
                each.body,
                message_id=each.key or None,
                headers=dict(each.headers),
                delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            )
            work.append(exchange.publish(made, routing_key=queue, mandatory=True))
        await asyncio.gather(*work)

    def close(self) -> None:
        self._connection.close()


PLUGIN: Broker = _RabbitMq()

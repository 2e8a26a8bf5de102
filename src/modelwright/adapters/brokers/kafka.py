"""Kafka: kafka://host:9092/topic (several hosts with commas), read by a consumer group; kafka+ssl:// with TLS."""

from __future__ import annotations

import contextlib
import heapq
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from modelwright.adapters.brokers._held import Held
from modelwright.adapters.brokers._urls import Place, parse, trouble, wrong
from modelwright.core.plugins import require
from modelwright.records.ports import Broker, Inlet, Message, Outlet

#: a record's own key chooses its partition and is often shared; the name of the one message travels here
_ID_HEADER = "message-id"


class _Kafka:
    schemes = ("kafka", "kafka+ssl")

    def inlet(self, url: str, group: str, start: Mapping[str, int]) -> Inlet:
        return _Inlet(_place(url), group, start)

    def outlet(self, url: str) -> Outlet:
        return _Outlet(_place(url))


def _place(url: str) -> Place:
    place = parse(url, port=9092, options=("sasl_mechanism", "session_s"))
    if len(place.path) != 1:
        raise wrong("A Kafka address names a topic.", "write kafka://host:9092/topic", place.shown)
    place.seconds("session_s", 10.0)  # a wrong one is said at once
    return place


def _settings(place: Place) -> dict[str, Any]:
    found: dict[str, Any] = {
        "bootstrap.servers": ",".join(f"{host}:{port}" for host, port in place.hosts),
        "log_level": 2,
        "error_cb": _quiet,
    }
    secure = place.scheme == "kafka+ssl"
    if place.user:
        found |= {
            "security.protocol": "SASL_SSL" if secure else "SASL_PLAINTEXT",
            "sasl.mechanism": place.options.get("sasl_mechanism", "SCRAM-SHA-512"),
            "sasl.username": place.user,
            "sasl.password": place.password,
        }
    elif secure:
        found["security.protocol"] = "SSL"
    return found


def _quiet(_error: Any) -> None:
    """What went wrong is raised where it matters."""


class _Inlet:
    """Commits an offset only when everything before it is done."""

    def __init__(self, place: Place, group: str, start: Mapping[str, int]) -> None:
        kafka = require("confluent_kafka", "streams", "Kafka")
        self._place, self._topic, self._start = place, place.path[0], dict(start)
        self._held = Held()
        self._open: dict[int, list[int]] = {}  # partition -> heap of offsets that were taken and are not committed
        self._done: dict[int, set[int]] = {}
        self._next: dict[int, int] = {}
        self._consumer: Any = kafka.Consumer(
            _settings(place)
            | {
                "group.id": group,
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "session.timeout.ms": int(1000 * place.seconds("session_s", 10.0)),
                "heartbeat.interval.ms": int(1000 * min(3.0, place.seconds("session_s", 10.0) / 3)),
                "max.poll.interval.ms": 600_000,
                "queued.max.messages.kbytes": 65_536,
            }
        )
        self._consumer.subscribe([self._topic], on_assign=self._assigned, on_revoke=self._revoked)

    def _assigned(self, consumer: Any, partitions: list[Any]) -> None:
        for each in partitions:
            finished = self._start.get(str(each.partition))
            if finished is not None:
                each.offset = finished + 1
        consumer.assign(partitions)

    def _revoked(self, _consumer: Any, partitions: list[Any]) -> None:
        """Somebody else reads them from the last commit on."""
        for each in partitions:
            for known in (self._open, self._done, self._next):
                known.pop(each.partition, None)
            self._start.pop(str(each.partition), None)

    def take(self, most: int, wait_s: float) -> Sequence[Message]:
        import confluent_kafka

        found = self._held.due(most)
        if found:
            return found
        try:
            raw = self._consumer.consume(1, timeout=max(self._held.wait_s(wait_s), 0.05))
            if raw and most > 1:
                raw += self._consumer.consume(most - 1, timeout=0.02)
        except (confluent_kafka.KafkaException, RuntimeError) as error:
            raise trouble(self._place, "reading", error) from error
        for each in raw:
            wrong = each.error()
            if wrong is None:
                found.append(self._message(each))
            elif wrong.fatal() or wrong.code() == confluent_kafka.KafkaError._ALL_BROKERS_DOWN:
                raise trouble(self._place, "reading", confluent_kafka.KafkaException(wrong))
        return found

    def _message(self, raw: Any) -> Message:
        partition, offset = raw.partition(), raw.offset()
        heapq.heappush(self._open.setdefault(partition, []), offset)
        self._next[partition] = offset + 1
        headers = {name: (value or b"").decode(errors="replace") for name, value in raw.headers() or ()}
        return Message(
            key=headers.pop(_ID_HEADER, ""),
            body=raw.value() or b"",
            partition=str(partition),
            position=offset,
            headers=headers,
            handle=partition,
        )

    def done(self, messages: Iterable[Message]) -> None:
        import confluent_kafka

        for message in messages:
            if message.handle in self._open:
                self._done.setdefault(message.handle, set()).add(message.position)
        commits = []
        for partition, waiting in self._open.items():
            finished, last = self._done.get(partition, set()), -1
            while waiting and waiting[0] in finished:
                last = heapq.heappop(waiting)
                finished.discard(last)
            if last >= 0:
                commits.append(confluent_kafka.TopicPartition(self._topic, partition, last + 1))
        if not commits:
            return
        try:
            self._consumer.commit(offsets=commits, asynchronous=False)
        except confluent_kafka.KafkaException as error:
            raise trouble(self._place, "committing", error) from error

    def again(self, message: Message, delay_s: float) -> None:
        self._held.push(message, delay_s)

    def lag(self) -> int | None:
        import confluent_kafka

        total = 0
        try:
            assigned = self._consumer.assignment()
            if not assigned:
                return None  # the group has not been formed yet, or has more members than the topic partitions
            for each in assigned:
                low, high = self._consumer.get_watermark_offsets(each, cached=True)  # as of the last answer to a fetch
                if high < 0 or each.partition not in self._next:
                    low, high = self._consumer.get_watermark_offsets(each, timeout=5.0)
                begun = self._next.get(each.partition)
                if begun is None:
                    stored = self._consumer.committed([each], timeout=5.0)[0].offset
                    begun = stored if stored >= 0 else low
                total += max(0, high - max(begun, self._start.get(str(each.partition), -1) + 1))
        except confluent_kafka.KafkaException:
            return None
        return total + sum(map(len, self._open.values()))

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self._consumer.close()


class _Outlet:
    def __init__(self, place: Place) -> None:
        kafka = require("confluent_kafka", "streams", "Kafka")
        self._place, self._topic = place, place.path[0]
        self._producer: Any = kafka.Producer(
            _settings(place) | {"enable.idempotence": True, "linger.ms": 2, "delivery.timeout.ms": 30_000}
        )

    def send(self, messages: Sequence[Message]) -> None:
        import confluent_kafka

        failed: list[Any] = []

        def delivered(error: Any, _message: Any) -> None:
            if error is not None:
                failed.append(error)

        for each in messages:
            headers = [(name, value.encode()) for name, value in each.headers.items() if name != _ID_HEADER]
            if each.key:
                headers.append((_ID_HEADER, each.key.encode()))
            arguments = {"key": each.key.encode() or None, "headers": headers, "on_delivery": delivered}
            while True:
                try:
                    self._producer.produce(self._topic, each.body, **arguments)
                    break
                except BufferError:  # its queue is full: wait until some are delivered
                    self._producer.poll(0.5)
                except confluent_kafka.KafkaException as error:
                    raise trouble(self._place, "producing", error) from error
        left = self._producer.flush(35.0)
        if failed or left:
            reason = confluent_kafka.KafkaException(failed[0]) if failed else TimeoutError("no acknowledgement")
            raise trouble(self._place, "producing", reason)

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self._producer.flush(5.0)


PLUGIN: Broker = _Kafka()

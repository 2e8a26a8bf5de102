"""Addresses of real brokers for tests: names of their own, removed afterwards."""

from __future__ import annotations

import contextlib
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.services import require_service

BROKERS = ("sqlite", "directory", "nats", "rabbitmq", "redis", "kafka")
#: keep out a key that was sent before, by themselves
EXACT = ("sqlite", "directory", "nats", "redis")


@pytest.fixture(scope="session")
def kafka_hosts() -> Iterator[str]:
    pytest.importorskip("confluent_kafka")
    host = subprocess.Popen([sys.executable, str(Path(__file__).with_name("kafka_host.py"))], stdout=subprocess.PIPE)
    assert host.stdout is not None
    address = host.stdout.readline().decode().strip()
    yield address
    host.kill()
    host.wait()
    host.stdout.close()


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[str, str], str]]:
    """`place(broker, name)`: the address of a queue that nobody else uses."""
    token = secrets.token_hex(4)
    made: set[tuple[str, str]] = set()

    def address(broker: str, name: str) -> str:
        own = f"mwtest_{token}_{name}"
        made.add((broker, own))
        if broker == "sqlite":
            return f"sqlite:///{tmp_path / 'queue.sqlite'}#{name}"
        if broker == "directory":
            return f"dir://{tmp_path / name}"
        if broker == "nats":
            require_service("NATS", "127.0.0.1", 4222)
            return f"nats://127.0.0.1:4222/{own}/{own}.events?ack_wait_s=2"
        if broker == "rabbitmq":
            require_service("RabbitMQ", "127.0.0.1", 5672)
            return f"amqp://guest:guest@127.0.0.1:5672/{own}"
        if broker == "redis":
            require_service("Redis", "127.0.0.1", 6379)
            return f"redis://127.0.0.1:6379/9/{own}?claim_s=1"
        if broker == "kafka":
            return f"kafka://{request.getfixturevalue('kafka_hosts')}/{own}?session_s=4"
        require_service("PostgreSQL", "127.0.0.1", 5432)
        return f"{postgres_url()}#{own}"

    yield address
    for broker, own in made:
        with contextlib.suppress(Exception):
            _remove(broker, own)


def postgres_url() -> str:
    """The database that the tests of sources use."""
    return "postgresql://postgres:hush@127.0.0.1:5432/test"


def _remove(broker: str, own: str) -> None:
    if broker == "nats":
        import asyncio

        import nats

        async def drop() -> None:
            client = await nats.connect("nats://127.0.0.1:4222")
            await client.jetstream().delete_stream(own)
            await client.close()

        asyncio.run(drop())
    elif broker == "redis":
        import redis

        with redis.Redis(db=9) as client:
            for key in client.scan_iter(f"{own}*", count=5000):
                client.delete(key)
    elif broker == "rabbitmq":
        import asyncio

        import aio_pika

        async def delete() -> None:
            connection = await aio_pika.connect("amqp://guest:guest@127.0.0.1/")
            async with connection, connection.channel() as channel:
                for queue in (own, f"{own}.undeliverable"):
                    await channel.queue_delete(queue)

        asyncio.run(delete())
    elif broker == "postgresql":
        import psycopg

        with psycopg.connect(postgres_url()) as connection:
            for table in (own, f"{own}_inbox", f"{own}_positions", f"{own}_outbox"):
                connection.execute(f"DROP TABLE IF EXISTS {table}")

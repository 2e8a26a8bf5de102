"""Every broker by the same rules: nothing lost, nothing early, nothing more than asked for."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from modelwright.core import plugins
from modelwright.core.errors import AdapterError, SpecError
from modelwright.records.ports import Effects, Inlet, Ledger, Message
from tests.contracts.broker_places import BROKERS, EXACT, kafka_hosts, place  # noqa: F401 - fixtures

pytestmark = pytest.mark.services
_PATIENCE_S = 60.0
Place = Callable[[str, str], str]


def _messages(count: int, start: int = 0) -> list[Message]:
    return [
        Message(key=f"key-{n}", body=f'{{"n": {n}}}'.encode(), headers={"event-id": f"e{n}", "umlaut": "Größe"})
        for n in range(start, start + count)
    ]


def _take(inlet: Inlet, count: int, most: int = 100) -> list[Message]:
    """Until so many arrived."""
    found: list[Message] = []
    until = time.monotonic() + _PATIENCE_S
    while len(found) < count and time.monotonic() < until:
        found += inlet.take(most, 0.5)
    return found


def _wait_until_nothing_waits(inlet: Inlet) -> None:
    """A broker may count an acknowledgement a moment after it has it."""
    until = time.monotonic() + _PATIENCE_S
    while inlet.lag() != 0 and time.monotonic() < until:
        time.sleep(0.05)
    assert inlet.lag() == 0


def _numbers(messages: Sequence[Message]) -> list[int]:
    return [int(message.headers["event-id"][1:]) for message in messages]


@pytest.mark.parametrize("broker", BROKERS)
def test_what_is_sent_arrives_whole_and_what_is_done_never_again(broker: str, place: Place) -> None:  # noqa: F811
    url = place(broker, "q")
    plugin = plugins.load("brokers", broker)
    outlet = plugin.outlet(url)
    sent = [*_messages(20), Message(key="odd", body=b"\x00\xff\n{", headers={"event-id": "e20", "umlaut": "Größe"})]
    outlet.send(sent)
    inlet = plugin.inlet(url, "group", {})
    found: list[Message] = []
    until = time.monotonic() + _PATIENCE_S
    while len(found) < 21 and time.monotonic() < until:
        taken = inlet.take(8, 0.5)
        assert len(taken) <= 8
        inlet.done(taken)
        found += taken
    assert sorted(_numbers(found)) == list(range(21))
    by_id = {message.headers["event-id"]: message for message in found}
    for message in sent:
        same = by_id[message.headers["event-id"]]
        assert (same.body, same.key, same.headers["umlaut"]) == (message.body, message.key, "Größe")
    positions = [(message.partition, message.position) for message in found if message.position >= 0]
    assert len(set(positions)) == len(positions)
    _wait_until_nothing_waits(inlet)
    inlet.close()
    again = plugin.inlet(url, "group", {})
    outlet.send(_messages(1, start=50))
    assert _numbers(_take(again, 1)) == [50]
    again.close()
    outlet.close()


@pytest.mark.parametrize("broker", BROKERS)
def test_what_was_taken_and_not_done_comes_again(broker: str, place: Place) -> None:  # noqa: F811
    url = place(broker, "q")
    plugin = plugins.load("brokers", broker)
    outlet = plugin.outlet(url)
    outlet.send(_messages(10))
    outlet.close()
    first = plugin.inlet(url, "group", {})
    found = _take(first, 10)
    first.done(found[:4])
    first.close()
    second = plugin.inlet(url, "group", {})
    rest = _take(second, 6)
    assert sorted(_numbers(rest)) == sorted(_numbers(found[4:]))
    second.done(rest)
    second.close()


@pytest.mark.parametrize("broker", BROKERS)
def test_a_message_given_back_comes_later_and_others_flow(broker: str, place: Place) -> None:  # noqa: F811
    url = place(broker, "q")
    plugin = plugins.load("brokers", broker)
    outlet = plugin.outlet(url)
    outlet.send(_messages(3))
    inlet = plugin.inlet(url, "group", {})
    found = _take(inlet, 3)
    back = next(message for message in found if message.headers["event-id"] == "e1")
    given_at = time.monotonic()
    inlet.again(back, 0.7)
    inlet.done([message for message in found if message is not back])
    outlet.send(_messages(1, start=3))
    later = _take(inlet, 2)
    assert sorted(_numbers(later)) == [1, 3]
    assert time.monotonic() - given_at >= 0.69
    assert next(m for m in later if m.headers["event-id"] == "e1").attempts == 2
    inlet.done(later)
    _wait_until_nothing_waits(inlet)
    inlet.close()
    outlet.close()


@pytest.mark.parametrize("broker", EXACT)
def test_a_key_sent_twice_is_there_once(broker: str, place: Place) -> None:  # noqa: F811
    url = place(broker, "q")
    plugin = plugins.load("brokers", broker)
    for _ in range(2):
        outlet = plugin.outlet(url)
        outlet.send(_messages(5))
        outlet.close()
    inlet = plugin.inlet(url, "group", {})
    found = _take(inlet, 5)
    assert sorted(_numbers(found)) == list(range(5))
    inlet.done(found)
    _wait_until_nothing_waits(inlet)
    inlet.close()


def test_kafka_starts_from_the_given_position_not_from_its_own(place: Place) -> None:  # noqa: F811
    url = place("kafka", "q")
    plugin = plugins.load("brokers", "kafka")
    outlet = plugin.outlet(url)
    for message in _messages(10):
        outlet.send([message])
    first = plugin.inlet(url, "group", {})
    by_partition: dict[str, list[Message]] = {}
    for message in _take(first, 10):
        by_partition.setdefault(message.partition, []).append(message)
    first.close()
    start = {partition: found[0].position for partition, found in by_partition.items()}
    second = plugin.inlet(url, "group", start)
    wanted = {n for found in by_partition.values() for n in _numbers(found[1:])}
    assert set(_numbers(_take(second, len(wanted)))) == wanted
    second.close()
    outlet.close()


# ---------------------------------------------------------------- ledgers


@pytest.mark.parametrize("broker", ["sqlite", "postgresql"])
@pytest.mark.parametrize("keeps", [True, False])
def test_a_ledger_remembers_everything_of_a_batch_or_nothing(broker: str, keeps: bool, place: Place) -> None:  # noqa: F811
    plugin = plugins.load("brokers", broker)
    url = place(broker, "answers")

    def opened(group: str = "g") -> Ledger:
        ledger: Ledger = plugin.ledger(url, group, "source", keeps=keeps)
        return ledger

    ledger = opened()
    answers = _messages(3)
    effects = Effects(seen=["a", "b", "c"], answers=answers, dead=[Message(key="d", body=b"x")], positions={"0": 7})
    ledger.record(effects)
    ledger.record(effects)  # the same again adds no answer
    assert ledger.known(["a", "b", "z"]) == {"a", "b"}
    assert ledger.positions() == {"0": 7}
    other = opened("another")
    assert (other.known(["a"]), other.positions(), list(other.outbox(9))) == (set(), {}, [])
    other.close()

    with pytest.raises(AdapterError):  # no text: the last part of the transaction fails
        ledger.record(Effects(seen=["new"], answers=_messages(1, 90), positions={"0": object()}))  # type: ignore[dict-item]
    assert ledger.known(["new"]) == set()

    waiting = list(ledger.outbox(100))
    assert [message.body for _, dead, message in waiting if dead] == [b"x", b"x"]
    assert len([1 for _, dead, _ in waiting if not dead]) == (0 if keeps else 6)
    ledger.sent([number for number, _, _ in waiting])
    assert list(ledger.outbox(100)) == []
    assert ledger.forget(time.time() + 1) == 3
    assert ledger.known(["a"]) == set()
    ledger.close()


def test_a_dead_process_gives_back_what_it_took_of_an_sqlite_queue(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'q.sqlite'}#q"
    plugin = plugins.load("brokers", "sqlite")
    plugin.outlet(url).send(_messages(2))
    plugin.inlet(url, "g", {}).take(5, 1.0)
    with sqlite3.connect(tmp_path / "q.sqlite") as connection:  # as a killed process leaves it
        connection.execute(
            "UPDATE q_pending SET owner = (SELECT substr(owner, 1, instr(owner, ':')) || '1:1.00' FROM q_pending)"
        )
    connection.close()
    found = plugin.inlet(url, "g", {}).take(5, 30.0)
    assert [message.attempts for message in found] == [2, 2]


# ---------------------------------------------------------------- addresses


@pytest.mark.parametrize(
    ("broker", "url"),
    [
        ("nats", "nats://localhost/only-a-stream"),
        ("rabbitmq", "amqp://localhost/"),
        ("redis", "redis://localhost/stream"),
        ("kafka", "kafka://localhost:9092/"),
        ("kafka", "kafka://localhost:port/topic"),
        ("postgresql", "postgresql://localhost/"),
        ("sqlite", "sqlite:///q.sqlite?mode=memory"),
        ("sqlite", "sqlite:///q.sqlite#a;drop table b"),
        ("sqlite", "sqlite://"),
        ("directory", "dir://host/path"),
        ("redis", "redis://localhost/0/s?claim_s=soon"),
        ("postgresql", "postgresql://localhost/db?options=-c%20x"),
    ],
)
def test_a_wrong_address_is_said_at_once(
    broker: str, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SpecError) as caught:
        plugins.load("brokers", broker).outlet(url)
    assert caught.value.code == "stream.url"
    assert caught.value.hint


@pytest.mark.parametrize(
    ("broker", "url"),
    [
        ("nats", "nats://user:canary-7f3@127.0.0.1:1/S/s"),
        ("rabbitmq", "amqp://user:canary-7f3@127.0.0.1:1/q"),
        ("redis", "redis://user:canary-7f3@127.0.0.1:1/0/s"),
        ("postgresql", "postgresql://user:canary-7f3@127.0.0.1:1/db#t"),
    ],
)
def test_a_broker_that_is_not_there_is_one_sentence_without_the_password(broker: str, url: str) -> None:
    with pytest.raises(AdapterError) as caught:
        plugins.load("brokers", broker).outlet(url)
    assert caught.value.retryable
    assert "canary" not in str(caught.value.as_dict())

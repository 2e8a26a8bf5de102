"""What becomes of events that are wrong, crash the model, come twice, or come from where they should not."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from modelwright.core import plugins
from modelwright.core.clock import SystemClock
from modelwright.core.errors import AdapterError, SpecError
from modelwright.lifecycle.streaming.engine import Ends, Engine, Limits, Subject
from modelwright.lifecycle.streaming.events import (
    DeadLetter,
    Event,
    PoisonError,
    answer_message,
    decode,
    identify,
    read_dead_letter,
)
from modelwright.lifecycle.streaming.places import broker, shown
from modelwright.lifecycle.streaming.replay import replay
from modelwright.lifecycle.streaming.suspects import Suspects
from modelwright.records.ports import Message

COLUMNS = frozenset(("a", "b"))


def _good(events: Sequence[Event]) -> list[Message | PoisonError]:
    return [
        answer_message(
            event, "g", model="m", version=1, degraded=False, predictions=[1] * len(event.rows), probabilities=None
        )
        for event in events
    ]


class _Stream:
    """A stream from an SQLite queue into an SQLite table, all in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = {name: f"sqlite:///{folder / f'{name}.sqlite'}#{name}" for name in ("events", "answers", "dead")}
        self.plugin = plugins.load("brokers", "sqlite")

    def send(self, *bodies: Any, **headers: str) -> None:
        outlet = self.plugin.outlet(self.url["events"])
        outlet.send(
            [
                Message(body=body if isinstance(body, bytes) else msgspec.json.encode(body), headers=dict(headers))
                for body in bodies
            ]
        )
        outlet.close()

    def run(self, score: Callable[..., Any] = _good, *, turns: int = 6, **limits: Any) -> Engine:
        ledger = self.plugin.ledger(self.url["answers"], "g", "s", keeps=True)
        ends = Ends(
            inlet=self.plugin.inlet(self.url["events"], "g", {}),
            ledger=ledger,
            dead=self.plugin.outlet(self.url["dead"]),
        )
        subject = Subject(model="m", group="g", source="sqlite:///events", columns=COLUMNS)
        suspects = Suspects(self.folder / "state")
        engine = Engine(ends, score, subject, Limits(retry_s=0.01, **limits), suspects, SystemClock())
        try:
            for _ in range(turns):
                engine.turn(0.2)
        finally:
            ends.close()
        return engine

    def rows(self, name: str) -> list[dict[str, Any]]:
        connection = sqlite3.connect(self.folder / f"{name}.sqlite")
        found = connection.execute(f"SELECT body FROM {name} ORDER BY position").fetchall()
        connection.close()
        return [msgspec.json.decode(body) for (body,) in found]

    def letters(self) -> list[DeadLetter]:
        return [msgspec.convert(row, DeadLetter) for row in self.rows("dead")]


@pytest.fixture
def stream(tmp_path: Path) -> _Stream:
    return _Stream(tmp_path)


# ---------------------------------------------------------------- events


def test_the_id_is_the_header_then_the_key_then_a_field_then_the_position() -> None:
    body = b'{"event_id": "field", "a": 1}'
    full = Message(key="key", body=body, partition="p", position=7, headers={"event-id": "header"})
    assert identify(full) == "header"
    assert identify(Message(key="key", body=body)) == "key"
    assert identify(Message(body=body)) == "field"
    assert identify(Message(body=b'{"order": 12}'), "order") == "12"
    assert identify(Message(body=b"{}", partition="p", position=7)) == "p:7"
    assert identify(Message(body=b"{}")) != identify(Message(body=b"{}"))
    long = [identify(Message(key="x" * 500 + end, body=b"")) for end in "ab"]
    assert long[0] != long[1]
    assert max(map(len, long)) <= 180


def test_rows_come_alone_or_in_a_list_and_an_id_that_is_no_input_is_taken_off() -> None:
    one = decode(Message(body=b'{"a": 1, "b": 2, "event_id": "e"}'), "e", COLUMNS)
    assert (list(one.rows), one.many) == ([{"a": 1, "b": 2}], False)
    two = decode(Message(body=b'{"rows": [{"a": 1}, {"a": 2}]}'), "e", COLUMNS)
    assert (len(two.rows), two.many) == (2, True)
    kept = decode(Message(body=b'{"a": 1, "event_id": 3}'), "3", COLUMNS | {"event_id"})
    assert kept.rows[0]["event_id"] == 3


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        b"\xff\xfe",
        b'{"a": NaN}',
        b'{"a": 1, "a": 2}',
        b"[1, 2]",
        b'"text"',
        b'{"rows": []}',
        b'{"rows": [1]}',
        b"[" * 50,
        b'{"a": "' + b"x" * (9 << 20) + b'"}',
    ],
    ids=range(11),
)
def test_what_is_no_event_is_poison(body: bytes) -> None:
    with pytest.raises(PoisonError):
        decode(Message(body=body), "e", COLUMNS)


@pytest.mark.parametrize(
    "kind",
    ["application/python-pickle", "application/x-pickle", "application/x-python-serialize", "application/joblib"],
)
def test_a_pickle_content_type_is_refused_before_anything_is_decoded(kind: str, stream: _Stream) -> None:
    stream.send({"a": 1, "b": 1}, **{"Content-Type": kind})
    stream.run(turns=2)
    [letter] = stream.letters()
    assert letter.error.code == "event.content_type"
    assert stream.rows("answers") == []


# ---------------------------------------------------------------- poison


def test_what_cannot_be_read_goes_to_the_dead_letters_at_once_and_the_rest_flows(stream: _Stream) -> None:
    stream.send({"a": 1}, b"\x80nonsense", {"a": 2})
    engine = stream.run(turns=2)
    assert len(stream.rows("answers")) == 2
    [letter] = stream.letters()
    assert (letter.error.code, letter.attempts, letter.encoding) == ("event.json", 1, "base64")
    assert letter.body() == b"\x80nonsense"
    assert (letter.partition, letter.position, letter.source) == ("events", 2, "sqlite:///events")
    assert letter.code_version
    assert (engine.counts.answered, dict(engine.counts.dead)) == (2, {"event.json": 1})


def test_an_event_that_crashes_the_model_is_tried_then_buried_and_the_rest_flows(stream: _Stream) -> None:
    tried: list[int] = []

    def score(events: Sequence[Event]) -> list[Message | PoisonError]:
        if any(row["a"] == 13 for event in events for row in event.rows):
            tried.append(len(events))
            raise ZeroDivisionError("unlucky")
        return _good(events)

    stream.send({"a": 1}, {"a": 13}, {"a": 2})
    engine = stream.run(score, turns=8, attempts=3)
    assert len(stream.rows("answers")) == 2
    [letter] = stream.letters()
    assert (letter.error.code, letter.attempts) == ("event.failed", 3)
    assert "unlucky" in letter.error.message
    assert tried == [3, 1, 1, 1]  # together once, then alone
    assert engine.counts.retried == 2


def test_an_event_that_kills_the_process_is_counted_alone_and_buried(stream: _Stream, tmp_path: Path) -> None:
    """Each kill leaves what was being worked on; the next process tries those one by one."""
    stream.send({"a": 1}, {"a": 2})

    class KilledError(BaseException):
        pass

    def score(events: Sequence[Event]) -> list[Message | PoisonError]:
        if any(row["a"] == 2 for event in events for row in event.rows):
            raise KilledError
        return _good(events)

    for _ in range(4):  # together, then three times alone
        with pytest.raises(KilledError):
            stream.run(score, turns=8, attempts=3)
    stream.run(score, turns=3, attempts=3)
    assert len(stream.rows("answers")) == 1
    [letter] = stream.letters()
    assert (letter.error.code, letter.attempts) == ("event.crashed", 3)


def test_the_same_event_has_one_effect(stream: _Stream) -> None:
    stream.send({"a": 1, "event_id": "same"}, {"a": 1, "event_id": "same"})
    outlet = stream.plugin.outlet(stream.url["events"])
    for key in ("x", "y"):  # two names of one event
        outlet.send([Message(key=key, body=b'{"a": 1}', headers={"event-id": "one"})])
    outlet.close()
    engine = stream.run(turns=2)
    assert engine.counts.duplicates == 1
    assert engine.counts.answered == len(stream.rows("answers"))


def test_a_ledger_that_fails_acknowledges_nothing(stream: _Stream) -> None:
    stream.send({"a": 1})

    def score(events: Sequence[Event]) -> list[Message | PoisonError]:
        raise AdapterError("the log is full", code="log.full", retryable=True)

    with pytest.raises(AdapterError):
        stream.run(score, turns=1)
    stream.run(turns=2)
    assert len(stream.rows("answers")) == 1


# ---------------------------------------------------------------- replay


def test_dead_letters_are_replayed_as_new_attempts_and_answered_once(stream: _Stream) -> None:
    def broken(events: Sequence[Event]) -> list[Message | PoisonError]:
        return [PoisonError("request.type", "a: no number") for _ in events]

    stream.send({"a": 1}, {"a": 2})
    stream.run(broken, turns=2)
    assert len(stream.letters()) == 2
    assert replay(stream.url["dead"], stream.url["events"], codes=("other",))["kept"] == 2
    said = replay(stream.url["dead"], stream.url["events"], most=1)
    assert (said["sent"], said["codes"]) == (1, {"request.type": 1})
    assert replay(stream.url["dead"], stream.url["events"])["sent"] == 1
    assert replay(stream.url["dead"], stream.url["events"])["sent"] == 0
    engine = stream.run(turns=2)
    assert engine.counts.answered == 2
    assert len(stream.rows("answers")) == 2


def test_a_replayed_event_that_fails_again_is_a_new_dead_letter(stream: _Stream) -> None:
    stream.send(b"nonsense")
    stream.run(turns=1)
    replay(stream.url["dead"], stream.url["events"])
    stream.run(turns=1)
    letters = stream.letters()
    assert len(letters) == 2
    assert letters[0].event_id == letters[1].event_id
    assert read_dead_letter(b"{}") is None


# ---------------------------------------------------------------- places


@pytest.mark.parametrize(
    "url",
    [
        "nats://user:hush9@broker.example/S/s",
        "nats+tls://broker.example/S/s",
        "amqp://user:hush9@10.0.0.5/q",
        "redis://10.0.0.5/0/s",
        "kafka://127.0.0.1:9092,10.0.0.5:9092/t",
        "postgresql://user:hush9@10.0.0.5/db#t",
        "postgresql://user:hush9@10.0.0.5/db?sslmode=prefer#t",
    ],
)
def test_an_open_broker_elsewhere_is_refused(url: str) -> None:
    with pytest.raises(SpecError) as caught:
        broker(url)
    assert caught.value.code == "stream.open"
    assert "hush9" not in str(caught.value.as_dict())
    assert broker(url, allow_open=True)


@pytest.mark.parametrize(
    "url",
    [
        "nats://127.0.0.1/S/s",
        "amqp://guest:guest@localhost/q",
        "redis://[::1]:6379/0/s",
        "nats+tls://user:hush9@broker.example/S/s",
        "amqps://user:hush9@10.0.0.5/q",
        "postgresql://user:hush9@10.0.0.5/db?sslmode=verify-full#t",
        "sqlite:///q.sqlite",
        "dir:///folder",
    ],
)
def test_loopback_and_encrypted_brokers_are_accepted(url: str) -> None:
    assert broker(url)


def test_an_unknown_scheme_is_told_with_the_nearest() -> None:
    with pytest.raises(SpecError) as caught:
        broker("rediss3://host/0/s")
    assert "rediss" in caught.value.hint
    assert shown("redis://user:hush9@host:1/0/s?claim_s=hush9") == "redis://host:1/0/s"


def test_suspects_of_a_process_that_lives_are_its_own(tmp_path: Path) -> None:
    first = Suspects(tmp_path)
    first.working(["a", "b"])
    (tmp_path / "working-1.json").write_text('["c"]')  # process 1 lives
    second = Suspects(tmp_path)
    assert "c" not in second
    assert "a" in second

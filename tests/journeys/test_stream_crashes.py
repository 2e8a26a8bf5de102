"""Streams whose process is killed at random: every event is answered, and has one effect.

`MODELWRIGHT_STREAM_EVENTS` and `MODELWRIGHT_STREAM_KILLS` set the counts of the long form.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from modelwright.core import plugins
from modelwright.records.ports import Message
from tests.contracts.broker_places import BROKERS, kafka_hosts, place, postgres_url  # noqa: F401 - fixtures
from tests.contracts.stream_events import make_bundle

pytestmark = [pytest.mark.journey, pytest.mark.services]
Place = Callable[[str, str], str]
_ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("sums") / "bundle")


def _publish(broker: str, url: str, count: int) -> None:
    outlet = plugins.load("brokers", broker).outlet(url)
    for start in range(0, count, 5_000):
        outlet.send(
            [
                Message(
                    key=f"m{n}",
                    body=msgspec.json.encode({"a": n / count, "b": -0.5}),
                    headers={"event-id": f"e{n}"},
                )
                for n in range(start, min(count, start + 5_000))
            ]
        )
    outlet.close()


def _crash(bundle: Path, source: str, to: str, state: Path, events: int, kills: int) -> list[dict[str, Any]]:
    state.mkdir()
    command = [sys.executable, "-m", "tests.contracts.crash_harness", str(bundle), source, to, str(state)]
    done = subprocess.run(
        [*command, str(events), str(kills), "7"], cwd=_ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    lives: list[dict[str, Any]] = json.loads(done.stdout)["lives"]
    return lives


def _check(rows: list[tuple[str, bytes]], lives: list[dict[str, Any]], events: int, kills: int) -> None:
    """Every event once, and the right answer to each."""
    assert [life["signal"] for life in lives] == [9] * kills + [0]
    answers = {key: msgspec.json.decode(bytes(body)) for key, body in rows}
    assert len(rows) == len(answers) == events
    assert set(answers) == {f"crash:e{n}" for n in range(events)}
    for n in (0, events // 4, events - 1):
        assert answers[f"crash:e{n}"]["event_id"] == f"e{n}"
        assert answers[f"crash:e{n}"]["prediction"] == ("yes" if n / events > 0.5 else "no")
    assert lives[-1]["summary"]["dead_letters"] == 0


def _from_sqlite(path: Path) -> list[tuple[str, bytes]]:
    with sqlite3.connect(path) as connection:
        rows = connection.execute("SELECT key, body FROM answers").fetchall()
    connection.close()
    return rows


@pytest.mark.parametrize("broker", BROKERS)
def test_kills_lose_and_double_nothing(broker: str, bundle: Path, place: Place, tmp_path: Path) -> None:  # noqa: F811
    events, kills = (600, 3) if broker == "directory" else (2_000, 3)
    kills = 1 if broker == "kafka" else kills  # each next life waits until the group has given up the dead one
    source = place(broker, "events")
    _publish(broker, source, events)
    sink = tmp_path / "answers.sqlite"
    lives = _crash(bundle, source, f"sqlite:///{sink}#answers", tmp_path / "state", events, kills)
    _check(_from_sqlite(sink), lives, events, kills)


def test_kills_lose_and_double_nothing_in_postgresql(bundle: Path, place: Place, tmp_path: Path) -> None:  # noqa: F811
    import psycopg

    events, kills = 2_000, 3
    source = place("sqlite", "events")
    _publish("sqlite", source, events)
    to = place("postgresql", "answers")
    lives = _crash(bundle, source, to, tmp_path / "state", events, kills)
    with psycopg.connect(postgres_url()) as connection:
        rows = connection.execute(f"SELECT key, body FROM {to.partition('#')[2]}").fetchall()
    _check(rows, lives, events, kills)


@pytest.mark.parametrize("broker", ["nats", "rabbitmq", "redis"])
def test_answers_reach_a_broker_and_its_reader_sees_each_once(
    broker: str,
    bundle: Path,
    place: Place,  # noqa: F811
    tmp_path: Path,
) -> None:
    """Where the broker keeps no duplicates out (RabbitMQ), the key tells them apart."""
    events, kills = 1_500, 3
    source, to = place("sqlite", "events"), place(broker, "answers")
    _publish("sqlite", source, events)
    lives = _crash(bundle, source, to, tmp_path / "state", events, kills)
    inlet = plugins.load("brokers", broker).inlet(to, "reader", {})
    rows: dict[str, bytes] = {}
    count = 0
    while taken := inlet.take(500, 2.0):
        count += len(taken)
        rows |= {message.key: message.body for message in taken}
        inlet.done(taken)
    inlet.close()
    assert count == events or broker == "rabbitmq"
    _check(list(rows.items()), lives, events, kills)


@pytest.mark.soak
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("broker", BROKERS)
def test_a_million_events_and_twenty_kills(broker: str, bundle: Path, place: Place, tmp_path: Path) -> None:  # noqa: F811
    events = int(os.environ.get("MODELWRIGHT_STREAM_EVENTS", "1000000"))
    kills = int(os.environ.get("MODELWRIGHT_STREAM_KILLS", "20"))
    source = place(broker, "events")
    _publish(broker, source, events)
    sink = tmp_path / "answers.sqlite"
    lives = _crash(bundle, source, f"sqlite:///{sink}#answers", tmp_path / "state", events, kills)
    _check(_from_sqlite(sink), lives, events, kills)

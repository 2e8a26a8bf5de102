"""The journal: append-only, ordered, one winner per race; the same of every kind of journal."""

from __future__ import annotations

import multiprocessing
import os
import secrets
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from modelwright.core.errors import AdapterError, SpecError, StateError
from modelwright.core.plugins import load
from tests.contracts.broker_places import postgres_url
from tests.services import require_service


def sqlite(tmp_path: Path, actor: str = "ann") -> Any:
    return load("journals", "sqlite")(tmp_path / "journal.sqlite", actor=actor)


@pytest.fixture
def table() -> Iterator[str]:
    """The address of a table of its own in a real PostgreSQL."""
    require_service("PostgreSQL", "127.0.0.1", 5432)
    import psycopg

    name = f"events_{os.getpid()}_{secrets.token_hex(4)}"
    yield f"{postgres_url()}#{name}"
    with psycopg.connect(postgres_url()) as connection:
        connection.execute(f"DROP TABLE IF EXISTS {name}")
        connection.execute(f"DROP FUNCTION IF EXISTS {name}_final")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.services)])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    if request.param == "sqlite":
        return sqlite(tmp_path)
    return load("journals", "postgresql")(request.getfixturevalue("table"), actor="ann")


def test_events_come_back_in_order(journal: Any) -> None:
    for number in range(3):
        journal.append("thing.done", f"thing:{number}", {"number": number})
    assert len(list(journal.read())) == 3
    journal.append("thing.done", "thing:3", {"number": 3, "text": "\u00e4 \u4e16", "float": 0.1, "none": None})
    events = list(journal.read())
    assert events[3].payload == {"number": 3, "text": "\u00e4 \u4e16", "float": 0.1, "none": None}
    events.pop()
    assert [event.sequence for event in events] == [1, 2, 3]
    assert [event.payload["number"] for event in events] == [0, 1, 2]
    assert events[0].actor == "ann"
    assert [event.sequence for event in journal.read(after=2)] == [3, 4]


def test_reading_creates_nothing(journal: Any, tmp_path: Path) -> None:
    assert list(journal.read()) == []
    assert list(tmp_path.iterdir()) == []


def test_a_lost_race_is_said(journal: Any) -> None:
    journal.append("a", "s", {}, expected=0)
    with pytest.raises(StateError) as caught:
        journal.append("b", "s", {}, expected=0)
    assert caught.value.retryable
    assert len(list(journal.read())) == 1


def test_many_writers_have_one_winner_per_round(journal: Any) -> None:
    def attempt(number: int) -> bool:
        try:
            journal.append("race", f"r:{number}", {}, expected=0)
        except StateError:
            return False
        return True

    journal.read()
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(8))) == 1


def _rival(journal: Any, rounds: int, told: Any) -> None:
    won = 0
    for _ in range(rounds):
        last = len(list(journal.read()))
        try:
            journal.append("race", "r", {"after": last}, expected=last)
            won += 1
        except StateError:
            continue
    told.put(won)


def test_a_journal_that_a_fork_has_inherited_goes_on_in_both(journal: Any) -> None:
    journal.append("a", "s", {})
    fork = multiprocessing.get_context("fork")
    told = fork.Queue()
    crew = [fork.Process(target=_rival, args=(journal, 20, told)) for _ in range(3)]
    for one in crew:
        one.start()
    won = sum(told.get(timeout=120) for _ in crew)
    for one in crew:
        one.join(60)
    journal.append("b", "s", {})
    events = list(journal.read())
    assert [event.sequence for event in events] == list(range(1, won + 3))
    assert [event.payload["after"] for event in events[1:-1]] == list(range(1, won + 1)), "each saw the one before"


def test_another_journal_is_taken_over_whole_and_into_nothing_else(journal: Any, tmp_path: Path) -> None:
    other = sqlite(tmp_path / "other", actor="bob")
    for number in range(3):
        other.append("thing.done", f"thing:{number}", {"number": number})
    before = list(other.read())
    journal.adopt(before)
    assert list(journal.read()) == before
    assert journal.append("more", "s", {}).sequence == 4
    with pytest.raises(StateError) as told:
        journal.adopt(before)
    assert told.value.code == "journal.occupied"
    assert len(list(journal.read())) == 4


def test_one_that_has_moved_takes_nothing_more_until_it_comes_back(journal: Any) -> None:
    for number in range(3):
        journal.append("a", f"s:{number}", {})
    with pytest.raises(StateError):
        journal.retire(2)
    journal.retire(3)
    with pytest.raises(AdapterError):
        journal.append("a", "s:3", {})
    assert len(list(journal.read())) == 3
    journal.adopt(list(journal.read()))
    assert journal.append("a", "s:3", {}).sequence == 4


def test_one_that_was_replaced_is_read_anew(tmp_path: Path) -> None:
    journal = sqlite(tmp_path)
    for number in range(3):
        journal.append("old", f"s:{number}", {})
    assert len(list(journal.read())) == 3
    (tmp_path / "journal.sqlite").unlink()
    assert list(journal.read()) == []
    for number in range(4):
        sqlite(tmp_path, "bob").append("new", f"s:{number}", {})
    assert [event.kind for event in journal.read()] == ["new"] * 4


@pytest.mark.services
def test_in_postgresql_events_are_final_for_the_owner_too(table: str) -> None:
    import psycopg

    load("journals", "postgresql")(table).append("a", "s", {})
    address, _, name = table.partition("#")
    with psycopg.connect(address, autocommit=True) as connection:
        for statement in (f"UPDATE {name} SET kind = 'x'", f"DELETE FROM {name}", f"TRUNCATE {name}"):
            with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
                connection.execute(statement)


def test_addresses_that_do_not_work_are_said_without_their_password() -> None:
    postgres = load("journals", "postgresql")
    with pytest.raises(AdapterError) as refused:
        list(postgres("postgresql://ann:hush@127.0.0.1:1/test").read())
    assert refused.value.retryable
    assert "hush" not in str(refused.value.as_dict())
    for url in ("postgresql://127.0.0.1:5432", "postgresql://127.0.0.1/test#a;drop"):
        with pytest.raises(SpecError) as wrong:
            postgres(url)
        assert wrong.value.code == "journal.url"


def test_in_a_file_events_can_be_neither_changed_nor_deleted(tmp_path: Path) -> None:
    sqlite(tmp_path).append("a", "s", {})
    with closing(sqlite3.connect(tmp_path / "journal.sqlite")) as connection:
        for statement in ("UPDATE events SET kind = 'x'", "DELETE FROM events"):
            with pytest.raises(sqlite3.IntegrityError, match="events are"):
                connection.execute(statement)


def test_a_file_that_is_no_journal_is_named(tmp_path: Path) -> None:
    (tmp_path / "journal.sqlite").write_text("not a database, but long enough to look at" * 10)
    broken = load("journals", "sqlite")(tmp_path / "journal.sqlite")
    with pytest.raises(AdapterError, match="journal"):
        broken.append("a", "s", {})


def test_a_journal_that_is_just_being_laid_is_empty_not_broken(tmp_path: Path) -> None:
    journal = sqlite(tmp_path)
    (tmp_path / "journal.sqlite").touch()  # between the file of a first writer and its tables
    assert list(journal.read()) == []
    journal.append("a", "s", {}, expected=0)
    assert [event.sequence for event in journal.read()] == [1]

"""The journal: append-only, ordered, one winner per race."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from modelwright.core.errors import AdapterError, StateError
from modelwright.core.plugins import load


@pytest.fixture
def journal(tmp_path: Path):
    return load("journals", "sqlite")(tmp_path / "journal.sqlite", actor="ann")


def test_events_come_back_in_order(journal) -> None:
    for number in range(3):
        journal.append("thing.done", f"thing:{number}", {"number": number})
    events = list(journal.read())
    assert [event.sequence for event in events] == [1, 2, 3]
    assert [event.payload["number"] for event in events] == [0, 1, 2]
    assert events[0].actor == "ann"
    assert [event.sequence for event in journal.read(after=2)] == [3]


def test_reading_creates_nothing(journal, tmp_path: Path) -> None:
    assert list(journal.read()) == []
    assert list(tmp_path.iterdir()) == []


def test_a_lost_race_is_said(journal) -> None:
    journal.append("a", "s", {}, expected=0)
    with pytest.raises(StateError) as caught:
        journal.append("b", "s", {}, expected=0)
    assert caught.value.retryable
    assert len(list(journal.read())) == 1


def test_many_writers_have_one_winner_per_round(journal) -> None:
    def attempt(number: int) -> bool:
        try:
            journal.append("race", f"r:{number}", {}, expected=0)
        except StateError:
            return False
        return True

    journal.read()
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(8))) == 1


def test_events_can_be_neither_changed_nor_deleted(journal, tmp_path: Path) -> None:
    journal.append("a", "s", {})
    with closing(sqlite3.connect(tmp_path / "journal.sqlite")) as connection:
        for statement in ("UPDATE events SET kind = 'x'", "DELETE FROM events"):
            with pytest.raises(sqlite3.IntegrityError, match="events are"):
                connection.execute(statement)


def test_a_file_that_is_no_journal_is_named(tmp_path: Path) -> None:
    (tmp_path / "journal.sqlite").write_text("not a database, but long enough to look at" * 10)
    broken = load("journals", "sqlite")(tmp_path / "journal.sqlite")
    with pytest.raises(AdapterError, match="journal"):
        broken.append("a", "s", {})


def test_a_journal_that_is_just_being_laid_is_empty_not_broken(journal, tmp_path: Path) -> None:
    (tmp_path / "journal.sqlite").touch()  # between the file of a first writer and its tables
    assert list(journal.read()) == []
    journal.append("a", "s", {}, expected=0)
    assert [event.sequence for event in journal.read()] == [1]

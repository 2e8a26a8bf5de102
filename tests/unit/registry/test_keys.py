"""Keys are a fold over the journal, and their text is nowhere in it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from modelwright.adapters.journals.sqlite import SqliteJournal
from modelwright.core.errors import ModelwrightError
from modelwright.registry import keys

_NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture
def journal(tmp_path: Path) -> SqliteJournal:
    return SqliteJournal(tmp_path / "journal.sqlite", actor="anna")


def test_a_key_is_made_listed_and_revoked(journal: SqliteJournal, tmp_path: Path) -> None:
    made, text = keys.create(journal, "shop", scopes=["predict"], now=_NOW, expires="90d", rate_per_minute=1_000)
    assert text.startswith(made.prefix)
    assert len(text) > 50
    assert made.expires_at == "2027-02-19T12:00:00.000Z"
    assert keys.fold(journal.read()) == [made]
    assert made.live(_NOW)
    assert made.created_by == "anna"
    assert text.encode() not in (tmp_path / "journal.sqlite").read_bytes(), "the text of a key is kept nowhere"
    assert text.split("_", 2)[2].encode() not in (tmp_path / "journal.sqlite").read_bytes()
    assert made.sha256 == keys.digest(text)
    assert not made.live(_NOW + timedelta(days=90))
    gone = keys.revoke(journal, made.prefix, now=_NOW, reason="lost")
    assert not gone.live(_NOW)
    assert [key.live(_NOW) for key in keys.fold(journal.read())] == [False]
    before = len(list(journal.read()))
    assert keys.revoke(journal, "shop", now=_NOW).revoked_at == gone.revoked_at
    assert len(list(journal.read())) == before, "revoking again changes nothing"
    again, _ = keys.create(journal, "shop", scopes=["read"], now=_NOW)
    assert again.id != made.id
    assert again.live(_NOW)


@pytest.mark.parametrize(
    ("name", "how", "code"),
    [
        ("", {}, "key.name"),
        ("a\nb", {}, "key.name"),
        ("a" * 65, {}, "key.name"),
        ("shop", {"scopes": ["predict", "everything"]}, "key.scope"),
        ("shop", {"scopes": []}, "key.scope"),
        ("shop", {"expires": "soon"}, "key.expiry"),
        ("shop", {"expires": "0d"}, "key.expiry"),
        ("taken", {}, "key.taken"),
    ],
)
def test_what_cannot_be_a_key(journal: SqliteJournal, name: str, how: dict[str, object], code: str) -> None:
    keys.create(journal, "taken", scopes=["predict"], now=_NOW)
    with pytest.raises(ModelwrightError) as refused:
        keys.create(journal, name, **{"scopes": ["predict"], "now": _NOW, **how})  # type: ignore[arg-type]
    assert refused.value.code == code
    assert refused.value.hint
    assert len(keys.fold(journal.read())) == 1


def test_an_unknown_key_cannot_be_revoked(journal: SqliteJournal) -> None:
    with pytest.raises(ModelwrightError) as refused:
        keys.revoke(journal, "nobody", now=_NOW)
    assert refused.value.code == "key.unknown"

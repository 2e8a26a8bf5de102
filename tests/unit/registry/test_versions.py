"""Versions and aliases as a fold over a real journal."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelwright.core.errors import NotFoundError, StateError
from modelwright.core.nouns import Decision, ModelVersion
from modelwright.core.plugins import load
from modelwright.core.ports import Journal
from modelwright.registry import versions


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    made: Journal = load("journals", "sqlite")(tmp_path / "journal.sqlite")
    return made


def add(journal: Journal, run: str, decision: Decision = Decision.APPROVE, name: str = "churn") -> ModelVersion:
    return versions.register(
        journal, name, bundle_digest=f"sha256:{run}", run_id=run, decision=decision, bundle_path=f"runs/{run}/bundle"
    )


def test_numbers_count_per_model_and_survive_other_events(journal: Journal) -> None:
    journal.append("run.started", "run:r1", {})
    assert [add(journal, run).version for run in ("r1", "r2")] == [1, 2]
    assert add(journal, "r3", name="price").version == 1
    assert [(v.name, v.version) for v in versions.list_versions(journal)] == [("churn", 1), ("churn", 2), ("price", 1)]
    assert len(versions.list_versions(journal, "churn")) == 2


def test_registering_the_same_run_again_changes_nothing(journal: Journal) -> None:
    first = add(journal, "r1")
    assert add(journal, "r1") == first
    assert len(list(journal.read())) == 1


def test_nobody_is_champion_until_promoted_and_promotion_moves_and_rolls_back(journal: Journal) -> None:
    add(journal, "r1")
    add(journal, "r2", Decision.CONDITIONAL)
    assert versions.aliases(journal, "churn") == {}
    assert versions.promote(journal, "churn", 1).aliases == ("champion",)
    assert versions.promote(journal, "churn", 2).aliases == ("champion",)
    assert versions.show(journal, "churn", "champion").version == 2
    versions.promote(journal, "churn", 1, reason="the new one was slower")
    assert versions.aliases(journal, "churn") == {"champion": 1}
    versions.promote(journal, "churn", 2, alias="challenger")
    assert versions.aliases(journal, "churn") == {"champion": 1, "challenger": 2}
    assert [event.payload.get("version") for event in versions.history(journal, "churn")] == [1, 2, 1, 2, 1, 2]


def test_a_version_that_needs_rework_is_not_promoted_unless_forced(journal: Journal) -> None:
    add(journal, "r1", Decision.NEEDS_REWORK)
    with pytest.raises(StateError, match="needs rework") as caught:
        versions.promote(journal, "churn", 1)
    assert caught.value.code == "version.not_approved"
    assert versions.promote(journal, "churn", 1, force=True, reason="drill").aliases == ("champion",)
    assert versions.history(journal, "churn")[-1].payload["forced"] is True


def test_a_lost_race_is_told(journal: Journal, tmp_path: Path) -> None:
    class Interrupted:
        """The same journal, with another writer between the look and the append."""

        def read(self, after: int = 0):  # type: ignore[no-untyped-def]
            events = list(journal.read(after))
            journal.append("run.started", "run:other", {})
            return events

        append = journal.append

    with pytest.raises(StateError) as caught:
        add(Interrupted(), "r1")
    assert caught.value.code == "journal.lost_race"
    assert caught.value.retryable


def test_unknown_names_are_answered_with_the_nearest(journal: Journal) -> None:
    add(journal, "r1")
    with pytest.raises(NotFoundError, match="churm") as caught:
        versions.show(journal, "churm")
    assert "churn" in caught.value.hint
    with pytest.raises(NotFoundError) as caught:
        versions.show(journal, "churn", 7)
    assert caught.value.code == "version.unknown"
    with pytest.raises(StateError):
        versions.promote(journal, "churn", 1, alias="champ")
    with pytest.raises(StateError):
        add(journal, "r2", name="Not A Name")

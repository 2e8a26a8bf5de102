"""What is wanted follows from what was asked for and what the journal says; a plane becomes that, or stays as it is."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from modelwright.adapters.journals.sqlite import SqliteJournal
from modelwright.core.errors import ModelError, ModelwrightError
from modelwright.core.nouns import Decision, Task
from modelwright.registry import bundle, routes, versions
from modelwright.registry.model import Model
from modelwright.registry.routes import ArmState, RouteState
from modelwright.serving import live
from modelwright.serving.asking import Ask
from modelwright.serving.plane import Plane
from modelwright.serving.swapping import Deployment, Followed, Place, Wanted, resolve
from tests.unit.registry import bundle_parts as parts


@pytest.fixture
def journal(tmp_path: Path) -> SqliteJournal:
    journal = SqliteJournal(tmp_path / "journal.sqlite")
    for number in (1, 2, 3):
        versions.register(
            journal, "demo", bundle_digest=f"d{number}", run_id=f"r{number}", decision=Decision.APPROVE,
            bundle_path=f"runs/r{number}/bundle",
        )  # fmt: skip
    return journal


def _live(journal: SqliteJournal, *asked: str) -> Wanted:
    followed = []
    for text in asked:
        name, _, which = text.partition(":")
        followed.append(Followed(name=name, which=which))
    (wanted,) = resolve(followed, journal.read(), Path("/w"))
    return wanted


def test_a_name_means_its_champion_else_its_latest_version(journal: SqliteJournal) -> None:
    assert _live(journal, "demo").live == (3,)
    versions.promote(journal, "demo", 2)
    wanted = _live(journal, "demo")
    assert wanted.live == (2,)
    assert wanted.places == (Place(version=2, folder="/w/runs/r2/bundle", digest="d2"),)
    assert wanted.aliases == {"champion": 2}
    assert _live(journal, "demo:1").live == (1,)
    versions.promote(journal, "demo", 3, alias="challenger")
    assert _live(journal, "demo:challenger").live == (3,)
    both = _live(journal, "demo:1", "demo:3")
    assert (both.live, [place.version for place in both.places]) == ((1,), [1, 3])


def test_a_route_is_followed_by_who_asked_for_the_name_alone(journal: SqliteJournal) -> None:
    versions.promote(journal, "demo", 1)
    arms = (ArmState(which="champion", weight=9.0), ArmState(which="3", weight=1.0, label="canary"))
    routes.set_route(journal, "demo", RouteState(arms=arms, strategy="canary", shadows=("2",)))
    wanted = _live(journal, "demo")
    assert wanted.arms == ((1, 9.0, "champion"), (3, 1.0, "canary"))
    assert (wanted.shadows, wanted.live) == ((2,), (1, 3, 2))
    assert wanted.route.strategy == "canary"
    assert _live(journal, "demo:champion").live == (1,)
    versions.promote(journal, "demo", 2)
    assert _live(journal, "demo").arms[0][0] == 2, "an arm that names an alias moves with it"
    routes.set_route(journal, "demo", RouteState())
    assert _live(journal, "demo").live == (2,)


@pytest.mark.parametrize(("asked", "code"), [("nobody", "model.unknown"), ("demo:9", "version.unknown")])
def test_what_does_not_exist_is_named(journal: SqliteJournal, asked: str, code: str) -> None:
    with pytest.raises(ModelwrightError) as refused:
        _live(journal, asked)
    assert refused.value.code == code


@pytest.mark.parametrize("weights", [(0.0, 0.0), (-1.0, 2.0), (float("nan"), 1.0), (float("inf"), 1.0)])
def test_a_route_needs_weights(journal: SqliteJournal, weights: tuple[float, float]) -> None:
    arms = tuple(ArmState(which=str(1 + at), weight=weight) for at, weight in enumerate(weights))
    with pytest.raises(ModelwrightError) as refused:
        routes.set_route(journal, "demo", RouteState(arms=arms))
    assert refused.value.code == "route.weights"


# ---------------------------------------------------------------- a plane that becomes what is wanted


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Place]:
    """One bundle under three numbers: what tells versions apart here is their number."""
    table = parts.mixed(Task.BINARY, 300)
    folder = tmp_path_factory.mktemp("bundles") / "bundle"
    made = Model(signature=table.signature, members=(parts.member(table, "lightgbm", n_estimators=5),))
    info = bundle.write(folder, parts.contents(made, table, choose="compiled"))
    return {number: Place(version=number, folder=str(folder), digest=info.digest) for number in (1, 2, 3)}


class Turning:
    """Hands work from the other thread to this one, as an event loop does."""

    def __init__(self, folders: dict[int, Place], broken: int = 0) -> None:
        self.plane, self.due, self.went = Plane(), list[Callable[[], None]](), list[int]()
        self.refused: list[tuple[int, str]] = []
        self.folders, self.broken = folders, broken
        self.deployment = Deployment(
            self.plane, self._load, self.due.append, went_live=lambda _name, version: self.went.append(version),
            refused=lambda _name, place, error: self.refused.append((place.version, error.code)),
        )  # fmt: skip

    def _load(self, name: str, place: Place) -> live.Served:
        if place.version == self.broken:
            raise ModelError("it is broken", code="bundle.golden")
        return live.load(Path(place.folder), name, place.version, probe=False, expected=place.digest)

    def become(self, *numbers: int) -> None:
        arms = tuple((number, 1.0, "champion") for number in numbers)
        places = tuple(self.folders[number] for number in numbers)
        self.deployment.become([Wanted(name="demo", places=places, arms=arms)])
        self.settle()

    def settle(self) -> None:
        ends = time.monotonic() + 60
        while (not self.deployment.idle or self.due) and time.monotonic() < ends:
            due = list(self.due)
            del self.due[: len(due)]
            for call in due:
                call()
            time.sleep(0.001)

    def here(self) -> set[int]:
        return {served.version for served in self.plane.models().get("demo", ())}

    def answers(self) -> int:
        return self.plane.find("demo").version


def test_the_version_before_stays_for_the_way_back_and_older_ones_go(folders: dict[int, Place]) -> None:
    turning = Turning(folders)
    turning.become(1)
    turning.become(2)
    assert (turning.answers(), turning.here()) == (2, {1, 2})
    former = turning.deployment.former("demo")
    assert former is not None
    assert former.version == 1
    turning.become(3)
    assert (turning.answers(), turning.here()) == (3, {2, 3})
    kept = turning.plane.find("demo", "2")
    turning.become(2)
    assert (turning.answers(), turning.here(), turning.went) == (2, {2, 3}, [1, 2, 3, 2])
    assert turning.plane.find("demo") is kept, "the way back loads nothing"


def test_a_version_that_cannot_be_loaded_changes_nothing(folders: dict[int, Place]) -> None:
    turning = Turning(folders, broken=2)
    turning.become(1)
    turning.become(2)
    assert (turning.answers(), turning.here(), turning.refused) == (1, {1}, [(2, "bundle.golden")])
    turning.become(3)
    assert turning.answers() == 3


def test_a_digest_that_is_not_the_one_that_was_registered_is_refused(folders: dict[int, Place]) -> None:
    turning = Turning({**folders, 2: Place(version=2, folder=folders[2].folder, digest="sha256:" + "0" * 64)})
    turning.become(1)
    turning.become(2)
    assert (turning.answers(), turning.refused) == (1, [(2, "bundle.digest")])


def test_only_the_last_wish_for_a_name_counts(folders: dict[int, Place]) -> None:
    turning = Turning(folders)
    turning.become(1)
    for number in (2, 3, 1, 3):
        wanted = Wanted(name="demo", places=(folders[number],), arms=((number, 1.0, "champion"),))
        turning.deployment.become([wanted])
    turning.settle()
    assert turning.answers() == 3
    assert turning.here() <= {1, 2, 3}
    assert turning.plane.answer(Ask(model="demo", rows=[_row()])).version == 3


def _row() -> dict[str, object]:
    return {"number": 0.4, "skewed": 1.5, "serial": 1e9, "kind": "red", "label": "a", "flag": True,
            "when": "2024-02-01T05:00:00"}  # fmt: skip

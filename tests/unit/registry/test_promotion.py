"""Who may become champion, what is kept of it, and what is not deleted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from modelwright.core.errors import NotFoundError, StateError
from modelwright.core.nouns import Decision
from modelwright.registry import deleting, drills, promotion, restoring, rollouts, routes, versions
from modelwright.registry.promotion import Promotion, promote
from modelwright.registry.rollout_plan import plan
from modelwright.registry.routes import ArmState, RouteState
from tests.properties.test_ledger import NAME, journal_of, workspace

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def wanted(version: int, **more: Any) -> Promotion:
    return Promotion(name=NAME, version=version, **more)


def code(call: Any) -> str:
    with pytest.raises((StateError, NotFoundError)) as caught:
        call()
    return caught.value.code


def test_the_event_keeps_what_the_decision_rested_on(tmp_path: Path) -> None:
    journal = workspace(tmp_path, 2, Decision.CONDITIONAL)
    done = promote(journal, tmp_path, wanted(1, reason="first", expect=promotion.NOBODY))
    assert (done.before, done.version.aliases) == (None, ("champion",))
    event = versions.history(journal, NAME)[-1]
    assert event.actor == "tester"
    kept = {key: event.payload[key] for key in ("decision", "conditions", "data_digest", "run_id", "before", "reason")}
    assert kept == {
        "decision": "CONDITIONAL", "conditions": [], "data_digest": "sha256:data-1", "run_id": "r1", "before": None,
        "reason": "first",
    }  # fmt: skip


def test_a_stale_expectation_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    journal = workspace(tmp_path, 3)
    promote(journal, tmp_path, wanted(1))
    promote(journal, tmp_path, wanted(2, expect=1))
    before = len(list(journal.read()))
    assert code(lambda: promote(journal, tmp_path, wanted(3, expect=1))) == "promotion.stale"
    assert code(lambda: promote(journal, tmp_path, wanted(3, expect=promotion.NOBODY))) == "promotion.stale"
    assert len(list(journal.read())) == before


def test_whoever_looked_before_a_rival_moved_loses(tmp_path: Path) -> None:
    journal = workspace(tmp_path, 3)

    class Interrupted:
        """The same journal, with a rival's promotion between the first look and the append."""

        moved = False

        def read(self, after: int = 0) -> Any:
            return journal.read(after)

        def append(self, *what: Any, **how: Any) -> Any:
            if not self.moved:
                self.moved = True
                promote(journal, tmp_path, wanted(2))
            return journal.append(*what, **how)

    assert code(lambda: promote(Interrupted(), tmp_path, wanted(3))) == "journal.lost_race"
    assert versions.aliases(journal, NAME) == {"champion": 2}

    class Busy(Interrupted):
        """With an event of somebody else's run instead: that is no reason to lose."""

        def append(self, *what: Any, **how: Any) -> Any:
            if not self.moved:
                self.moved = True
                journal.append("run.started", "run:r9", {})
            return journal.append(*what, **how)

    assert promote(Busy(), tmp_path, wanted(3)).version.version == 3


def test_needs_rework_takes_a_named_person_and_a_reason(tmp_path: Path) -> None:
    journal = workspace(tmp_path, 1, Decision.NEEDS_REWORK)
    assert code(lambda: promote(journal, tmp_path, wanted(1))) == "version.not_approved"
    assert code(lambda: promote(journal, tmp_path, wanted(1, override="it burns"))) == "promotion.unnamed"
    assert code(lambda: promote(journal, tmp_path, wanted(1, override="  ", actor="ada"))) == "promotion.reason"
    assert promote(journal, tmp_path, wanted(1, override="it burns", actor="ada")).overridden
    assert versions.history(journal, NAME)[-1].payload["override"] == {"reason": "it burns", "by": "ada"}


def test_a_bundle_that_is_gone_changed_or_in_quarantine_is_refused(tmp_path: Path) -> None:
    journal = workspace(tmp_path, 3)
    (tmp_path / "runs/r1/bundle/manifest.json").unlink()
    with (tmp_path / "runs/r2/bundle/manifest.json").open("ab") as manifest:
        manifest.write(b" ")
    promotion.quarantine(journal, NAME, 3, "crashed a server")
    codes = [code(lambda number=number: promote(journal, tmp_path, wanted(number))) for number in (1, 2, 3)]  # type: ignore[misc]
    assert codes == ["bundle.missing", "bundle.changed", "version.quarantined"]
    promotion.release(journal, NAME, 3, "mended")
    assert promote(journal, tmp_path, wanted(3)).version.version == 3


@pytest.mark.parametrize(
    "alias", ["../champion", "champion/", "\uff43hampion", "Champion", "latest", "..", "", "champi\u043en"]
)
def test_aliases_that_only_look_right_are_refused(tmp_path: Path, alias: str) -> None:
    journal = workspace(tmp_path, 1)
    assert code(lambda: promote(journal, tmp_path, wanted(1, alias=alias))) == "alias.unknown"


def test_what_is_in_use_is_not_deleted_and_what_is_deleted_comes_back(tmp_path: Path) -> None:
    journal = workspace(tmp_path, 5)

    def delete(version: int) -> Any:
        return deleting.delete(journal, NAME, version, reason="old", keep_days=30, now_at=NOW)

    assert code(lambda: delete(5)) == "version.in_use", "the newest answers while nobody is champion"
    promote(journal, tmp_path, wanted(1))
    promote(journal, tmp_path, wanted(2))
    promote(journal, tmp_path, wanted(3, alias="challenger"))
    routes.set_route(journal, NAME, RouteState(arms=(ArmState(which="champion"), ArmState(which="4", weight=0.1))))
    assert [code(lambda n=n: delete(n)) for n in (1, 2, 3, 4)] == ["version.in_use"] * 4  # type: ignore[misc]
    assert delete(5).payload["kept_until"] == "2026-12-21T00:00:00+00:00"
    assert code(lambda: versions.show(journal, NAME, 5)) == "version.unknown"
    assert code(lambda: promote(journal, tmp_path, wanted(5))) == "version.unknown"
    assert deleting.restore(journal, tmp_path, NAME, 5).version == 5
    assert code(lambda: deleting.restore(journal, tmp_path, NAME, 5)) == "version.unknown"
    delete(5)
    (tmp_path / "runs/r5/bundle/manifest.json").unlink()
    assert code(lambda: deleting.restore(journal, tmp_path, NAME, 5)) == "bundle.missing"


def test_a_number_is_never_given_twice(tmp_path: Path) -> None:
    journal = workspace(tmp_path, 3)
    promote(journal, tmp_path, wanted(1))
    deleting.delete(journal, NAME, 3, reason="", keep_days=1, now_at=NOW)
    made = versions.register(journal, NAME, bundle_digest="sha256:x", run_id="r9", decision=Decision.APPROVE)
    assert made.version == 4


def test_a_rollout_stands_in_the_way_unless_it_is_an_emergency(tmp_path: Path) -> None:
    journal = workspace(tmp_path, 3)
    promote(journal, tmp_path, wanted(1))
    begun = rollouts.start(journal, tmp_path, NAME, plan("canary", (2,), steps="50", stops=()), actor="ada")
    assert code(lambda: promote(journal, tmp_path, wanted(3))) == "rollout.running"
    done = promote(journal, tmp_path, wanted(1, supersede=True))
    assert (done.superseded, rollouts.latest(journal, NAME).state) == (begun.id, "aborted")
    rollouts.start(journal, tmp_path, NAME, plan("canary", (2,), steps="50", stops=()), actor="ada")
    promote(journal, tmp_path, wanted(3, supersede=True))
    assert (rollouts.latest(journal, NAME).state, versions.aliases(journal, NAME)["champion"]) == ("superseded", 3)


def test_without_a_fresh_drill_it_is_conditional_by_every_way_in(tmp_path: Path) -> None:
    journal = workspace(tmp_path, 4)

    def kept() -> tuple[str, bool]:
        payload = versions.history(journal, NAME)[-1].payload
        return payload["decision"], any("drill" in one for one in payload["conditions"])

    assert promote(journal, tmp_path, wanted(1)).conditions == (), "nobody reigns yet, so there is no way back"
    assert kept() == ("APPROVE", False)
    promote(journal, tmp_path, wanted(2))
    assert kept() == ("CONDITIONAL", True)
    promote(journal, tmp_path, wanted(3, supersede=True))
    assert kept() == ("CONDITIONAL", True)
    rollouts.start(journal, tmp_path, NAME, plan("canary", (4,), steps="50", stops=()), actor="ada")
    rollouts.finish(journal, tmp_path, NAME, champion=4, reason="", actor="rollout")
    assert kept() == ("CONDITIONAL", True)
    now = list(journal.read())
    how, target = restoring.choose(now, NAME, None)
    restoring.point_back(journal, tmp_path, how, target, reason="", reached=lambda _point: None)
    assert kept() == ("APPROVE", False), "going back asks for no rehearsal"
    drilled = {"ok": True, "version": 3, "to": 2, "pointer_s": 0.5, "requests": 100, "failed": 0}
    journal.append(drills.DRILLED, f"model:{NAME}", drilled)
    promote(journal, tmp_path, wanted(4))
    assert kept() == ("APPROVE", False)
    late = datetime.now(UTC) + timedelta(days=drills.FRESH_DAYS + 1)
    promote(journal, tmp_path, wanted(1, at=late))
    assert kept() == ("CONDITIONAL", True)


def test_a_target_in_quarantine_is_refused_before_a_rollout_ends(tmp_path: Path) -> None:
    journal = workspace(tmp_path, 3)
    for version in (1, 2):
        promote(journal, tmp_path, wanted(version))
    rollouts.start(journal, tmp_path, NAME, plan("canary", (3,), steps="50", stops=()), actor="ada")
    promotion.quarantine(journal, NAME, 1, "it crashed")
    how, target = restoring.choose(list(journal.read()), NAME, None)
    back = partial(restoring.point_back, journal, tmp_path, how, target, reason="", reached=lambda _point: None)
    assert code(back) == "version.quarantined"
    assert rollouts.latest(journal, NAME).state == "running"


def test_the_journal_in_another_process_says_the_same(tmp_path: Path) -> None:
    promote(workspace(tmp_path, 1), tmp_path, wanted(1))
    assert versions.aliases(journal_of(tmp_path), NAME) == {"champion": 1}

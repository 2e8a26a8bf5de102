"""The ledger under rivals and kills: one winner per round, a linear history, and never a state in between."""

from __future__ import annotations

import multiprocessing
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from modelwright.core.errors import ModelwrightError, StateError
from modelwright.core.nouns import Decision
from modelwright.core.plugins import load
from modelwright.registry import deleting, promotion, reigns, restoring, rollout_state, rollouts, routes, versions
from modelwright.registry.manifest import FORMAT, FORMAT_VERSION, MANIFEST, digest_of_manifest
from modelwright.registry.promotion import Promotion
from modelwright.registry.rollout_plan import plan
from modelwright.registry.versions import Snapshot

NAME = "churn"


def journal_of(root: Path) -> Any:
    return load("journals", "sqlite")(root / "journal.sqlite", actor="tester")


def bundle(folder: Path, number: int) -> str:
    """The least that the gate reads of a bundle: a manifest in canonical form, whose digest is its name."""
    from modelwright.core.nouns import Signature, Task
    from modelwright.registry.manifest import Manifest, Scorers, encode

    folder.mkdir(parents=True)
    content = encode(
        Manifest(
            format=FORMAT, format_version=FORMAT_VERSION, name=NAME, files={},
            signature=Signature(inputs=(), task=Task.BINARY, target="target"),
            scorers=Scorers(chosen="reference", tolerance=0.0, evidence={}), metrics={}, verdict=None,
            data_digest=f"sha256:data-{number}", commit="", lock_digest="", versions={}, golden_rows=0,
        )
    )  # fmt: skip
    (folder / MANIFEST).write_bytes(content)
    return digest_of_manifest(content)


def workspace(root: Path, count: int, decision: Decision = Decision.APPROVE) -> Any:
    journal = journal_of(root)
    for number in range(1, count + 1):
        digest = bundle(root / "runs" / f"r{number}" / "bundle", number)
        versions.register(
            journal, NAME, bundle_digest=digest, run_id=f"r{number}", decision=decision,
            bundle_path=f"runs/r{number}/bundle",
        )  # fmt: skip
    return journal


# ---------------------------------------------------------------- rivals


def _rival(root: str, mine: int, start: Any, told: Any, rounds: int) -> None:
    journal = journal_of(Path(root))
    for _ in range(rounds):
        before = versions.aliases(journal, NAME).get("champion", promotion.NOBODY)
        start.wait()
        try:
            wanted = Promotion(name=NAME, version=mine, expect=before, reason=f"round after {before}")
            # a champion that promotes itself changes nothing, and so takes no part
            won = mine != before and promotion.promote(journal, Path(root), wanted).version.version == mine
            told.put((mine, "won" if won else "sat out"))
        except StateError as error:
            told.put((mine, error.code))
        start.wait()


def _race(root: Path, rivals: int, rounds: int) -> None:
    workspace(root, rivals)
    fork = multiprocessing.get_context("fork")
    start, told = fork.Barrier(rivals), fork.Queue()
    crew = [fork.Process(target=_rival, args=(str(root), n + 1, start, told, rounds)) for n in range(rivals)]
    for one in crew:
        one.start()
    said = [told.get(timeout=300) for _ in range(rivals * rounds)]
    for one in crew:
        one.join(60)
    assert all(one.exitcode == 0 for one in crew)
    results = [what for _, what in said]
    assert results.count("won") == rounds, "exactly one winner in each round"
    assert set(results) <= {"won", "sat out", "promotion.stale", "journal.lost_race"}
    events = [event for event in journal_of(root).read() if event.kind == versions.ALIASED]
    assert len(events) == rounds
    line = [event.payload["version"] for event in events]
    assert [event.payload["before"] for event in events] == [None, *line[:-1]], "each knows whom it followed"
    assert [event.sequence for event in events] == sorted(event.sequence for event in events)
    assert versions.aliases(journal_of(root), NAME) == {"champion": line[-1]}


def test_one_rival_wins_each_round(tmp_path: Path) -> None:
    _race(tmp_path, rivals=8, rounds=6)


@pytest.mark.soak
def test_one_rival_wins_each_of_a_thousand_rounds(tmp_path: Path) -> None:
    _race(tmp_path, rivals=8, rounds=1_000)


# ---------------------------------------------------------------- kills

_MOVES = """
import os, signal, sqlite3, sys
from pathlib import Path
root, mode, at = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
from tests.properties import test_ledger as parts
from modelwright.registry import promotion, rollouts
from modelwright.registry.promotion import Promotion
from modelwright.registry.rollout_plan import plan
seen = 0
real = sqlite3.connect
class Counting(sqlite3.Connection):
    def execute(self, *a, **k):
        reach("before " + a[0].split()[0]); found = super().execute(*a, **k); reach("after " + a[0].split()[0])
        return found
    def __exit__(self, *a):
        reach("before commit"); found = super().__exit__(*a); reach("after commit")
        return found
def reach(where):
    global seen
    seen += 1
    if seen == at:
        os.kill(os.getpid(), signal.SIGKILL)
journal = parts.journal_of(root)
sqlite3.connect = lambda *a, **k: real(*a, **{**k, "factory": Counting})
if mode == "promote":
    promotion.promote(journal, root, Promotion(name=parts.NAME, version=2, expect=1))
elif mode == "start":
    rollouts.start(journal, root, parts.NAME, plan("canary", (2,), steps="50", stops=()), actor="tester")
elif mode == "step":
    now = rollouts.active(journal, parts.NAME)
    rollouts.step(journal, now, now.token)
elif mode == "abort":
    rollouts.abort(journal, parts.NAME, reason="enough")
elif mode == "finish":
    rollouts.finish(journal, root, parts.NAME, champion=2, reason="done", actor="tester")
print(seen)
"""


def _state(root: Path) -> tuple[Any, ...]:
    """Everything that servers and people read from the journal."""
    events = list(journal_of(root).read())
    now = rollout_state.active_of(events, NAME)
    champion = versions.aliases(Snapshot(None, events), NAME)  # type: ignore[arg-type]
    return champion, routes.fold(events).get(NAME), None if now is None else (now.id, now.step, now.state)


def _prepared(root: Path, mode: str) -> None:
    journal = workspace(root, 2)
    promotion.promote(journal, root, Promotion(name=NAME, version=1))
    if mode in ("step", "abort", "finish"):
        rollouts.start(journal, root, NAME, plan("canary", (2,), steps="50", stops=()), actor="tester")


def _run(root: Path, mode: str, at: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _MOVES, str(root), mode, str(at)],
        capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2], timeout=120,
    )  # fmt: skip


def _killed_everywhere(tmp_path: Path, mode: str, every: int) -> None:
    whole = tmp_path / "whole"
    _prepared(whole, mode)
    before = _state(whole)
    done = _run(whole, mode, 0)
    assert done.returncode == 0, done.stderr
    after, points = _state(whole), int(done.stdout)
    assert before != after
    assert points > 6
    reached = set()
    for at in sorted({*range(1, points + 1, every), points - 1, points}):
        root = tmp_path / f"{mode}-{at}"
        _prepared(root, mode)
        killed = _run(root, mode, at)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        began = time.process_time()
        found = _state(root)
        assert time.process_time() - began < 5.0
        assert found in (before, after), f"killed at point {at} of {points}: {found}"
        reached.add(found == after)
        with sqlite3.connect(root / "journal.sqlite") as opened:
            assert opened.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        opened.close()
        if found == before:
            assert _run(root, mode, 0).returncode == 0, "the move can be made again"
            assert _state(root) == after
    assert reached == {True, False}, "both sides of the moment were seen"


@pytest.mark.parametrize("mode", ["promote", "finish"])
def test_a_kill_leaves_the_old_or_the_new_state(tmp_path: Path, mode: str) -> None:
    _killed_everywhere(tmp_path, mode, every=9)


@pytest.mark.soak
@pytest.mark.parametrize("mode", ["promote", "start", "step", "abort", "finish"])
def test_a_kill_at_every_point_leaves_the_old_or_the_new_state(tmp_path: Path, mode: str) -> None:
    _killed_everywhere(tmp_path, mode, every=1)


# ---------------------------------------------------------------- any order of moves


class Ledger(RuleBasedStateMachine):
    """A model beside the real thing: a dictionary that knows champion, rollout, deleted and quarantined."""

    @initialize()
    def begin(self) -> None:
        import tempfile

        self.folder = tempfile.TemporaryDirectory()
        self.root = Path(self.folder.name)
        self.journal = workspace(self.root, 3)
        self.champion: int | None = None
        self.reigns = [1, 2, 3]  # the newest serves until somebody is crowned
        self.rollout: tuple[int, int] | None = None
        self.gone: set[int] = set()
        self.locked: set[int] = set()

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.folder.cleanup()

    @property
    def former(self) -> int | None:
        before = [one for one in self.reigns[:-1] if one not in self.gone and one != self.reigns[-1]]
        return before[-1] if before else None

    def _crown(self, version: int) -> None:
        if self.champion is None:
            self.reigns = [one for one in self.reigns if one < version]
        if version != self.champion:
            self.champion = version
            self.reigns.append(version)

    def _usable(self, version: int) -> bool:
        return version not in self.gone and version not in self.locked

    def _expect(self, allowed: bool, call: Any) -> None:
        if allowed:
            call()
            return
        with pytest.raises(ModelwrightError):
            call()

    @rule(version=st.integers(1, 3))
    def promote(self, version: int) -> None:
        allowed = self._usable(version) and self.rollout is None
        self._expect(allowed, lambda: promotion.promote(self.journal, self.root, Promotion(name=NAME, version=version)))
        if allowed:
            self._crown(version)

    @rule(version=st.integers(1, 3))
    def by_hand(self, version: int) -> None:
        wanted = Promotion(name=NAME, version=version, supersede=True)
        self._expect(self._usable(version), lambda: promotion.promote(self.journal, self.root, wanted))
        if self._usable(version):
            self._crown(version)
            self.rollout = None

    @rule(to=st.integers(1, 3))
    def start(self, to: int) -> None:
        base = self.champion or max({1, 2, 3} - self.gone, default=0)
        allowed = self.rollout is None and self._usable(to) and to != base and base not in self.gone
        made = plan("canary", (to,), steps="50", stops=())
        self._expect(allowed, lambda: rollouts.start(self.journal, self.root, NAME, made, actor="tester"))
        if allowed:
            self.rollout = (base, to)

    @rule()
    def abort(self) -> None:
        self._expect(self.rollout is not None, lambda: rollouts.abort(self.journal, NAME, reason="x"))
        self.rollout = None

    @rule()
    def back(self) -> None:
        """To where a rollback goes by itself; a target in quarantine changes nothing, not even a rollout."""
        now = reigns.past(self.journal.read(), NAME)
        if now.before is None:
            return
        target = versions.show(self.journal, NAME, now.before)
        allowed = self._usable(now.before)

        def call() -> None:
            restoring.point_back(self.journal, self.root, now, target, reason="x", reached=lambda _point: None)

        self._expect(allowed, call)
        if allowed:
            if self.champion is None:
                self.reigns = [one for one in self.reigns if one < now.before] + [now.before]
            while self.reigns[-1] != now.before:
                self.reigns.pop()
            self.champion, self.rollout = now.before, None

    @rule()
    def finish(self) -> None:
        allowed = self.rollout is not None and self._usable(self.rollout[1])
        to = self.rollout[1] if self.rollout else 1
        self._expect(
            allowed,
            lambda: rollouts.finish(self.journal, self.root, NAME, champion=to, reason="x", actor="tester"),
        )
        if allowed:
            self._crown(to)
            self.rollout = None

    @rule(version=st.integers(1, 3))
    def delete(self, version: int) -> None:
        from datetime import UTC, datetime

        newest = self.champion is None and version == max({1, 2, 3} - self.gone, default=0)
        used = version in (self.champion, self.former, *(self.rollout or ())) or newest
        allowed = version not in self.gone and not used
        now = datetime.now(UTC)
        self._expect(
            allowed,
            lambda: deleting.delete(self.journal, NAME, version, reason="", keep_days=30, now_at=now),
        )
        if allowed:
            self.gone.add(version)

    @rule(version=st.integers(1, 3))
    def restore(self, version: int) -> None:
        self._expect(version in self.gone, lambda: deleting.restore(self.journal, self.root, NAME, version))
        self.gone.discard(version)

    @rule(version=st.integers(1, 3), locked=st.booleans())
    def lock(self, version: int, locked: bool) -> None:
        call = promotion.quarantine if locked else promotion.release
        self._expect(version not in self.gone, lambda: call(self.journal, NAME, version, "because"))
        if version not in self.gone:
            (self.locked.add if locked else self.locked.discard)(version)

    @invariant()
    def history_explains_the_present(self) -> None:
        if not hasattr(self, "journal"):
            return
        events = list(self.journal.read())
        now = Snapshot(self.journal, events)
        assert versions.aliases(now, NAME).get("champion") == self.champion
        running = rollout_state.active_of(events, NAME)
        assert (None if running is None else (running.plan.base, running.plan.to[0])) == self.rollout
        assert (NAME in routes.fold(events)) == (self.rollout is not None)
        assert reigns.past(events, NAME).before == self.former
        assert {version.version for version in versions.list_versions(now, NAME)} == {1, 2, 3} - self.gone


Ledger.TestCase.settings = settings(max_examples=8, stateful_step_count=20, deadline=None)
TestLedger = Ledger.TestCase

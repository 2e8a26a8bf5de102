"""Leases: one holder, rising tokens, takeover after death or silence, no trust in the wall clock."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from modelwright.core.errors import StateError
from modelwright.lifecycle.leases import Leases


class FakeClock:
    def __init__(self) -> None:
        self.wall, self.mono = datetime(2026, 11, 21, tzinfo=UTC), 1_000.0

    def now(self) -> datetime:
        return self.wall

    def monotonic_s(self) -> float:
        return self.mono


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def table(tmp_path: Path, clock: FakeClock, *, boot: str = "one", alive: bool = True) -> Leases:
    return Leases(tmp_path / "leases.sqlite", clock, boot, lambda _pid, _born: alive)


def test_a_second_one_waits_until_the_first_lets_go(tmp_path: Path, clock: FakeClock) -> None:
    leases = table(tmp_path, clock)
    first = leases.acquire("churn", 30)
    with pytest.raises(StateError) as told:
        leases.acquire("churn", 30)
    assert told.value.code == "lease.held"
    leases.release(first)
    assert leases.acquire("churn", 30).token == first.token + 1
    assert leases.acquire("other", 30).token == 1


def test_a_wall_clock_that_jumps_neither_ends_nor_prolongs(tmp_path: Path, clock: FakeClock) -> None:
    leases = table(tmp_path, clock)
    leases.acquire("churn", 30)
    clock.wall += timedelta(days=400)
    assert leases.holder("churn") is not None
    clock.wall -= timedelta(days=900)
    clock.mono += 31
    assert leases.holder("churn") is None
    assert leases.acquire("churn", 30).token == 2


def test_after_a_boot_the_wall_clock_decides(tmp_path: Path, clock: FakeClock) -> None:
    table(tmp_path, clock).acquire("churn", 30)
    later = table(tmp_path, clock, boot="two")
    clock.mono = 3.0
    assert later.holder("churn") is not None
    clock.wall += timedelta(seconds=31)
    assert later.holder("churn") is None


def test_a_dead_holder_is_followed_at_once_and_cannot_renew(tmp_path: Path, clock: FakeClock) -> None:
    old = table(tmp_path, clock).acquire("churn", 3_600)
    leases = table(tmp_path, clock, alive=False)
    new = leases.acquire("churn", 30)
    assert new.token > old.token
    with pytest.raises(StateError) as told:
        leases.renew(old)
    assert told.value.code == "lease.lost"
    leases.release(old)  # it has nothing to let go of
    assert table(tmp_path, clock).holder("churn") is not None


_HOLDER = """
import sys, time
from pathlib import Path
from modelwright.core.errors import StateError
from modelwright.lifecycle.leases import Leases
leases = Leases(Path(sys.argv[1]))
while True:
    try:
        lease = leases.acquire("churn", 600)
        break
    except StateError:
        time.sleep(0.01)
print(lease.token, flush=True)
sys.stdin.read(1)
leases.release(lease)
"""


@pytest.fixture
def holders() -> Iterator[list[subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        process.kill()
        process.communicate()


def test_holders_killed_at_random_never_share_a_token(tmp_path: Path, holders: list[subprocess.Popen[str]]) -> None:
    rng, tokens = random.Random(7), []
    for _ in range(5):
        process = subprocess.Popen(
            [sys.executable, "-c", _HOLDER, str(tmp_path / "leases.sqlite")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        holders.append(process)
        assert process.stdout is not None
        assert process.stdin is not None
        tokens.append(int(process.stdout.readline()))
        if rng.random() < 0.6:
            process.send_signal(signal.SIGKILL)
        else:
            process.stdin.write("x")
            process.stdin.flush()
        process.wait(timeout=60)
    assert tokens == [1, 2, 3, 4, 5]

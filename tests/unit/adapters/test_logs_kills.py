"""Kill the log's writer and its sealer: what was acknowledged is there once, and nothing is torn."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelwright.records.keeping import compact
from modelwright.records.reading import Window, check, predictions, snapshot
from modelwright.records.sealing import seal
from tests.unit.records.log_samples import HOUR_US, NOW_US, SCHEMA, prediction, segment

ROOT = Path(__file__).parents[3]


class Victims:
    """The program whose children are killed; see `log_victim`."""

    def __init__(self) -> None:
        self._program = subprocess.Popen(
            [sys.executable, "-m", "tests.unit.adapters.log_victim"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])},
        )

    def ask(self, line: str) -> None:
        assert self._program.stdin is not None
        self._program.stdin.write(line.encode() + b"\n")
        self._program.stdin.flush()

    def hear(self) -> str:
        assert self._program.stdout is not None
        line = self._program.stdout.readline()
        assert line, "the victims' program has died"
        return line.decode().strip()

    def kill_a_writer(self, folder: Path, name: str, durability: str, chance: random.Random) -> int:
        """Returns how many records it had acknowledged."""
        self.ask(f"write {folder} {name} {durability} {chance.randrange(1 << 30)}")
        process, acknowledged = int(self.hear()), 0
        for _ in range(chance.randrange(0, 25)):
            acknowledged = int(self.hear())
        time.sleep(chance.random() * 0.002)
        os.kill(process, signal.SIGKILL)
        while not (said := self.hear()).startswith("dead"):
            acknowledged = int(said)
        assert said == "dead 9"
        return acknowledged

    def close(self) -> None:
        assert self._program.stdin is not None
        assert self._program.stdout is not None
        self._program.stdin.close()
        self._program.wait(30)
        self._program.stdout.close()


@pytest.fixture(scope="module")
def victims() -> Iterator[Victims]:
    found = Victims()
    yield found
    found.close()


def kill_writers(victims: Victims, folder: Path, kills: int, seed: int) -> None:
    chance, acknowledged = random.Random(seed), {}
    for number in range(kills):
        durability = "disk" if number % 10 == 9 else "group"
        acknowledged[f"w{number}"] = victims.kill_a_writer(folder, f"w{number}", durability, chance)
        if number % 15 == 14:
            assert not seal(folder, NOW_US).damage
    assert not seal(folder, NOW_US).damage
    assert not (folder / "damaged").exists()
    rows = predictions(folder, Window(), distinct=False).select("request_id", "row", "f_age", "f_x").collect()
    assert set(Counter(rows.select("request_id", "row").iter_rows()).values()) <= {1}, "a row was doubled"
    numbers: dict[str, set[int]] = {name: set() for name in acknowledged}
    for request in rows["request_id"]:
        name, _, number = request.partition("-")
        numbers[name].add(int(number))
    for name, there in numbers.items():
        assert there == set(range(len(there))), f"{name} has a hole"
        assert len(there) >= acknowledged[name], f"{name} lost what it had acknowledged"
    assert rows.height >= sum(acknowledged.values()) > kills
    assert rows.filter(rows["f_age"].is_null() == rows["f_x"].is_null()).height == 0, "a record was torn"


def test_a_killed_writer_keeps_what_it_acknowledged(victims: Victims, tmp_path: Path) -> None:
    kill_writers(victims, tmp_path, kills=60, seed=11)


@pytest.mark.soak
@pytest.mark.timeout(7_200)
@pytest.mark.parametrize("part", range(20))
def test_ten_thousand_killed_writers_keep_what_they_acknowledged(victims: Victims, tmp_path: Path, part: int) -> None:
    kill_writers(victims, tmp_path, kills=500, seed=100 + part)


SEALING = ("decoded", "written", "renamed", "files", "transaction", "manifest", "segment")
COMPACTING = ("written", "renamed", "transaction", "manifest", "removed")


def fill(folder: Path) -> set[str]:
    for number in range(4):
        records = [prediction(5 * number + each) for each in range(5)]
        segment([SCHEMA, *records], folder=folder, name=f"20261121T140500-1-{number:06d}-aa")
    return {f"r{number}" for number in range(20)}


def requests(folder: Path) -> list[str]:
    return predictions(folder, Window(), distinct=False).collect()["request_id"].to_list()


@pytest.mark.parametrize("point", SEALING)
def test_a_sealer_killed_anywhere_loses_and_doubles_nothing(victims: Victims, tmp_path: Path, point: str) -> None:
    written = fill(tmp_path)
    victims.ask(f"seal {tmp_path} {NOW_US} {point} 1")
    assert victims.hear() == "dead 9"
    assert sorted(requests(tmp_path)) == sorted(written), "a reader in between"
    seal(tmp_path, NOW_US)
    assert sorted(requests(tmp_path)) == sorted(written)
    now = snapshot(tmp_path)
    assert not now.unsealed
    check(tmp_path, now.files)
    on_disk = {str(path.relative_to(tmp_path)) for path in (tmp_path / "sealed").rglob("*") if path.is_file()}
    assert on_disk == {file.path for file in now.files}, "something was left behind"


@pytest.mark.parametrize("point", COMPACTING)
def test_compaction_killed_anywhere_loses_and_doubles_nothing(victims: Victims, tmp_path: Path, point: str) -> None:
    written = []
    for number in range(3):
        records = [prediction(5 * number + each) for each in range(5)]
        segment([SCHEMA, *records], folder=tmp_path, name=f"20261121T140500-1-{number:06d}-aa")
        seal(tmp_path, NOW_US)
        written += [record.request_id for record in records]
    assert len(snapshot(tmp_path).files) == 3
    later = NOW_US + 2 * HOUR_US
    victims.ask(f"compact {tmp_path} {later} {point} 1")
    assert victims.hear() == "dead 9"
    assert sorted(requests(tmp_path)) == sorted(written), "a reader in between"
    compact(tmp_path, later, grace_us=0)
    seal(tmp_path, later)
    assert sorted(requests(tmp_path)) == sorted(written)
    assert len(snapshot(tmp_path).files) == 1

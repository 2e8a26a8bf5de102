"""The log of one process: what it promises by durability, and what it does when the disk fails."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from modelwright.core.errors import AdapterError
from modelwright.core.plugins import load, load_module
from modelwright.records.ports import PredictionLog
from modelwright.records.prediction import encode
from modelwright.records.reading import Window, predictions
from modelwright.records.sealing import seal
from modelwright.records.segments import CLOSED, OPEN
from tests.unit.records.log_samples import NOW_US, SCHEMA, StandingClock, prediction

WAIT_S = 60.0


@pytest.fixture
def open_log(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    logs: list[PredictionLog] = []

    def open_one(**options: Any) -> Any:
        logs.append(load("logs", "segments")(tmp_path, **options))
        logs[-1].describe(SCHEMA)
        return logs[-1]

    yield open_one
    for log in logs:
        with contextlib.suppress(AdapterError):
            log.close()


def until(condition: Callable[[], bool]) -> None:
    give_up = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < give_up, "it never happened"
        time.sleep(0.002)


def stored(folder: Path) -> list[str]:
    return sorted(predictions(folder, Window(), distinct=False).collect()["request_id"].to_list())


def segments(folder: Path, suffix: str) -> list[Path]:
    return sorted((folder / "segments").glob(f"*{suffix}"))


def names(count: int, start: int = 0) -> list[str]:
    return sorted(f"r{number}" for number in range(start, start + count))


def append(log: PredictionLog, count: int, start: int = 0) -> None:
    for number in range(start, start + count):
        log.append(encode(prediction(number)))


@contextlib.contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """A disk without room, as far as a process can make one for itself: writes are cut short, then refused."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_what_is_committed_is_readable_before_anything_is_sealed(open_log: Callable, tmp_path: Path) -> None:
    log = open_log()
    append(log, 3)
    assert stored(tmp_path) == []
    assert log.commit() >= 3
    assert stored(tmp_path) == names(3)
    assert log.durability == "group"


def test_a_segment_is_readable_by_its_owner_only(open_log: Callable, tmp_path: Path) -> None:
    open_log()
    (path,) = segments(tmp_path, OPEN)
    assert path.stat().st_mode & 0o077 == 0


def test_group_puts_it_on_the_disk_by_itself(
    open_log: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = threading.Event()
    real = os.fdatasync
    monkeypatch.setattr(load_module("logs", "segments"), "_fdatasync", lambda fd: (real(fd), synced.set()))
    log = open_log(sync_ms=5)
    assert not synced.wait(0.05), "there was nothing to sync yet"
    append(log, 1)
    log.commit()
    assert synced.wait(WAIT_S)


def test_one_fsync_serves_all_who_wait(open_log: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    entered, go_on, calls = threading.Event(), threading.Event(), []

    def slow(_descriptor: int) -> None:
        calls.append(1)
        entered.set()
        assert go_on.wait(WAIT_S)

    monkeypatch.setattr(load_module("logs", "segments"), "_fdatasync", slow)
    log = open_log(durability="disk", sync_ms=1_000)
    called: list[int] = []
    append(log, 1)
    log.when_synced(log.commit(), lambda: called.append(-1))
    assert entered.wait(WAIT_S)  # the first fsync is under way; these come too late for it
    for number in range(50):
        append(log, 1, start=number + 1)
        log.when_synced(log.commit(), lambda number=number: called.append(number))
    assert called == []
    go_on.set()
    until(lambda: len(called) == 51)
    assert called == [-1, *range(50)]
    assert len(calls) == 2


def test_buffered_is_written_by_number_and_by_time(open_log: Callable, tmp_path: Path) -> None:
    log = open_log(durability="buffered")
    append(log, 1)
    log.commit()
    until(lambda: stored(tmp_path) == names(1))  # by time, without a further commit
    append(log, 600, start=1)
    log.commit()
    assert stored(tmp_path) == names(601)


def test_a_caller_that_fails_in_its_callback_stops_nobody(open_log: Callable) -> None:
    log = open_log(durability="disk", sync_ms=1)
    called: list[int] = []
    append(log, 1)
    position = log.commit()
    log.when_synced(position, lambda: called.append(1 // 0))
    log.when_synced(position, lambda: called.append(1))
    until(lambda: called == [1])


@pytest.mark.parametrize("nth", [1, 2, 3])
def test_after_a_failed_fsync_nothing_is_acknowledged(
    open_log: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nth: int
) -> None:
    calls: list[int] = []

    def failing(descriptor: int) -> None:
        calls.append(1)
        if len(calls) == nth:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        os.fsync(descriptor)

    monkeypatch.setattr(load_module("logs", "segments"), "_fdatasync", failing)
    log = open_log(durability="disk", sync_ms=1)
    good: list[int] = []
    bad: list[str] = []
    for number in range(nth):
        append(log, 1, start=number)
        said = len(good) + len(bad)
        log.when_synced(log.commit(), lambda number=number: good.append(number), lambda error: bad.append(error.code))
        until(lambda said=said: len(good) + len(bad) > said)
    assert good == list(range(nth - 1))
    assert bad == ["log.failed"]
    for refused in (lambda: append(log, 1, start=99), log.commit, lambda: log.when_synced(1, lambda: None), log.close):
        with pytest.raises(AdapterError) as caught:
            refused()
        assert caught.value.code == "log.failed"
    assert len(calls) == nth, "a failed fsync was tried again"
    assert set(stored(tmp_path)) >= {f"r{number}" for number in good}
    seal(tmp_path, NOW_US)
    assert "r99" not in stored(tmp_path)


def test_a_full_disk_is_said_and_the_log_goes_on_when_there_is_room(open_log: Callable, tmp_path: Path) -> None:
    log = open_log(sync_ms=1)
    acknowledged = 0
    size = segments(tmp_path, OPEN)[0].stat().st_size
    with files_no_larger_than(size + 1_000):

        def fill() -> None:
            nonlocal acknowledged
            for number in range(100):
                append(log, 1, start=number)
                log.commit()
                acknowledged += 1

        with pytest.raises(AdapterError) as caught:
            fill()
        assert caught.value.code == "log.full"
        assert caught.value.retryable
        assert 0 < acknowledged < 100
        assert stored(tmp_path) == names(acknowledged)
        append(log, 10, start=500)
        with pytest.raises(AdapterError):
            log.commit()
        assert stored(tmp_path) == names(acknowledged), "half a record was left behind"
    append(log, 3, start=acknowledged)
    log.commit()
    log.close()
    assert not seal(tmp_path, NOW_US).damage
    assert stored(tmp_path) == names(acknowledged + 3)


def test_a_schema_whose_commit_failed_is_written_with_the_next(tmp_path: Path) -> None:
    log = load("logs", "segments")(tmp_path)
    with files_no_larger_than(segments(tmp_path, OPEN)[0].stat().st_size + 20):
        log.describe(SCHEMA)
        append(log, 1)
        with pytest.raises(AdapterError):
            log.commit()
    append(log, 1, start=1)
    log.commit()
    assert stored(tmp_path) == ["r1"]
    log.close()


def test_no_room_for_a_new_segment_stays_in_the_old_one(
    open_log: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load_module("logs", "segments"), "_RECORDS", 5)
    log = open_log(sync_ms=1)

    def refuse() -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(log, "_new_file", refuse)
    append(log, 20)
    log.commit()
    append(log, 20, start=20)
    log.commit()
    assert len(segments(tmp_path, OPEN)) == 1
    assert stored(tmp_path) == names(40)
    monkeypatch.undo()
    append(log, 1, start=40)
    log.commit()
    assert stored(tmp_path) == names(41)


def test_segments_rotate_and_each_stands_for_itself(
    open_log: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load_module("logs", "segments"), "_RECORDS", 10)
    log = open_log(sync_ms=1)
    for number in range(35):
        append(log, 1, start=number)
        log.commit()
    until(lambda: len(segments(tmp_path, CLOSED)) == 3)
    assert stored(tmp_path) == names(35)
    seal(tmp_path, NOW_US)
    assert len(segments(tmp_path, OPEN)) == 1, "the segment that is being written was touched"
    append(log, 1, start=35)
    log.commit()
    assert stored(tmp_path) == names(36)


def test_a_segment_is_closed_by_its_age_without_further_requests(
    open_log: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load_module("logs", "segments"), "_AGE_S", 0.02)
    log = open_log(sync_ms=1)
    append(log, 2)
    log.commit()
    until(lambda: len(segments(tmp_path, CLOSED)) == 1)
    until(lambda: seal(tmp_path, NOW_US).rows == 2)
    assert stored(tmp_path) == names(2)


def test_two_writers_and_a_sealer_at_once(open_log: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load_module("logs", "segments"), "_RECORDS", 20)
    logs = [open_log(sync_ms=1), open_log(sync_ms=1)]

    def write(which: int) -> None:
        for number in range(100):
            append(logs[which], 1, start=1_000 * which + number)
            logs[which].commit()

    writers = [threading.Thread(target=write, args=(which,)) for which in (0, 1)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        seal(tmp_path, NOW_US)
        found = stored(tmp_path)
        assert len(found) == len(set(found))
    for each in [*writers]:
        each.join()
    assert stored(tmp_path) == sorted(names(100) + names(100, 1_000))
    for log in logs:
        log.close()
    seal(tmp_path, NOW_US)
    assert stored(tmp_path) == sorted(names(100) + names(100, 1_000))


def test_a_clock_that_jumps_back_neither_loses_nor_overwrites(
    open_log: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load_module("logs", "segments"), "_RECORDS", 5)
    clock = StandingClock()
    log = open_log(sync_ms=1, clock=clock)
    for number in range(20):
        clock.move(hours=-7 if number % 2 else 6)
        append(log, 1, start=number)
        log.commit()
    log.close()
    assert len(segments(tmp_path, CLOSED)) == 5
    seal(tmp_path, NOW_US - 10**12)
    assert stored(tmp_path) == names(20)


def test_an_idle_log_leaves_nothing_behind(tmp_path: Path) -> None:
    log = load("logs", "segments")(tmp_path)
    log.close()
    assert list((tmp_path / "segments").iterdir()) == []
    with pytest.raises(AdapterError):
        log.append(b"x")


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "segments").write_text("a file stands in the way")
    with pytest.raises(AdapterError) as caught:
        load("logs", "segments")(tmp_path)
    assert caught.value.code == "log.failed"


@pytest.mark.soak
@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace to make fdatasync fail for real")
@pytest.mark.parametrize("nth", [*range(1, 12), 50, 200])
def test_a_real_failure_of_fdatasync_ends_the_acknowledgements(tmp_path: Path, nth: int) -> None:
    fault = ["-e", "trace=fdatasync", "-e", f"inject=fdatasync:error=EIO:when={nth}"]
    done = subprocess.run(
        ["strace", "-f", "-qq", "-o", "/dev/null", *fault, sys.executable, "-m", "tests.unit.adapters.log_victim"],
        input=f"write {tmp_path} w disk 5\n",
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(["src", "."])},
    )
    *said, failed, dead = done.stdout.split("\n")[:-1]
    assert (failed, dead) == ("failed log.failed", "dead 0")
    acknowledged = int(said[-1]) if len(said) > 1 else 0
    rows = predictions(tmp_path, Window(), distinct=False).collect()
    assert len(said) - 1 <= nth - 1  # a rotation needs one more
    assert {f"w-{number}" for number in range(acknowledged)} <= set(rows["request_id"])

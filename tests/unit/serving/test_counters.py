"""Counters in shared memory: summed over processes, kept over their deaths."""

from __future__ import annotations

import os

from modelwright.serving.counters import BUCKETS_US, READY, Board, Counters, Reading


def _found(readings: list[Reading], name: str) -> dict[tuple[str, ...], float]:
    (reading,) = [each for each in readings if each.name == name]
    return {tuple(labels.values()): value for labels, value, suffix in reading.values if not suffix}


def test_any_process_sees_the_sum_and_the_next_process_goes_on_counting() -> None:
    board = Board(3)
    mine = Counters(board, 0)
    mine.count("http_requests", ("churn", "200"))
    for _ in range(2):  # two processes, one after the other, in the same slot
        child = os.fork()
        if child == 0:
            theirs = Counters(board, 1)
            for _ in range(1_000):
                theirs.count("http_requests", ("churn", "200"))
            theirs.count("http_requests", ("churn", "503"), 2)
            theirs.put("in_flight", 7)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
    assert _found(mine.read(), "http_requests") == {("churn", "200"): 2_001, ("churn", "503"): 4}
    assert _found(mine.read(), "in_flight") == {(): 7}
    board.clear_life(1)
    assert _found(mine.read(), "in_flight") == {(): 0}, "what was in flight died with its process"
    assert _found(mine.read(), "http_requests")[("churn", "503")] == 4


def test_the_histogram_adds_up() -> None:
    board = Board(2)
    one, other = Counters(board, 0), Counters(board, 1)
    for us in (1, 50, 51, 10**8):
        one.observe_latency(us)
        other.observe_latency(us)
    (reading,) = [each for each in board.read() if each.kind == "histogram"]
    buckets = [(labels["le"], value) for labels, value, suffix in reading.values if suffix == "_bucket"]
    assert buckets[0] == ("5e-05", 4)
    assert buckets[1] == ("0.0001", 6)
    assert buckets[-1] == ("+Inf", 8)
    assert len(buckets) == len(BUCKETS_US) + 1
    assert [value for _, value, suffix in reading.values if suffix == "_count"] == [8]
    assert [value for _, value, suffix in reading.values if suffix == "_sum"] == [2 * (102 + 10**8) / 1e6]


def test_too_many_names_are_counted_together_and_nothing_breaks() -> None:
    counters = Counters(Board(1), 0)
    for number in range(3_000):
        counters.count("predictions", (f"model{number}", "1", "champion"))
    readings = counters.read()
    assert sum(_found(readings, "predictions").values()) + _found(readings, "counters_overflow")[()] == 3_000


def test_a_long_name_and_a_separator_in_a_label_stay_readable() -> None:
    counters = Counters(Board(1), 0)
    counters.count("failed", ("m\x1fn", "1", "ü" * 400))
    counters.count("failed", ("m\x1fn", "1", "ü" * 400))
    ((labels, value),) = _found(counters.read(), "failed").items()
    assert labels[:2] == ("m n", "1")
    assert value == 2


def test_gauges_of_each_process_are_told_apart_and_the_living_are_counted() -> None:
    board = Board(3)
    for slot in (1, 2):
        counters = Counters(board, slot)
        counters.put("memory_bytes", 100.0 * slot)
        counters.state = READY
    assert _found(board.read(), "memory_bytes") == {("1",): 100.0, ("2",): 200.0}
    assert _found(board.read(), "workers") == {(): 2}


def test_latencies_are_told_apart_by_model_and_the_models_are_bounded() -> None:
    board = Board(2)
    counters = Counters(board, 0)
    for _ in range(3):
        counters.observe_latency(80, "quick")
    Counters(board, 1).observe_latency(400_000, "slow")
    Counters(board, 0).observe_latency(80, "quick")
    found = {each.name: each for each in board.read() if each.kind == "histogram"}
    whole, by_model = found["request_duration_seconds"], found["model_request_duration_seconds"]
    counts = {labels["model"]: value for labels, value, suffix in by_model.values if suffix == "_count"}
    assert counts == {"quick": 4, "slow": 1}
    assert [value for _, value, suffix in whole.values if suffix == "_count"] == [5]
    sums = {labels["model"]: value for labels, value, suffix in by_model.values if suffix == "_sum"}
    assert sums == {"quick": 4 * 80 / 1e6, "slow": 0.4}
    for number in range(200):
        counters.observe_latency(80, f"model{number}")
    (by_model,) = [each for each in board.read() if each.name == "model_request_duration_seconds"]
    counts = {labels["model"]: value for labels, value, suffix in by_model.values if suffix == "_count"}
    assert len(counts) == 18  # 16 of one process, one of another, and all that came later
    assert counts["_other"] == 185

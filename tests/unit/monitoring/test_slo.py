"""Burn rates: two windows at a time, a guard for few requests, servers that begin again."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from modelwright.core.errors import AdapterError
from modelwright.lifecycle import health
from modelwright.lifecycle.workspace import Workspace
from modelwright.monitoring.slo import POLICIES, Sample, increase, judge, signals
from modelwright.serving.counters import Board, Counters
from modelwright.spec.monitoring import SloSpec

NOW = 1_000_000.0
SPEC = SloSpec(availability=0.999, min_requests=100)


def steady(rate: float, bad: float, *, since_s: float, until_s: float = 0.0, every_s: float = 60.0) -> list[Sample]:
    """`rate` requests a second, of which the share `bad` fails from `since_s` to `until_s` before NOW."""
    found, requests, errors, at = [], 0.0, 0.0, NOW - 3 * 86_400.0
    while at <= NOW:
        found.append(Sample(at_s=at, requests=requests, errors=errors))
        requests += rate * every_s
        errors += rate * every_s * (bad if NOW - since_s <= at < NOW - until_s else 0.0)
        at += every_s
    return found


def burning(samples: list[Sample], spec: SloSpec = SPEC) -> list[float]:
    return [each.factor for each in judge(samples, spec, NOW) if each.burning and each.objective == "availability"]


def test_the_three_policies_are_those_of_the_book() -> None:
    said = [(each.factor, each.long_s, each.short_s, each.severity) for each in POLICIES]
    assert said == [(14.4, 3600, 300, "page"), (6.0, 21600, 1800, "page"), (1.0, 259200, 21600, "ticket")]


@pytest.mark.parametrize(
    ("bad", "since_s", "until_s", "expected"),
    [
        (0.0, 3_600, 0, []),
        (0.02, 3_600, 0, [14.4]),  # 20 times too fast for an hour; 3.3 times over 6 h, 0.28 over 3 d
        (0.02, 3_600, 600, []),  # it is over: the short window says so
        (0.007, 21_600, 0, [6.0]),  # 7 times for 6 h; 0.6 over 3 d
        (0.0015, 259_200, 0, [1.0]),  # 1.5 times for 3 days
        (0.0009, 259_200, 0, []),  # within the objective
        (0.5, 200, 0, [14.4, 6.0, 1.0][:1]),  # everything fails for three minutes: 28 times over the hour
    ],
)
def test_a_policy_fires_when_both_its_windows_burn(
    bad: float, since_s: float, until_s: float, expected: list[float]
) -> None:
    found = burning(steady(10.0, bad, since_s=since_s, until_s=until_s))
    assert [each for each in found if each in expected] == expected
    assert not expected or found[0] == expected[0]
    assert expected or not found


def test_few_requests_raise_nothing() -> None:
    assert burning(steady(0.02, 0.5, since_s=3_600)) != []  # 72 an hour, but 432 in 6 hours
    assert burning(steady(0.02, 0.5, since_s=3_600), SloSpec(availability=0.999, min_requests=10_000)) == []
    assert burning([]) == []
    assert burning([Sample(at_s=NOW, requests=5_000, errors=5_000)]) == []  # one look is no window


def test_a_server_that_began_again_loses_nothing() -> None:
    samples = [
        Sample(at_s=NOW - 300, requests=1_000, errors=10),
        Sample(at_s=NOW - 200, requests=1_500, errors=20),
        Sample(at_s=NOW - 100, requests=40, errors=4),
        Sample(at_s=NOW, requests=100, errors=4),
    ]
    assert increase(samples, "errors", NOW - 300, NOW) == (600, 14)


def test_one_signal_per_objective_with_the_most_urgent_policy() -> None:
    found = signals(judge(steady(10.0, 0.9, since_s=30_000), SPEC, NOW))
    assert [(each.subject, each.severity) for each in found] == [("slo:availability", "page")]
    assert "14.4" in found[0].message


def test_samples_come_from_the_counters_that_a_server_shows() -> None:
    from modelwright.interfaces.http.exposition import text

    counters = Counters(Board(2), 1)
    for status, by in (("200", 95.0), ("500", 3.0), ("503", 2.0)):
        counters.count("http_requests", ("churn", status), by)
    counters.count("http_requests", ("other", "500"), 50.0)
    counters.count("degraded", ("churn", "constant"), 7.0)
    for _ in range(90):
        counters.observe_latency(900)
    for _ in range(10):
        counters.observe_latency(400_000)
    counters.put("memory_bytes", 1e6)
    metrics = health.parse(text(counters.read()).decode())
    at = datetime(2026, 11, 21, tzinfo=UTC)
    sample = health.sample_of(metrics, "churn", SloSpec(latency_ms=250.0), at)
    assert (sample.requests, sample.errors, sample.degraded) == (100, 5, 7)
    assert sample.slow == pytest.approx(10.0)
    said = health.of_server(metrics, "churn")
    assert 0.75 <= said["latency_ms"]["p50"] <= 1.0
    assert 250.0 < said["latency_ms"]["p99"] <= 500.0
    assert said["memory_bytes"] == 1e6


def test_a_slow_neighbour_does_not_spend_the_budget_of_a_quick_model() -> None:
    from modelwright.interfaces.http.exposition import text

    counters = Counters(Board(2), 1)
    for name, us in (("churn", 900), ("slow", 400_000)):
        counters.count("http_requests", (name, "200"), 50.0)
        for _ in range(50):
            counters.observe_latency(us, name)
    metrics = health.parse(text(counters.read()).decode())
    at, spec = datetime(2026, 11, 21, tzinfo=UTC), SloSpec(latency_ms=250.0)
    assert health.sample_of(metrics, "churn", spec, at).slow == 0.0
    assert health.sample_of(metrics, "slow", spec, at).slow == pytest.approx(50.0)
    assert health.of_server(metrics, "churn")["latency_ms"]["p99"] <= 1.0
    assert health.of_server(metrics, "slow")["latency_ms"]["p50"] > 250.0


def test_samples_are_kept_and_a_cut_line_is_passed_over(tmp_path: Path) -> None:
    workspace, now = Workspace(tmp_path), datetime.fromtimestamp(NOW, UTC)
    for number in range(3):
        health.keep(workspace, "churn", Sample(at_s=NOW - 10 * number, requests=float(number)))
    with (tmp_path / "health" / "churn.jsonl").open("ab") as file:
        file.write(b'\n{"at_s": 3')
    health.keep(workspace, "churn", Sample(at_s=NOW - 9e6, requests=1.0))
    assert [sample.requests for sample in health.samples(workspace, "churn", now)] == [2, 1, 0]


def test_a_server_that_is_away_is_named() -> None:
    with pytest.raises(AdapterError, match="cannot be read"):
        health.fetch("file:///etc/passwd")
    with pytest.raises(AdapterError, match="cannot be read"):
        health.fetch("http://127.0.0.1:9/metrics", timeout_s=2.0)

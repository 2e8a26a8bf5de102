"""Schedules, triggers, cool-down, caps: decided from the journal alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from modelwright.core.clock import timestamp
from modelwright.core.errors import SpecError
from modelwright.core.nouns import Event
from modelwright.monitoring import policy
from modelwright.monitoring.policy import Seen, decide
from modelwright.monitoring.triggers import next_after
from modelwright.spec.monitoring import RetrainingSpec

AT = datetime(2026, 11, 21, 10, 30, tzinfo=UTC)  # a Saturday


def happened(*told: tuple[str, float, dict[str, Any]]) -> list[Event]:
    """Events by kind, hours before AT, and payload."""
    return [
        Event(
            sequence=number, at=timestamp(AT - timedelta(hours=hours)), actor="watch", kind=f"retraining.{kind}",
            subject="retraining:churn", payload={"token": number, **payload},
        )
        for number, (kind, hours, payload) in enumerate(told, 1)
    ]  # fmt: skip


def job(hours: float, name: str = "churn-r1", seconds: float = 10.0) -> list[tuple[str, float, dict[str, Any]]]:
    return [
        ("started", hours, {"job": name, "trigger": "drift", "champion": 1}),
        ("trained", hours, {"job": name, "seconds": seconds}),
        ("finished", hours, {"job": name, "outcome": "held", "reason": "worse"}),
    ]


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("*/15 * * * *", "2026-11-21T10:45"),
        ("30 10 * * *", "2026-11-22T10:30"),
        ("0 3 * * 1", "2026-11-23T03:00"),
        ("0 3 * * 0", "2026-11-22T03:00"),
        ("0 3 * * 7", "2026-11-22T03:00"),
        ("0 0 1 * *", "2026-12-01T00:00"),
        ("0 0 29 2 *", "2028-02-29T00:00"),
        ("0 0 13 * 5", "2026-11-27T00:00"),
        ("5-10/5,50 8-9,11 * * *", "2026-11-21T11:05"),
        ("24h", "2026-11-22T09:30"),
    ],
)
def test_the_next_time_of_a_schedule(schedule: str, expected: str) -> None:
    found = next_after(schedule, AT, AT - timedelta(hours=1))
    assert found.isoformat().startswith(expected)


@pytest.mark.parametrize(
    "schedule", ["", "* * * *", "60 * * * *", "* * 31 2 *", "a * * * *", "*/0 * * * *", "5-2 * * * *", "0h"]
)
def test_a_schedule_that_cannot_be_is_refused(schedule: str) -> None:
    with pytest.raises(SpecError) as told:
        next_after(schedule, AT, AT)
    assert told.value.code == "retraining.schedule"


WATCHED = [("watched", 30.0, {"source": "b3:old"})]


@pytest.mark.parametrize(
    ("said", "seen", "expected"),
    [
        ({}, Seen(), ""),
        ({}, Seen(drift=True), "drift"),
        ({}, Seen(drift=True, decay=True), "decay"),
        ({"on_drift": False}, Seen(drift=True), ""),
        ({"new_labels": 50}, Seen(labels=49), ""),
        ({"new_labels": 50}, Seen(labels=50), "50 labels arrived"),
        ({"new_rows": 10}, Seen(rows=11), "11 rows arrived"),
        ({"on_new_data": True}, Seen(source="b3:new"), "new data"),
        ({"on_new_data": True}, Seen(source="b3:old"), ""),
        ({}, Seen(source="b3:new"), ""),
        ({"schedule": "24h"}, Seen(), "schedule"),
        ({"schedule": "48h"}, Seen(), ""),
    ],
)
def test_each_trigger(said: dict[str, Any], seen: Seen, expected: str) -> None:
    assert decide(happened(*WATCHED), "churn", RetrainingSpec(**said), seen, AT).trigger == expected


def test_a_cool_down_a_cap_and_a_budget_make_it_wait() -> None:
    seen = Seen(drift=True)
    soon = decide(happened(*job(1.0)), "churn", RetrainingSpec(), seen, AT)
    assert "cool_down" in soon.waiting
    many = [event for number in range(2) for event in job(10.0 - number, f"churn-r{number}")]
    assert "max_per_day" in decide(happened(*many), "churn", RetrainingSpec(max_per_day=2), seen, AT).waiting
    dear = decide(happened(*job(10.0, seconds=500)), "churn", RetrainingSpec(budget_s_per_day=400), seen, AT)
    assert "budget_s_per_day" in dear.waiting
    assert decide(happened(*job(25.0, seconds=500)), "churn", RetrainingSpec(max_per_day=1), seen, AT).trigger


def test_by_hand_waits_for_nothing_and_counts_once() -> None:
    asked = [*job(0.1), ("asked", 0.0, {})]
    assert decide(happened(*asked), "churn", RetrainingSpec(max_per_day=1), Seen(), AT).trigger == policy.BY_HAND
    assert decide(happened(*asked, *job(0.0, "churn-r2")), "churn", RetrainingSpec(), Seen(), AT).trigger == ""


def test_a_time_that_nobody_watched_is_made_up_for_or_skipped() -> None:
    events = happened(*WATCHED)
    late = AT - timedelta(minutes=1)  # this watcher began a minute ago, a day too late
    assert not policy.skipped(events, "churn", RetrainingSpec(schedule="24h"), late)
    assert policy.skipped(events, "churn", RetrainingSpec(schedule="24h", misfire="skip"), late)


def test_a_clock_set_back_starts_no_storm() -> None:
    future = happened(*job(-5.0))  # the last one began five hours from now
    assert decide(future, "churn", RetrainingSpec(schedule="1h"), Seen(), AT).trigger == ""


def test_a_job_is_what_its_events_say() -> None:
    (found,) = policy.fold(happened(*job(1.0)), "churn")
    assert (found.outcome, found.train_s, list(found.stages)) == ("held", 10.0, ["trained"])
    assert policy.unfinished([found]) is None
    assert policy.token_of(happened(*job(1.0)), "churn") == 3

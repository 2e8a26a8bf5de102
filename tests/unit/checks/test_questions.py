"""What is asked about beside what is condemned: telling forms and names, kin of a condemned column, what follows."""

from __future__ import annotations

import numpy as np
import pytest

from modelwright.checks import names
from modelwright.checks.data.post_event import PLUGIN as POST_EVENT
from modelwright.checks.strengths import table
from modelwright.core.nouns import Finding, Severity


def _found(columns: dict[str, object], target: str = "y") -> dict[str, Finding]:
    return {one.subject.partition(":")[2]: one for one in POST_EVENT.run(table(columns, target=target))}


def _strong(
    n: int = 900,
) -> tuple[np.random.Generator, dict[str, object], np.ndarray[tuple[int, ...], np.dtype[np.int64]]]:
    """Honest columns so strong that nothing falls when a leak is taken away."""
    rng = np.random.default_rng(4)
    y = (rng.random(n) < 0.4).astype(np.int64)
    columns: dict[str, object] = {f"m{at}": y * 1.6 + rng.normal(size=n) for at in range(8)}
    return rng, columns | {"y": y}, y


@pytest.mark.parametrize(("name", "severity"), [("refund_amount", Severity.HIGH), ("extra", Severity.MEDIUM)])
def test_an_amount_that_one_class_alone_has_is_named_however_strong_the_rest(name: str, severity: Severity) -> None:
    rng, columns, y = _strong()
    amount = np.where(rng.random(y.size) < np.where(y == 1, 0.92, 0.03), rng.gamma(3, 40, y.size), 0.0)
    found = _found({name: amount} | columns)
    assert found[name].severity is severity
    assert not found[name].blocking
    assert set(found) == {name}


def test_an_amount_that_both_classes_have_is_left_alone() -> None:
    rng, columns, y = _strong()
    amount = np.where(rng.random(y.size) < np.where(y == 1, 0.7, 0.3), rng.gamma(3, 40, y.size), 0.0)
    assert not _found({"extra_amount": amount} | columns)


def test_kin_of_a_condemned_column_and_what_follows_from_them_are_asked_about() -> None:
    rng = np.random.default_rng(2)
    n = 1500
    planned, delay = rng.integers(6, 22, n) * 60, rng.exponential(20, n) * (rng.random(n) < 0.4)
    left = (planned + delay).round().astype(int)
    columns = {
        "dep_delay": delay.round(),
        "dep_time": left // 60 * 100 + left % 60 // 10 * 10,
        "air_time": rng.normal(90, 20, n).round(),
        "sched_dep_time": planned,
        "hour": left // 60,
        "distance": rng.normal(900, 200, n).round(),
        "y": (delay + rng.normal(0, 8, n) > 15).astype(int),
    }
    found = _found(columns)
    assert found["dep_delay"].blocking
    assert set(found) == {"dep_delay", "dep_time", "air_time", "hour"}
    assert {found[name].blocking for name in ("air_time", "hour")} == {False}


def test_names_of_durations_and_kin() -> None:
    assert names.is_duration("air_time")
    assert names.is_duration("handlingMinutes")
    assert not names.is_duration("planned_air_time")
    assert not names.is_duration("signup_time")
    assert names.is_related("dep_time", "dep_delay")
    assert not names.is_related("sched_dep_time", "dep_delay")
